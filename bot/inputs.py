"""Which files make a model, and the name that follows from them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bot.settings import ROOT

MODELS = ROOT / "var" / "models"
CONFIG = ROOT / "config.yml"
DOMAIN = ROOT / "domain.yml"
DATA = (ROOT / "data" / "nlu", ROOT / "data" / "rules")
CODE = ROOT / "bot" / "components"
LOCK = ROOT / "bot" / "uv.lock"


def files() -> list[Path]:
    """Every input of the training, in a fixed order."""
    data = [path for folder in DATA for path in folder.rglob("*.yml")]
    return sorted([CONFIG, DOMAIN, LOCK, *data, *CODE.rglob("*.py")])


def digest() -> str:
    """Twelve digits that change with any byte, or the name, of any input."""
    whole = hashlib.sha256()
    for path in files():
        whole.update(f"{path.relative_to(ROOT).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()[:12]


def model_path() -> Path:
    """Where the model of exactly these inputs is, or will be."""
    return MODELS / f"remit-{digest()}.tar.gz"
