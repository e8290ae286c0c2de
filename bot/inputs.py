"""Which files make a model, and the name that follows from them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from bot.settings import ROOT

MODELS = ROOT / "var" / "models"
CONFIG = ROOT / "config.yml"
DOMAIN = ROOT / "domain.yml"
DATA = (ROOT / "data" / "nlu", ROOT / "data" / "rules")
CODE = ROOT / "bot" / "components"
LOCK = ROOT / "bot" / "uv.lock"


def dialogue_domain() -> dict[str, Any]:
    """The domain without its responses.

    Our actions send finished text, so Rasa needs no sentence: leaving them out halves the time to load a model, and a
    new wording needs no training.
    """
    domain = yaml.load(DOMAIN.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both safe)
    return {key: value for key, value in domain.items() if key != "responses"}


def files() -> list[Path]:
    """Every other input of the training, in a fixed order."""
    data = [path for folder in DATA for path in folder.rglob("*.yml")]
    return sorted([CONFIG, LOCK, *data, *CODE.rglob("*.py")])


def digest() -> str:
    """Twelve digits that change with any byte, or the name, of any input."""
    whole = hashlib.sha256(json.dumps(dialogue_domain(), sort_keys=True).encode())
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        whole.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()[:12]


def model_path() -> Path:
    """Where the model of exactly these inputs is, or will be."""
    return MODELS / f"remit-{digest()}.tar.gz"
