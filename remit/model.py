"""The dialogue model: trained by the bot's own Python, only when its inputs changed."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path

from remit.errors import TrainingFailed
from remit.folders import ROOT
from remit.progress import Steps

BOT_PYTHON = ROOT / "bot" / ".venv" / "bin" / "python"


def train(steps: Steps, log: Path, stop: threading.Event) -> None:
    """Returns at once when there is nothing new to learn. `stop` ends it early. Raises TrainingFailed."""
    with steps("Model of the dialogue engine"), log.open("wb") as output:
        command = [str(BOT_PYTHON), "-m", "bot", "train"]
        with subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, stdin=subprocess.DEVNULL) as training:
            try:
                while training.poll() is None:
                    if stop.wait(0.1):
                        training.terminate()
            finally:
                training.terminate()
        if training.returncode and not stop.is_set():
            raise TrainingFailed(f"the model could not be trained: {last_line(log)} ({log})")


def last_line(log: Path) -> str:
    """A program's last words: its last error if it names one, else the last line."""
    written = log.read_text(errors="replace") if log.exists() else ""
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Refused): ", line)]
    return (errors or lines or ["it wrote nothing"])[-1]
