"""Training happens when it must, and Rasa is the one that our changes were written for."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

from tests.bot.conftest import BOT_PYTHON, ROOT, run_bot


def inside_bot(code: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code in the bot's own environment."""
    command = [str(BOT_PYTHON), "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


def test_a_model_that_is_up_to_date_is_not_trained_again(model: Path) -> None:
    written = model.stat().st_mtime_ns
    before = cpu_s()
    done = run_bot("train")
    assert done.stdout.strip() == f"model  up to date: {model.relative_to(ROOT)}"
    assert model.stat().st_mtime_ns == written
    assert cpu_s() - before < 5


def cpu_s() -> float:
    """What the processes that were waited for have computed: unlike the clock, it does not mind a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_any_input_changes_the_name_of_the_model() -> None:
    code = """
from bot import inputs
before = inputs.digest()
real = inputs.files()
inputs.files = lambda: real[:-1]
assert inputs.digest() != before
names = {path.relative_to(inputs.ROOT).as_posix() for path in real}
assert {"config.yml", "bot/uv.lock", "bot/components/intent.py", "data/nlu/pay_bill.yml"} <= names
assert any(name.startswith("data/rules/") for name in names)
real_domain = inputs.dialogue_domain()
assert "responses" not in real_domain
inputs.files = lambda: real
inputs.dialogue_domain = lambda: {**real_domain, "actions": real_domain["actions"][1:]}
assert inputs.digest() != before
"""
    done = inside_bot(code)
    assert done.returncode == 0, done.stderr


def test_the_same_examples_give_the_same_classifier() -> None:
    code = """
from bot import slim
slim.apply(serving=False)
import numpy as np
from bot.components.intent import SentenceClassifier, train_model
texts = ["pay my bill", "i want to pay", "yes", "yes please", "no", "no thanks", "how much do i owe", "my balance"]
labels = ["pay", "pay", "affirm", "affirm", "deny", "deny", "balance", "balance"]
first, second = (train_model(texts, labels, SentenceClassifier.get_default_config()) for _ in range(2))
assert np.array_equal(first.dense, second.dense) and np.array_equal(first.sparse, second.sparse)
assert first.read("Pay the bill!!").ranking[0][0] == "pay"
"""
    done = inside_bot(code)
    assert done.returncode == 0, done.stderr


def test_another_rasa_is_refused_loudly() -> None:
    code = """
from bot import slim
slim.apply(serving=True)
from bot import engine
engine.check_rasa()
name = "rasa.core.processor:MessageProcessor._run_action"
try:
    engine.check_rasa({name: "0" * 16})
except engine.RasaDiffers as error:
    assert name in str(error)
else:
    raise AssertionError("a changed function went unnoticed")
engine.rasa.__version__ = "3.6.22"
try:
    engine.check_rasa()
except engine.RasaDiffers as error:
    assert "3.6.22" in str(error)
else:
    raise AssertionError("another version went unnoticed")
"""
    done = inside_bot(code)
    assert done.returncode == 0, done.stderr


def test_what_is_left_out_can_be_named_but_not_used() -> None:
    code = """
from bot import slim
slim.apply(serving=True)
import boto3.dynamodb.conditions
try:
    boto3.dynamodb.conditions.Key("x")
except RuntimeError as error:
    assert "bot/slim.py" in str(error)
else:
    raise AssertionError("a stand-in was made")
try:
    raise ValueError
except boto3.dynamodb.conditions.Missing:
    raise AssertionError("a stand-in caught something")
except ValueError:
    pass
"""
    done = inside_bot(code)
    assert done.returncode == 0, done.stderr
