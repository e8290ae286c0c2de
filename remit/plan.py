"""What a stack consists of: its processes, their ports, and the settings that each of them may see."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path

from billing.config import Settings
from remit.folders import ROOT
from remit.keys import keys
from remit.model import BOT_PYTHON
from remit.postgres import EmbeddedPostgres, socket_folder

SUPERVISOR_FILE = ROOT / "deploy" / "supervisord.conf"
DATABASE = "remit"
# The sandbox's own Twilio, where no account at the real one is given.
SANDBOX_TWILIO = {"TWILIO_ACCOUNT_SID": "AC" + "5" * 32, "TWILIO_FROM_NUMBER": "+15145550100"}
OF_TWILIOS_CONSOLE = ("TWILIO_MESSAGING_SERVICE_SID", "TWILIO_VERIFY_SERVICE_SID")

# What every process may see: where programs and certificates are, language and time zone.
COMMON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
LOOPBACK = "127.0.0.1,localhost"


@dataclass(frozen=True)
class Ports:
    """Neighbours of the edge's port, so that one number moves the whole stack. All on loopback."""

    edge: int

    @property
    def sandbox(self) -> int:
        return self.edge + 1

    @property
    def bot(self) -> int:
        return self.edge + 2

    @property
    def actions(self) -> int:
        return self.edge + 3

    @property
    def smtp(self) -> int:
        return self.edge + 4

    def of(self, processes: tuple[str, ...]) -> dict[int, str]:
        """The ports those processes will listen on, with the name of each."""
        named = {"edge": self.edge, "sandbox": self.sandbox, "bot": self.bot, "actions": self.actions}
        wanted = {port: name for name, port in named.items() if name in processes}
        return wanted | ({self.smtp: "sandbox"} if "sandbox" in processes else {})


@dataclass(frozen=True)
class Plan:
    var: Path
    supervisor_file: Path
    processes: tuple[str, ...]
    ports: Ports
    postgres: EmbeddedPostgres | None  # None: DATABASE_URL names a server
    secrets: Mapping[str, str]
    service: Mapping[str, str]  # settings of edge, actions, worker and the commands
    environments: Mapping[str, Mapping[str, str]]  # by process
    supervisor: Mapping[str, str]
    sandbox: bool

    @property
    def sockets(self) -> Path:
        return Path(self.supervisor["REMIT_SOCKETS"])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.ports.edge}"

    def url_of(self, name: str) -> str:
        return f"http://127.0.0.1:{getattr(self.ports, name)}"


def programs(supervisor_file: Path) -> tuple[str, ...]:
    parser = RawConfigParser(inline_comment_prefixes=(" ;",))
    parser.read_string(supervisor_file.read_text())
    return tuple(s.removeprefix("program:") for s in parser.sections() if s.startswith("program:"))


def make_plan(
    given: Mapping[str, str],
    var: Path,
    *,
    demo: bool,
    port: int,
    only: tuple[str, ...] = (),
    supervisor_file: Path = SUPERVISOR_FILE,
) -> Plan:
    """The stack that the environment `given` asks for. `demo` turns the sandbox on; `only` names some processes."""
    ports = Ports(port)
    secrets = keys(var, given)
    sandbox = demo or given.get("SANDBOX_ENABLED", "").lower() in ("1", "true", "yes")
    postgres = None if given.get("DATABASE_URL") else EmbeddedPostgres(var / "pg")
    unwanted = {"postgres"} if postgres is None else set()
    unwanted |= set() if sandbox else {"sandbox"}
    known = programs(supervisor_file)
    if unknown := [name for name in only if name not in known]:
        raise SystemExit(f"remit up: no process {', '.join(unknown)} (there are {', '.join(known)})")
    processes = tuple(p for p in known if p not in unwanted and (not only or p in only))

    sockets = socket_folder(var / "run")
    common = {name: given[name] for name in (*COMMON, *PROXY) if given.get(name)}
    common |= {
        "NO_PROXY": ",".join(filter(None, (given.get("NO_PROXY") or given.get("no_proxy"), LOOPBACK))),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",  # many threads, few of them busy: fewer heaps, less memory
        "REMIT_STACK": str(var),  # by this a later start knows what an earlier one left behind
        "REMIT_SOCKETS": str(sockets),
    }
    service = _service_settings(given, secrets, ports, postgres, demo=demo, sandbox=sandbox)
    of_service = {**common, **service}
    environments: dict[str, dict[str, str]] = dict.fromkeys(processes, of_service)
    environments |= {
        "postgres": {**common, "POSTGRES_PASSWORD": secrets["POSTGRES_PASSWORD"]},
        "bot": {**common, **_bot_settings(given, secrets, ports, postgres)},
    }
    if sandbox:  # REMIT_VAR: its "start over" runs `remit demo reset`, which finds the settings by itself
        of_sandbox = _sandbox_settings(given, service, secrets, ports, postgres)
        environments["sandbox"] = {**common, "REMIT_VAR": str(var), **of_sandbox}
    supervisor = {
        **{name: given[name] for name in COMMON if given.get(name)},
        "REMIT_VAR": str(var),
        "REMIT_SOCKETS": str(sockets),
        "REMIT_PYTHON": sys.executable,
        "REMIT_BOT_PYTHON": str(BOT_PYTHON),
        "REMIT_CHILD": f"{sys.executable} -IS {ROOT / 'remit' / 'child.py'}",
    }
    return Plan(var, supervisor_file, processes, ports, postgres, secrets, service, environments, supervisor, sandbox)


