"""Lets Rasa 3.6.21 start without what this bot never calls: TensorFlow, foreign channels and databases, plots, prompts.

Rasa imports all of it when it starts (7 s of processor time, 190 MB here, 1 GB on disk with TensorFlow), whatever the
configuration uses. The environment of the bot leaves those packages out, and this module answers the imports. What it
answers with can be named, subclassed and used in `isinstance` and `except`; making one raises, so nothing that is
really needed can be missing unnoticed. Call `apply` before the first import of Rasa.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

LEFT_OUT = (
    # DIET, TED and everything else made of TensorFlow; our classifier is numpy, our only policy is RulePolicy.
    "rasa.core.policies.ted_policy",
    "rasa.core.policies.unexpected_intent_policy",
    "rasa.nlu.classifiers.diet_classifier",
    "rasa.nlu.selectors.response_selector",
    "rasa.utils.tensorflow.callback",
    "rasa.utils.tensorflow.data_generator",
    "rasa.utils.tensorflow.model_data",
    "rasa.utils.tensorflow.model_data_utils",
    # Entity extractors and featurizers of other libraries.
    "rasa.nlu.extractors.crf_entity_extractor",
    "rasa.nlu.extractors.mitie_entity_extractor",
    # Stores that we do not use; the tracker store is ours (bot/tracker_store.py).
    "boto3",
    "botocore",
    "pymongo",
    # Telemetry, which is off.
    "requests",
    "sentry_sdk",
    # Reminders, prompts and plots.
    "apscheduler",
    "matplotlib",
    "prompt_toolkit",
    "questionary",
    "rasa.utils.plotting",
)
# Needed to train (contradictions among rules, the fit itself), never to serve.
LEFT_OUT_OF_SERVING = ("rasa.core.test", "rasa.nlu.test", "scipy", "sklearn")


# Rasa warns of this whenever it reads a domain, whatever stands in it.
ALWAYS_SAID = "Slot auto-fill has been removed in 3.0"


class LeftOut(Exception):
    """Base of every stand-in class. An exception, so that `except module.Error` stays legal."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise RuntimeError(f"{type(self).__module__}.{type(self).__name__} is left out of this bot (bot/slim.py).")


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> type[LeftOut]:
        if name.startswith("__"):
            raise AttributeError(name)
        stand_in = type(name, (LeftOut,), {"__module__": self.__name__})
        setattr(self, name, stand_in)
        return stand_in


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, names: Sequence[str]) -> None:
        self.names = frozenset(names)

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if fullname in self.names or any(fullname.startswith(name + ".") for name in self.names):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """A stand-in has no code."""


def apply(*, serving: bool) -> None:
    """Installs the stand-ins for this process. With `serving`, what only training needs is left out too."""
    # Telemetry would send usage to a server of Rasa's; the variable must be set before Rasa is imported.
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    quiet_known_warnings()
    if any(name in sys.modules for name in LEFT_OUT if name.startswith("rasa.")):
        raise RuntimeError("bot.slim.apply must come before the first import of Rasa.")
    sys.meta_path.insert(0, _Finder(LEFT_OUT + (LEFT_OUT_OF_SERVING if serving else ())))
    _replace_default_components()
    _replace_channels()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("pkg_resources")


def quiet_known_warnings() -> None:
    """Rasa's dependencies of 2021 deprecate each other; nothing of it can be acted on here. Some of them undo this on
    import.
    """
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", message=ALWAYS_SAID)
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")


def _replace_default_components() -> None:
    """Rasa's own module imports every component it ships in order to register them; ours are named by path in
    config.yml.
    """
    module = ModuleType("rasa.engine.recipes.default_components")
    module.DEFAULT_COMPONENTS = []  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module


def _replace_channels() -> None:
    """The package `rasa.core.channels` without its fifteen built-in channels; its submodules stay importable."""
    spec = importlib.util.find_spec("rasa")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("Rasa is not installed in this environment.")
    package = ModuleType("rasa.core.channels")
    package.__path__ = [str(Path(spec.submodule_search_locations[0]) / "core" / "channels")]
    package.BUILTIN_CHANNELS = {}  # type: ignore[attr-defined]
    sys.modules[package.__name__] = package
    channel = importlib.import_module("rasa.core.channels.channel")
    for name in ("InputChannel", "OutputChannel", "UserMessage", "CollectingOutputChannel"):
        setattr(package, name, getattr(channel, name))
    sys.modules["rasa.core"].channels = package  # type: ignore[attr-defined]
