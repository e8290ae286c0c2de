"""Shows steps while they run: a moving line each on a terminal, one plain line each elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text


class _Seconds(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_time or task.elapsed or 0:.0f} s", style="dim")


class Steps:
    """`with Steps() as steps: with steps("Training the model"): …`; steps may run in parallel, from threads."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        moving = sys.stdout.isatty() and not os.environ.get("CI")
        columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), _Seconds())
        self._progress = Progress(TextColumn(" "), *columns, console=self.console) if moving else None

    def __enter__(self) -> Steps:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()

    @contextmanager
    def __call__(self, title: str) -> Iterator[None]:
        began = time.monotonic()
        task = self._progress.add_task(title, total=1) if self._progress else None
        try:
            yield
        except BaseException:
            if self._progress and task is not None:
                self._progress.remove_task(task)
            self.console.print(f"  ✗ {title}  {time.monotonic() - began:.0f} s")
            raise
        if self._progress and task is not None:
            self._progress.update(task, completed=1)
        else:
            self.console.print(f"  ✓ {title}  {time.monotonic() - began:.0f} s")