def _service_settings(
    given: Mapping[str, str],
    secrets: Mapping[str, str],
    ports: Ports,
    postgres: EmbeddedPostgres | None,
    *,
    demo: bool,
    sandbox: bool,
) -> dict[str, str]:
    address = f"http://127.0.0.1:{ports.edge}"
    ours = {
        "BOT_URL": f"http://127.0.0.1:{ports.bot}",
        "PUBLIC_URL": address,
        "BOT_TOKEN": secrets["BOT_TOKEN"],
        "ACTIONS_TOKEN": secrets["ACTIONS_TOKEN"],
        "SANDBOX_ENABLED": "true" if sandbox else "false",
    }
    if postgres:
        ours["DATABASE_URL"] = postgres.url("remit", secrets["REMIT_DB_PASSWORD"], DATABASE)
    if demo:  # elsewhere the portal's own key is needed, and a missing one must stop the start
        ours["PORTAL_SIGNING_SECRET"] = secrets["PORTAL_SIGNING_SECRET"]
    if sandbox:
        ours |= {
            "SANDBOX_URL": f"http://127.0.0.1:{ports.sandbox}",
            "SANDBOX_SECRET_KEY": secrets["SANDBOX_SECRET_KEY"],
            "SANDBOX_WEBHOOK_SECRET": secrets["SANDBOX_WEBHOOK_SECRET"],
            "SMTP_URL": f"smtp://127.0.0.1:{ports.smtp}",
            "ONE_TIME_CODE_SECRET": secrets["ONE_TIME_CODE_SECRET"],
        }
    if sandbox and not _has_twilio(given):
        ours |= {
            **SANDBOX_TWILIO,
            "TWILIO_AUTH_TOKEN": secrets["TWILIO_AUTH_TOKEN"],
            # The sandbox's telephone hands out tokens of the sandbox's bank, and Stripe knows none of those.
            "TWILIO_PAY_CONNECTOR": "" if given.get("STRIPE_SECRET_KEY") else "sandbox",
            "TWILIO_API_BASE": f"{given.get('SANDBOX_URL') or ours['SANDBOX_URL']}/twilio",
        }
    names = [name.upper() for name in Settings.model_fields]
    asked = {name: given[name] for name in names if given.get(name)}
    return ours | asked | {"PORT": str(ports.edge), "ACTIONS_PORT": str(ports.actions)}


def _has_twilio(given: Mapping[str, str]) -> bool:
    """Of the user's own, so that the sandbox's stays off."""
    return bool(given.get("TWILIO_ACCOUNT_SID") or given.get("TWILIO_AUTH_TOKEN"))


def _bot_settings(
    given: Mapping[str, str], secrets: Mapping[str, str], ports: Ports, postgres: EmbeddedPostgres | None
) -> dict[str, str]:
    ours = {
        "BOT_TOKEN": secrets["BOT_TOKEN"],
        "ACTIONS_TOKEN": secrets["ACTIONS_TOKEN"],
        "ACTIONS_URL": f"http://127.0.0.1:{ports.actions}/webhook",
        "BOT_PORT": str(ports.bot),
    }
    if postgres:
        ours["BOT_DATABASE_URL"] = postgres.url("remit_bot", secrets["BOT_DB_PASSWORD"], DATABASE)
    return ours | {name: given[name] for name in given if given[name] and (name in ours or name.startswith("BOT_"))}


def _sandbox_settings(
    given: Mapping[str, str],
    service: Mapping[str, str],
    secrets: Mapping[str, str],
    ports: Ports,
    postgres: EmbeddedPostgres | None,
) -> dict[str, str]:
    ours = {
        "SANDBOX_ENABLED": "true",
        "SANDBOX_PORT": str(ports.sandbox),
        "SANDBOX_URL": service["SANDBOX_URL"],
        "SANDBOX_WEBHOOK_URL": f"http://127.0.0.1:{ports.edge}/webhooks/sandbox",
        "SANDBOX_EDGE_URL": f"http://127.0.0.1:{ports.edge}",
        "SMTP_PORT": str(ports.smtp),
        "SANDBOX_SECRET_KEY": secrets["SANDBOX_SECRET_KEY"],
        "SANDBOX_WEBHOOK_SECRET": secrets["SANDBOX_WEBHOOK_SECRET"],
        "PUBLIC_URL": service["PUBLIC_URL"],
        "PORTAL_SIGNING_SECRET": service.get("PORTAL_SIGNING_SECRET", ""),
    }
    if postgres:
        ours["SANDBOX_DATABASE_URL"] = postgres.url("remit_sandbox", secrets["SANDBOX_DB_PASSWORD"], DATABASE)
    if not _has_twilio(given):
        told = ("TWILIO_AUTH_TOKEN", *SANDBOX_TWILIO, *OF_TWILIOS_CONSOLE)
        ours |= {name: service[name] for name in told if name in service}
    return ours | {name: given[name] for name in given if given[name] and (name in ours or name.startswith("SANDBOX_"))}
