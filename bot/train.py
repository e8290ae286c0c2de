"""Trains the model, only when something that it is made of has changed, and checks what it is made of."""

from __future__ import annotations

import contextlib
import fcntl
import io
import logging
import os
import random
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml

from bot import inputs, slim

logger = logging.getLogger(__name__)

KEPT_MODELS = 2
# With fewer examples an intent is guesswork.
LEAST_EXAMPLES = 20

# Rasa keeps trained components in a cache of its own under the current folder; the hash over all inputs replaces it.
os.environ["RASA_MAX_CACHE_SIZE"] = "0"


class TrainingFailed(Exception):
    """Rasa did not write a model; the message is what it said."""


def train(*, force: bool = False) -> int:
    """Writes var/models/remit-<hash of the inputs>.tar.gz unless it is there. Returns the exit code."""
    inputs.MODELS.mkdir(parents=True, exist_ok=True)
    with _alone(inputs.MODELS):
        target = inputs.model_path()
        if target.is_file() and not force:
            print(f"model  up to date: {_shown(target)}")
            return 0
        slim.apply(serving=False)
        started = time.perf_counter()
        print(f"model  training on {len(inputs.files())} files …", flush=True)
        try:
            _train_into(target)
        except TrainingFailed as error:
            print(f"model  training failed:\n{error}")
            return 1
        _drop_old_models(target)
    seconds, size = time.perf_counter() - started, target.stat().st_size // 1024
    print(f"model  trained in {seconds:.1f} s: {_shown(target)} ({size} kB)")
    return 0


def check() -> int:
    """Reads domain, rules and examples as the training would, and prints everything that is wrong. Returns the exit
    code.
    """
    slim.apply(serving=False)
    # Rasa also shows each warning itself, in colour and with its source line; the list below says it once.
    with contextlib.redirect_stderr(io.StringIO()):
        faults = [*_rasa_faults(), *_our_faults()]
    for fault in faults:
        print(f"data  {fault}")
    if not faults:
        print("data  domain, rules and examples are in order")
    return 1 if faults else 0


def _train_into(target: Path) -> None:
    """Trains in a folder beside the target and moves the finished file there, so that a model is never half written."""
    import numpy as np  # noqa: PLC0415 (a model that is up to date needs neither numpy nor Rasa)
    from rasa import model_training  # noqa: PLC0415

    random.seed(0)
    np.random.seed(0)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".training-") as folder, _captured() as output:
        domain = Path(folder) / "domain.yml"
        domain.write_text(yaml.safe_dump(inputs.dialogue_domain(), allow_unicode=True), "utf-8")
        result = model_training.train(
            domain=str(domain),
            config=str(inputs.CONFIG),
            training_files=[str(path) for path in inputs.DATA],
            output=folder,
            fixed_model_name=target.name,
            force_training=True,
        )
        if result.code != 0 or not result.model:
            raise TrainingFailed(output.getvalue().strip() or "no model was written")
        if inputs.model_path() != target:
            raise TrainingFailed("an input was changed while it was read: train again")
        Path(result.model).replace(target)


@contextlib.contextmanager
def _captured() -> Iterator[io.StringIO]:
    """Keeps what Rasa prints, and turns its ways of giving up into TrainingFailed with those words."""
    from rasa.shared.exceptions import RasaException  # noqa: PLC0415

    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            yield output
    except (RasaException, SystemExit) as error:
        raise TrainingFailed(f"{output.getvalue()}\n{error}".strip()) from error


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two trainings at once would each do the whole work; the second waits and finds the first one's model."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _drop_old_models(newest: Path) -> None:
    models = sorted(newest.parent.glob("remit-*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in models[KEPT_MODELS:]:
        old.unlink(missing_ok=True)
    for left in newest.parent.glob(".training-*"):
        shutil.rmtree(left, ignore_errors=True)


def _rasa_faults() -> list[str]:
    """What Rasa's own validator finds. Its exit code stays 0 in spite of warnings, so the warnings themselves count."""
    from rasa.shared.importers.importer import TrainingDataImporter  # noqa: PLC0415
    from rasa.validator import Validator  # noqa: PLC0415

    training_files = [str(path) for path in inputs.DATA]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        importer = TrainingDataImporter.load_from_config(str(inputs.CONFIG), str(inputs.DOMAIN), training_files)
        validator = Validator.from_importer(importer)
        # Not `verify_utterances_in_stories`: the responses are rendered by the actions and named in no rule.
        verdicts = {
            "the domain is not valid": validator.verify_domain_validity(),
            "an example stands under two intents": validator.verify_example_repetition_in_intents(
                ignore_warnings=False
            ),
            "a rule names an unknown intent": validator.verify_intents_in_stories(ignore_warnings=False),
            "a rule names an unknown form": validator.verify_forms_in_stories_rules(),
            "a rule names an unknown action": validator.verify_actions_in_stories_rules(),
            "a form needs an unknown slot": validator.verify_form_slots(),
            "a slot mapping is wrong": validator.verify_slot_mappings(),
            "rules contradict each other": validator.verify_story_structure(ignore_warnings=False),
        }
    said = [" ".join(str(warning.message).split()) for warning in caught if issubclass(warning.category, UserWarning)]
    faults = [text for text in said if not text.startswith(slim.ALWAYS_SAID)]
    return faults or [fault for fault, fine in verdicts.items() if not fine]


def _our_faults() -> list[str]:
    from rasa.shared.core.domain import Domain  # noqa: PLC0415
    from rasa.shared.nlu.training_data.loading import load_data  # noqa: PLC0415

    counts = Counter(str(example.get("intent")) for example in load_data(str(inputs.DATA[0])).intent_examples)
    return [
        f"intent {intent} has {counts[intent]} examples, it needs at least {LEAST_EXAMPLES}"
        for intent in sorted(set(Domain.load(str(inputs.DOMAIN)).intents) & set(counts))
        if counts[intent] < LEAST_EXAMPLES
    ]


def _shown(path: Path) -> str:
    return str(path.relative_to(inputs.ROOT))
