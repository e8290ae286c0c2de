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
    """The sheet of `data`, which papers.py makes. What stands in it is text for the template, never markup.

    A name in a script that our face lacks (李, م) is set in what the machine has, or in boxes. PDF/UA allows no boxes,
    so that sheet is no PDF/UA: better than no receipt.
    """
    inputs = {"data": json.dumps(data, ensure_ascii=False)}
    with _setting:
        try:
            made = _compiler(ours_alone=True).compile(
                format="pdf", sys_inputs=inputs, pdf_standards="ua-1", timestamp=0
            )
        except typst.TypstError as error:
            if "could not be displayed" not in error.message:
                raise
            made = _compiler(ours_alone=False).compile(format="pdf", sys_inputs=inputs, timestamp=0)
    assert isinstance(made, bytes)
    return made


@cache
def _compiler(*, ours_alone: bool) -> typst.Compiler:
    fonts = typst.Fonts(
        include_system_fonts=not ours_alone,
        include_embedded_fonts=not ours_alone,
        font_paths=[font_source_sans_pro.font_directory],
    )
    return typst.Compiler(_TEMPLATE, root=_TEMPLATE.parent, font_paths=fonts)
