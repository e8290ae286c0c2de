"""`remit …`: the operator's and developer's way in. Every error is one clear line and an exit code.

Commands load what they need when they run: the books' libraries take a second, and `--help` should not.
"""

from __future__ import annotations

import signal
import sys
import threading
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from billing.errors import BillingError
from remit.child import end_with_parent
from remit.errors import CommandFailed
from remit.folders import var_folder
from remit.plan import SUPERVISOR_FILE
from remit.running import address_of_edge, use_running_settings

# ruff: noqa: PLC0415 see above


class Channel(StrEnum):
    CHAT = "chat"
    SMS = "sms"
    VOICE = "voice"


TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]

app = typer.Typer(
    name="remit",
    help="Pay a bill in a conversation. Beside a running stack, commands find its settings by themselves.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
demo_app = typer.Typer(help="The demo's data; only while the sandbox is on.", no_args_is_help=True)
app.add_typer(demo_app, name="demo")
operator_app = typer.Typer(help="What the machine must not decide alone.", no_args_is_help=True)
app.add_typer(operator_app, name="operator")
stripe_app = typer.Typer(help="Stripe, where it takes the money (docs/stripe.md).", no_args_is_help=True)
app.add_typer(stripe_app, name="stripe")


@app.command("up")
def up_command(
    demo: Annotated[bool, typer.Option(help="With sandbox bank, mailbox, demo page and demo data.")] = False,
    port: Annotated[int, typer.Option(envvar="PORT", help="The edge's port; the next four are taken too.")] = 8000,
    reset: Annotated[bool, typer.Option(help="Throw the embedded database away first.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Start this process only (can be repeated).")] = None,
    processes: Annotated[Path, typer.Option(help="Another supervisor file.")] = SUPERVISOR_FILE,
    tied: Annotated[bool, typer.Option(help="Stop when the calling process ends, however it ends.")] = False,
) -> None:
    """Run all processes until Ctrl-C or SIGTERM; with an embedded PostgreSQL unless DATABASE_URL is set."""
    from remit.up import up

    if tied:
        end_with_parent(signal.SIGTERM)
    raise typer.Exit(up(demo=demo, port=port, reset=reset, only=tuple(only or ()), supervisor_file=processes))


@app.command("migrate")
def migrate_command() -> None:
    """Bring the database's schema up to date."""
    from billing.config import get_settings
    from remit.migrate import migrate

    use_running_settings()
    migrate(get_settings().database_url)


@app.command("train")
def train_command() -> None:
    """Train the dialogue model if its inputs changed."""
    from remit.model import train
    from remit.progress import Steps

    with Steps() as steps:
        train(steps, var_folder() / "log" / "train.log", threading.Event())


@app.command("chat")
def chat_command(
    email: Annotated[
        str, typer.Option("--as", envvar="AS", help="Address of the portal user who talks.")
    ] = "maya@northwind.example",
    say: Annotated[
        str,
        typer.Option(
            envvar="SAY",
            help="Turns, separated by |. In chat, \\[1] or \\[title] presses a button; by sms, \\[code] is the one-time"
            " code of the newest text or mail, and \\[pay] the two digits of the newest “Reply 27 to pay”. On the phone"
            " digits, * and # are keys, - is silence, and other words are spoken.",
        ),
    ] = "",
    channel: Annotated[
        Channel, typer.Option(envvar="CHANNEL", help="The chat widget, or the sandbox's telephone.")
    ] = Channel.CHAT,
    as_json: Annotated[
        bool, typer.Option("--json/--no-json", envvar="JSON", help="One JSON list, an entry a turn.")
    ] = False,
) -> None:
    """Talk to the running stack, by chat, by text or by phone; without --say by hand."""
    from billing.config import get_settings
    from remit.call_chat import call_chat
    from remit.chat import chat
    from remit.text_chat import text_chat

    use_running_settings()
    settings = get_settings()
    if channel is Channel.SMS:
        raise typer.Exit(text_chat(settings, email, say or None, as_json=as_json))
    if channel is Channel.VOICE:
        raise typer.Exit(call_chat(settings, email, say or None, as_json=as_json))
    raise typer.Exit(chat(settings, address_of_edge(settings.public_url), email, say or None, as_json=as_json))


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="CSV or JSON, see docs/import-format.md.")],
) -> None:
    """Take over a billing system's accounts, users, invoices, credits and payments: the whole file or nothing."""
    from billing.config import get_settings
    from remit.books import import_books

    use_running_settings()
    import_books(get_settings(), file)


