from __future__ import annotations

import re

from remit.folders import ROOT
from remit.settings_table import DOCUMENT, document_with, settings_table


def test_every_setting_of_the_service_is_documented() -> None:
    written = DOCUMENT.read_text()
    assert written == document_with(settings_table(), written), "run: uv run python -m remit.settings_table"


def test_every_setting_of_the_bot_is_documented() -> None:
    read = set(re.findall(r'"((?:BOT|ACTIONS)_[A-Z_]+)"', (ROOT / "bot" / "settings.py").read_text()))
    assert read and not [name for name in read if f"| `{name}` |" not in DOCUMENT.read_text()]
