"""deploy/setup.sh with a uv that only notes what it is asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from remit.folders import ROOT


@pytest.fixture
def uv(tmp_path: Path) -> Path:
    """A folder for PATH, with the fake in it; `asked` lists its calls, `pythons` what it finds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    fake = folder / "uv"
    fake.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {tmp_path}/asked\n'
        'case "$1 $2" in\n'
        f'  "python find") for r in $(cat {tmp_path}/pythons); do\n'
        '    case "$*" in *"$r"*) echo /python/of/"$r"; exit 0;; esac; done; exit 1;;\n'
        '  "python install") exit 1;;\n'
        "esac\n"
    )
    fake.chmod(0o755)
    (tmp_path / "pythons").write_text("3.10 >=3.11")
    return folder


def setup(uv: Path, *what: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    tmp = uv.parent
    return subprocess.run(
        [ROOT / "deploy" / "setup.sh", *what],
        env={
            "PATH": path or f"{uv}:{os.environ['PATH']}",
            "HOME": str(tmp),
            "PYENV_ROOT": str(tmp),
            "REMIT_VAR": str(tmp / "var"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_both_environments_are_made_once_from_their_lock_files(uv: Path) -> None:
    first = setup(uv)
    assert first.returncode == 0 and "✓ Installing the service and the dialogue engine" in first.stdout
    asked = (uv.parent / "asked").read_text()
    assert "sync --frozen --quiet --no-progress --python /python/of/>=3.11\n" in asked
    assert "sync --frozen --quiet --no-progress --python /python/of/3.10 --project bot\n" in asked
    second = setup(uv)
    assert second.stdout == "" and (uv.parent / "asked").read_text() == asked


def test_a_changed_lock_file_makes_its_environment_anew(uv: Path) -> None:
    setup(uv)
    (uv.parent / "var" / "setup" / "bot").write_text("made from another lock file")
    again = setup(uv)
    assert "✓ Installing the dialogue engine" in again.stdout and "service" not in again.stdout


def test_a_machine_without_python_310_hears_so_in_one_line(uv: Path) -> None:
    (uv.parent / "pythons").write_text(">=3.11")
    done = setup(uv, "bot")
    assert done.returncode == 1
    assert done.stderr.startswith("remit: no Python 3.10 from uv, pyenv or the system; Rasa needs it")
    assert done.stderr.count("\n") == 1
    assert not (uv.parent / "var" / "setup" / "bot").exists()


def test_pyenvs_pythons_are_searched_before_its_shims(uv: Path) -> None:
    (uv.parent / "versions" / "3.10.99" / "bin").mkdir(parents=True)
    fake = uv / "uv"
    fake.write_text(fake.read_text().replace('echo "$@"', 'echo "$UV_PYTHON_SEARCH_PATH"'))
    setup(uv, "bot")
    assert f"{uv.parent}/versions/3.10.99/bin:" in (uv.parent / "asked").read_text()


def test_a_browser_that_cannot_be_had_stops_nothing(uv: Path) -> None:
    for name, does in (("apt-get", "exit 100"), ("id", "echo 0")):
        (uv / name).write_text(f"#!/bin/sh\n{does}\n")
        (uv / name).chmod(0o755)
    for name in ("sh", "dirname", "mkdir", "cat", "date", "tail", "sleep"):
        (uv / name).symlink_to(shutil.which(name) or name)
    done = setup(uv, "browser", path=str(uv))  # no chromium on this PATH
    assert done.returncode == 0 and "browser tests are skipped" in done.stdout
