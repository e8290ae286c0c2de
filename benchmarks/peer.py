"""Rasa as it comes (`rasa init`, default pipeline, one custom action), started by the script that measures it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from remit.folders import ROOT

PEERS = Path(os.environ.get("PEERS", ROOT.parent / "shared" / "peers"))
SCRIPT = PEERS / "rasa_stock" / "run.sh"


def rasa_stock(turns: int, parallel: int) -> dict[str, Any] | None:
    """Its figures, or None where the script is not at hand (`PEERS` names the folder that holds it)."""
    if not SCRIPT.exists():
        return None
    command = ["bash", str(SCRIPT), str(turns), str(parallel)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    if result.returncode != 0:
        raise SystemExit(f"{SCRIPT} failed: {result.stderr.strip().splitlines()[-1:]}")
    figures: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    return figures
