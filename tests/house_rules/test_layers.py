"""What import-linter (pyproject.toml, `make lint`) does not see: the bot, which lives in another environment."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

from remit.folders import ROOT

OURS = {"billing", "assistant", "actions", "webhook", "worker", "sandbox", "remit"}


def imports(folder: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in folder.rglob("*.py"):
        if ".venv" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in names:
                found.setdefault(name.split(".")[0], set()).add(file.name)
    return found


def test_the_bot_imports_none_of_the_services_packages() -> None:
    found = imports(ROOT / "bot")
    assert found and not {name: files for name, files in found.items() if name in OURS}


def test_no_package_of_ours_imports_the_bot() -> None:
    assert not {name: files for name in OURS if (files := imports(ROOT / name).get("bot"))}


def test_the_two_environments_pin_different_pythons() -> None:
    service = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    bot = tomllib.loads((ROOT / "bot" / "pyproject.toml").read_text())["project"]["requires-python"]
    assert (service, bot) == (">=3.11", "==3.10.*")  # Rasa 3.6 cannot share one (docs/adr/0001)
