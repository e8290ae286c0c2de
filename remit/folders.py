"""Where things lie: the checkout, and the folder `var` that holds everything a running stack writes."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def var_folder() -> Path:
    """`REMIT_VAR`, or `var` in the checkout. Made, for nobody else to read, when missing."""
    var = Path(os.environ.get("REMIT_VAR") or ROOT / "var").resolve()
    for folder in (var, var / "run", var / "run" / "env", var / "log"):
        folder.mkdir(parents=True, exist_ok=True)
    (var / "run").chmod(0o700)  # env files hold secrets
    return var
