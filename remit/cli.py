"""`remit …`: the operator's and developer's way in. Every error is one clear line and an exit code."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from remit.child import end_with_parent
from remit.plan import SUPERVISOR_FILE
from remit.running import AlreadyRunning, NotRunning
from remit.watch import CannotStart

app = typer.Typer(
    name="remit",
    help="Pay a bill in a conversation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def remit() -> None:
    """Pay a bill in a conversation."""


@app.command("up")
def up_command(
    demo: Annotated[bool, typer.Option(help="With sandbox bank, mailbox, demo page and demo data.")] = False,
    port: Annotated[int, typer.Option(envvar="PORT", help="The edge's port; the next four are taken too.")] = 8000,
    reset: Annotated[bool, typer.Option(help="Throw the embedded database away first.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Start these processes only (can be repeated).")] = None,
    processes: Annotated[Path, typer.Option(help="Another supervisor file.")] = SUPERVISOR_FILE,
    tied: Annotated[bool, typer.Option(help="Stop when the calling process ends, however it ends.")] = False,
) -> None:
    """Run all processes until Ctrl-C or SIGTERM; with an embedded PostgreSQL unless DATABASE_URL is set."""
    from remit.up import up  # noqa: PLC0415 loads a second's worth of libraries

    if tied:
        end_with_parent(signal.SIGTERM)
    raise typer.Exit(up(demo=demo, port=port, reset=reset, only=tuple(only or ()), supervisor_file=processes))


def main() -> None:
    try:
        app()
    except (AlreadyRunning, CannotStart, NotRunning) as error:
        sys.stderr.write(f"remit: {error}\n")
        sys.exit(1)
