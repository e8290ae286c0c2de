"""Phone numbers, dates, sums and times: numbers with separators inside them that are no part of a card number."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.redact.runs import Part, Run
from assistant.redact.words import SILENT

_HIDDEN = "\0"
_OTHERS = re.compile(
    r"""(?<![0-9]) (?<![0-9][/.,:-]) (?:
        (?: 1[ .-]? )? \(? [2-9][0-9]{2} \)? [ .-]{1,2} [2-9][0-9]{2} [ .-] [0-9]{4}
      | (?:19|20)[0-9]{2} [/.-] (?:0?[1-9]|1[0-2]) [/.-] (?:0?[1-9]|[12][0-9]|3[01])
      | (?:0?[1-9]|[12][0-9]|3[01]) [/.-] (?:0?[1-9]|[12][0-9]|3[01]) [/.-] (?:20)?[0-9]{2}
      | [0-9]{1,6} (?: [, ][0-9]{3} ){0,2} [.,][0-9]{2}
      | [0-2]?[0-9] : [0-5][0-9] (?: :[0-5][0-9] )?
    ) (?! [/.,:-]? [0-9] )""",
    re.VERBOSE,
)


class Others:
    """Where in a run such numbers stand."""

    def __init__(self, text: str, run: Run) -> None:
        start = max(0, run.start - 2)  # what stands before it tells whether a number begins there
        self._place = start - 1
        self._shown = f" {_OTHERS.sub(_hide, text[start : run.end + 2])} "

    def account_for(self, parts: Sequence[Part]) -> bool:
        """Whether all `parts` belong to them, or the first or the last one belongs with what is beside it."""
        start, end = parts[0].start - self._place, parts[-1].end - self._place
        if _HIDDEN * 2 in (self._shown[start - 1 : start + 1], self._shown[end - 1 : end + 1]):
            return True
        return all(self._shown[part.start - self._place] == _HIDDEN for part in parts if part.kind not in SILENT)


def _hide(found: re.Match[str]) -> str:
    return _HIDDEN * len(found[0])