@app.command("verify")
def verify_command() -> None:
    """Check every invariant of the books, in SQL; exit code 1 and the rows when one does not hold."""
    from billing.config import get_settings
    from remit.books import verify_books

    use_running_settings()
    raise typer.Exit(verify_books(get_settings()))


@app.command("compare")
def compare_command(
    since: Annotated[
        datetime | None,
        typer.Option(formats=TIMES, metavar="WHEN", help="From when, like 2026-11-22T09:30; a day before --until."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=TIMES, metavar="WHEN", help="Up to when; now unless said.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Hold the gateway's payments, refunds, disputes and events against the books; exit code 1 when they differ."""
    from billing.config import get_settings
    from remit.compare import compare_books

    use_running_settings()
    raise typer.Exit(compare_books(get_settings(), since, until, as_json=as_json))


@app.command("health")
def health_command() -> None:
    """Show every process of the running stack: state, pid, memory."""
    from remit.health import show_health

    raise typer.Exit(show_health(var_folder(), address_of_edge("")))


@demo_app.command("reset")
def demo_reset_command() -> None:
    """Put accounts, bank, mailbox and phones back to the beginning, while the stack runs."""
    from billing.config import get_settings
    from remit.demo import reset_demo

    use_running_settings()
    reset_demo(get_settings())
    typer.echo("The demo data is as at the beginning.")


@stripe_app.command("check")
def stripe_check_command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Are keys, API version, clock, account, methods and webhook endpoint right? Exit code 1 if one is wrong."""
    from remit.stripe_screen import show_check

    raise typer.Exit(show_check(as_json=as_json))


@operator_app.command("list")
def operator_list_command() -> None:
    """What waits for a person, oldest first."""
    from billing.config import get_settings
    from remit.operator import list_open

    use_running_settings()
    list_open(get_settings())


@operator_app.command("show")
def operator_show_command(item: Annotated[int, typer.Argument(help="Its number in the list.")]) -> None:
    """One matter with all that the books and the gateway know about it."""
    from billing.config import get_settings
    from remit.operator import show

    use_running_settings()
    show(get_settings(), item)


@operator_app.command("resolve")
def operator_resolve_command(
    item: Annotated[int, typer.Argument(help="Its number in the list.")],
    decision: Annotated[str, typer.Argument(help="retrieve, succeeded, declined or dismiss.")],
    note: Annotated[str, typer.Option(help="Why; kept in the audit trail.", prompt="Why")],
) -> None:
    """Decide: take over what the gateway says now (retrieve), your own word where it has none, or dismiss."""
    from billing.config import get_settings
    from remit.operator import resolve

    use_running_settings()
    resolve(get_settings(), item, decision, note)


@operator_app.command("refund")
def operator_refund_command(
    reference: Annotated[str, typer.Argument(help="The payment's reference.")],
    amount: Annotated[str, typer.Argument(help="In major units, like 12.50.")],
    write_off: Annotated[bool, typer.Option(help="Write the invoice off instead of reopening it.")] = False,
    request: Annotated[str | None, typer.Option(help="Your own id: the same one again is the same refund.")] = None,
) -> None:
    """Give money of a payment back: unapplied credit first, then the newest allocation."""
    from billing.config import get_settings
    from remit.operator import refund

    use_running_settings()
    refund(get_settings(), reference, amount, write_off=write_off, request_id=request)


def main() -> None:
    try:
        app()
    except (CommandFailed, BillingError) as error:
        sys.exit(f"remit: {error}")
    except Exception as error:
        if _is_lost_database(error):
            sys.exit(f"remit: the database does not answer: {str(error).splitlines()[0]}")
        raise


def _is_lost_database(error: Exception) -> bool:
    import psycopg
    from sqlalchemy.exc import OperationalError

    return isinstance(error, psycopg.OperationalError | OperationalError)
