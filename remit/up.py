"""`remit up`: from an empty folder to a healthy stack, and back to no process at all.

lock → take over leftovers → supervisor → PostgreSQL, roles → tables, demo data ∥ model → the other processes → wait.
The order of the way down is the supervisor file's. What may go wrong on the way up ends in one clear line.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from billing.config import get_settings
from remit import leftovers, running
from remit.demo import has_accounts, reset_demo
from remit.errors import CannotStart
from remit.folders import var_folder
from remit.keys import write_private
from remit.migrate import migrate
from remit.model import train
from remit.plan import SUPERVISOR_FILE, Plan, make_plan
from remit.postgres import EmbeddedPostgres
from remit.progress import Steps
from remit.roles import make_roles, wait_for_postgres
from remit.supervisor import Supervisor, start_program
from remit.watch import Watch


class StopRequested(BaseException):
    """SIGTERM, SIGINT or SIGHUP: not an error, and not to be caught by `except Exception`."""


def up(
    *,
    demo: bool,
    port: int,
    reset: bool = False,
    only: tuple[str, ...] = (),
    supervisor_file: Path = SUPERVISOR_FILE,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Runs the stack until it is told to stop; the exit code. `demo`: with sandbox and demo data.

    Raises AlreadyRunning, CannotStart.
    """
    given = dict(os.environ if environment is None else environment)
    var = var_folder()
    lock = running.take_lock(var)
    steps = Steps()
    stop = threading.Event()
    with _stop_on_signals():
        supervisor: Supervisor | None = None
        try:
            with steps:
                plan = _prepare(given, var, demo=demo, port=port, reset=reset, only=only, file=supervisor_file)
                supervisor = Supervisor.start(plan.supervisor_file, plan.supervisor, lock)
                _bring_up(plan, steps, stop, demo=demo)
            _announce(plan, steps, demo=demo)
            while not supervisor.has_ended():
                time.sleep(0.3)
            raise CannotStart(f"the supervisor ended without being asked to; see {var}/log/supervisord.log")
        except StopRequested:
            return 0
        finally:
            stop.set()
            with _handlers(signal.SIG_IGN):  # a second Ctrl-C must not leave half of it running
                if supervisor:
                    steps.console.print("Stopping …")
                    supervisor.stop()
                    _sweep(var)
                running.forget(var)
                os.close(lock)


def _prepare(
    given: Mapping[str, str], var: Path, *, demo: bool, port: int, reset: bool, only: tuple[str, ...], file: Path
) -> Plan:
    """Everything that can be refused, before anything is started."""
    _sweep(var)
    plan = make_plan(given, var, demo=demo, port=port, only=only, supervisor_file=file)
    _check_settings(plan)
    ports = plan.ports.of(plan.processes)
    if taken := leftovers.taken_ports(ports):
        what = ", ".join(f"{p} (for {ports[p]})" for p in taken)
        raise CannotStart(f"another program listens on port {what}. Choose other ports: PORT=9000")
    if plan.postgres and reset:
        shutil.rmtree(plan.postgres.folder)
        plan.postgres.folder.mkdir()
    for name, settings in plan.environments.items():
        write_private(var / "run" / "env" / f"{name}.json", json.dumps(settings))
    running.describe(var, running.RunningStack(os.getpid(), plan.address), dict(plan.service))
    return plan


def _sweep(var: Path) -> None:
    """Nothing of this folder's stack runs afterwards, however its supervisor ended. Call it with the lock held."""
    leftovers.end_leftovers(var)
    EmbeddedPostgres(var / "pg").take_over()


def _check_settings(plan: Plan) -> None:
    """From here on this process has the stack's settings too."""
    os.environ.update(plan.service)
    get_settings()
    for process, setting in (("bot", "BOT_DATABASE_URL"), ("sandbox", "SANDBOX_DATABASE_URL")):
        if process in plan.processes and setting not in plan.environments[process]:
            raise CannotStart(f"with DATABASE_URL set, {setting} must be set too (docs/settings.md)")


def _bring_up(plan: Plan, steps: Steps, stop: threading.Event, *, demo: bool) -> None:
    watch = Watch(plan)
    roles = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as beside:
        try:
            bot = beside.submit(_bring_up_bot, plan, steps, stop, roles) if "bot" in plan.processes else None
            if plan.postgres:
                with steps("PostgreSQL"):
                    start_program(plan.sockets, "postgres")
                    wait_for_postgres(plan.postgres, plan.secrets, watch.look)
                    make_roles(plan.postgres, plan.secrets)
            roles.set()
            with steps("Tables"):
                migrate(plan.service["DATABASE_URL"])
            for name in plan.processes:
                if name not in ("postgres", "bot"):
                    start_program(plan.sockets, name)
            if demo and "sandbox" in plan.processes and not has_accounts(plan.service["DATABASE_URL"]):
                with steps("Demo data"):
                    watch.until(lambda: watch.healthy("sandbox"))
                    reset_demo(get_settings())
            if bot:
                bot.result()
            with steps("All processes healthy"):
                watch.until(watch.all_healthy)
        finally:
            stop.set()  # a training that nobody waits for


def _bring_up_bot(plan: Plan, steps: Steps, stop: threading.Event, roles: threading.Event) -> None:
    """In a thread beside the rest: training takes longest by far, and loading the model comes next."""
    train(steps, plan.var / "log" / "train.log", stop)
    while not stop.is_set():
        if roles.wait(0.1):
            start_program(plan.sockets, "bot")
            return


def _announce(plan: Plan, steps: Steps, *, demo: bool) -> None:
    say = partial(steps.console.print, soft_wrap=True)
    if not demo:
        say(f"Remit runs at {plan.address}. Ctrl-C stops it.")
        return
    say(f"\n[bold]Remit runs at {plan.address}/demo/[/bold]\n")
    stripe = "STRIPE_SECRET_KEY" in plan.service
    say("Money moves through Stripe, in test mode. Three things to try:" if stripe else "Three things to try:")
    say("  1. On that page, say “pay my bill”; the receipt lands in the mailbox beside the chat.")
    say("  2. In another terminal:")
    say('     make chat AS=maya@northwind.example SAY="pay my bill|yes all of it|the visa ending 4242|yes"')
    if stripe:
        say("  3. As Noah, pay with a new card: 4242 4242 4242 4242, or 4000 0027 6000 3184 for a step at the bank.")
        say(f"\nEvents: stripe listen --forward-to {plan.service['PUBLIC_URL']}/webhooks/stripe")
        say("Is all of it right? .venv/bin/remit stripe check")
    else:
        say("  3. As Chloé, pay by bank debit; it stays pending until you approve it on the page.")
    say("\nCtrl-C stops everything.")


@contextmanager
def _stop_on_signals() -> Iterator[None]:
    def request(*_: object) -> None:
        raise StopRequested

    with _handlers(request):
        yield


@contextmanager
def _handlers(handler: Callable[..., None] | signal.Handlers) -> Iterator[None]:
    before = {s: signal.signal(s, handler) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
