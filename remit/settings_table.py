"""The table of docs/settings.md, from the Settings class. `python -m remit.settings_table` puts it there."""

from __future__ import annotations

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from billing.config import Settings
from remit.folders import ROOT

DOCUMENT = ROOT / "docs" / "settings.md"
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"


def settings_table() -> str:
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    lines += [f"| `{name.upper()}` | {_default(field)} | {field.description} |" for name, field in _fields()]
    return "\n".join(lines)


def document_with(table: str, document: str) -> str:
    """`document` with what stands between its two marks replaced by `table`."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _fields() -> list[tuple[str, FieldInfo]]:
    return list(Settings.model_fields.items())


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**required**"
    return f"`{field.default}`" if field.default != "" else "empty"


if __name__ == "__main__":
    DOCUMENT.write_text(document_with(settings_table(), DOCUMENT.read_text()))
