"""Sets a sheet as tagged PDF (PDF/UA-1: title, language, headings, table headers): the same data, the same bytes."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import font_source_sans_pro
import typst

_TEMPLATE = Path(__file__).parent / "templates" / "paper.typ"
_setting = threading.Lock()  # one compiler keeps its fonts and its parsed template, and works for one at a time


def set_in_type(data: Mapping[str, Any]) -> bytes:
    """The sheet of `data`, which papers.py makes. What stands in it is text for the template, never markup."""
    with _setting:
        made = _compiler().compile(
            format="pdf", sys_inputs={"data": json.dumps(data, ensure_ascii=False)}, pdf_standards="ua-1", timestamp=0
        )
    assert isinstance(made, bytes)
    return made


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[font_source_sans_pro.font_directory]
    )
    return typst.Compiler(_TEMPLATE, root=_TEMPLATE.parent, font_paths=fonts)
