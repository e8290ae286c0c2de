"""The supervisor's promises, kept by real processes: PostgreSQL itself, and sleepers in place of our programs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from remit.keys import read_env_file
from remit.plan import SUPERVISOR_FILE
from remit.postgres import command_line
from remit.supervisor import states
from tests.support.ports import free_block
from tests.support.stack import PORTS

SLEEPER = """
[program:{name}]
command = %(ENV_REMIT_CHILD)s {name} SIGTERM /bin/sleep 1000
autostart = false
autorestart = true
startretries = 1000
startsecs = 0
"""


def supervisor_file(folder: Path, *sleepers: str) -> Path:
    """The real file as far as PostgreSQL, then sleepers."""
    real = SUPERVISOR_FILE.read_text().split("[program:sandbox]")[0]
    file = folder / "supervisord.conf"
    file.write_text(real + "".join(SLEEPER.format(name=name) for name in sleepers))
    return file


@dataclass
class Stack:
    process: subprocess.Popen[str]
    var: Path

    def info(self) -> dict[str, dict[str, object]]:
        return states(self.var / "run")

    def pid(self, name: str) -> int:
        return int(str(self.info()[name]["pid"]))

    @property
    def supervisor_pid(self) -> int:
        return int((self.var / "run" / "supervisord.pid").read_text())

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        return self.process.returncode

    def processes(self) -> list[str]:
        """Command lines of everything alive that belongs to this folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            words = command_line(int(entry.name))
            try:
                environment = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if {f"REMIT_STACK={self.var}", f"REMIT_VAR={self.var}"} & set(environment) or any(
                str(self.var) in word for word in words
            ):
                found.append(" ".join(words))
        return found

    def books(self) -> psycopg.Connection:
        return psycopg.connect(read_env_file(self.var / "run" / "settings.env")["DATABASE_URL"])


def start(var: Path, *options: str, processes: Path, **environment: str) -> subprocess.Popen[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "PORT")}
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "remit",
            "up",
            "--demo",
            "--port",
            str(free_block(PORTS)),
            "--processes",
            processes,
            *options,
        ],
        env={**clean, "REMIT_VAR": str(var), "CI": "true", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def healthy(process: subprocess.Popen[str], var: Path) -> Stack:
    said = ""
    assert process.stdout
    for line in process.stdout:
        said += line
        if line.startswith("Ctrl-C"):
            return Stack(process, var)
    raise AssertionError(f"ended with {process.wait(10)}:\n{said}")


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all starts of this file: each also shows that the one before left it usable."""
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return supervisor_file(tmp_path_factory.mktemp("file"), "actions", "worker")


@pytest.fixture(scope="module")
def running(var: Path, file: Path) -> Iterator[list[Stack]]:
    """The stack that a test left running, for the next one: a start costs seconds."""
    left: list[Stack] = []
    yield left
    for stack in left:
        assert stack.stop() == 0
        assert stack.processes() == []


@pytest.fixture
def stack(running: list[Stack], var: Path, file: Path) -> Iterator[Stack]:
    if not running:
        running.append(healthy(start(var, processes=file), var))
    yield running[-1]
    if running[-1].process.poll() is not None:
        running.pop()


def eventually(true: Callable[[], object], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_a_second_start_says_where_the_first_one_runs_and_harms_nothing(stack: Stack, file: Path) -> None:
    before = {name: info["pid"] for name, info in stack.info().items()}
    second = start(stack.var, processes=file)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert f"already running here (pid {stack.process.pid}, http://127.0.0.1:" in said and said.count("\n") == 1
    assert {name: info["pid"] for name, info in stack.info().items()} == before


def test_secrets_are_private_and_in_no_log_and_no_command_line(stack: Stack) -> None:
    secrets = read_env_file(stack.var / "secrets.env")
    assert len(set(secrets.values())) == len(secrets) >= 9
    assert (stack.var / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert (stack.var / "run").stat().st_mode & 0o777 == 0o700
    seen = "".join(path.read_text(errors="replace") for path in (stack.var / "log").iterdir())
    seen += "".join(stack.processes()) + Path(f"/proc/{stack.supervisor_pid}/environ").read_text()
    assert not [name for name, secret in secrets.items() if secret in seen]


def test_killed_processes_are_started_again_and_what_was_committed_is_there(stack: Stack) -> None:
    with stack.books() as books:
        books.execute("create table kept as select 1")
    before = {name: stack.pid(name) for name in ("actions", "postgres")}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: all(i["statename"] == "RUNNING" and i["pid"] != before.get(n) for n, i in stack.info().items()))
    eventually(lambda: _connects(stack))
    with stack.books() as books:
        books.execute("drop table kept")


def _connects(stack: Stack) -> bool:
    try:
        stack.books().close()
    except psycopg.OperationalError:
        return False
    return True


def test_sigterm_stops_everything_postgresql_last_and_clean(stack: Stack) -> None:
    assert len(stack.processes()) > 4
    assert stack.stop() == 0
    assert stack.processes() == []
    log = (stack.var / "log" / "supervisord.log").read_text().rsplit("supervisord started", 1)[1]
    stops = [line.split("stopped: ")[1].split()[0] for line in log.splitlines() if "stopped: " in line]
    assert stops[-1] == "postgres" and set(stops) == {"postgres", "actions", "worker"}
    assert "database system is shut down" in (stack.var / "log" / "postgres.log").read_text().splitlines()[-1]


def test_a_stale_pid_file_that_names_a_living_stranger_does_not_stop_the_start(var: Path, file: Path) -> None:
    for name in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
        (var / "pg" / name).write_text(f"{os.getpid()}\n{var}/pg/data\n1\n5432\n{var}/pg\n\n")
    healthy(start(var, processes=file), var).stop()


def test_a_killed_supervisor_takes_everything_along(stack: Stack) -> None:
    os.kill(stack.supervisor_pid, signal.SIGKILL)
    said, _ = stack.process.communicate(timeout=60)
    assert "ended without being asked to" in said and stack.process.returncode == 1
    assert stack.processes() == []


def test_orphans_of_a_killed_remit_up_and_supervisor_are_taken_over(stack: Stack, file: Path) -> None:
    for pid in (stack.process.pid, stack.supervisor_pid):
        os.kill(pid, signal.SIGKILL)
    stack.process.communicate()
    again = healthy(start(stack.var, processes=file), stack.var)  # at once, while the orphans are still ending
    assert again.pid("postgres")

    again.process.kill()  # and of a killed `remit up` alone, the supervisor stops everything
    again.process.communicate()
    eventually(lambda: again.processes() == [])


def test_a_port_in_use_is_one_clear_line(var: Path, file: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = start(var, "--port", str(port - 3), processes=file)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said == f"remit: another program listens on port {port} (for actions). Choose other ports: PORT=9000\n"


def test_a_program_that_keeps_ending_is_named_with_its_last_words(tmp_path: Path, var: Path) -> None:
    file = supervisor_file(tmp_path)
    loop = SLEEPER.format(name="worker").replace("/bin/sleep 1000", '/bin/sh -c "echo MAIL_FROM is wrong; exit 1"')
    loop = loop.replace("startsecs = 0", f"startsecs = 1\nstdout_logfile = {var}/log/worker.log")
    file.write_text(file.read_text() + loop)
    process = start(var, processes=file)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "remit: worker keeps ending: MAIL_FROM is wrong" in said
    assert Stack(process, var).processes() == []
