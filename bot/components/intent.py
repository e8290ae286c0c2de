"""The intent classifier: sentence embedding and n-grams into one logistic regression, with thresholds of its own.

What is not understood well enough becomes `nlu_fallback`, never the best guess; an affirmation has to pass a stricter
test (bot/components/consent.py).
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components import consent
from bot.components.features import Embedder, NgramWeights, normalize, tokens, unaccented
from bot.components.typos import misspell

FALLBACK = "nlu_fallback"
AFFIRM = "affirm"
# Kept with the message in the tracker; more of them would only make conversations larger.
RANKED = 3
# Answers of one or two words are said most often, and have the fewest words to be recognized by; they count for more.
SHORT_WORDS = 2
# Sentences whose reading is remembered.
REMEMBERED = 1_000


@dataclass(frozen=True)
class Reading:
    """What one sentence was taken to mean. `ranking` holds the classifier's own best guesses, before thresholds."""

    intent: str
    confidence: float
    ranking: list[tuple[str, float]]


@dataclass(frozen=True)
class Thresholds:
    """Confidence, 0 to 1, below which a sentence counts as not understood; `margin` is the least lead of a yes over
    the next best, `affirm_foreign` the confidence that a yes needs when a word of it is in no yes of the examples.
    """

    others: float
    affirm: float
    affirm_margin: float
    affirm_foreign: float


class IntentModel:
    """A trained classifier: everything needed to read a sentence."""

    def __init__(
        self,
        labels: Sequence[str],
        ngrams: NgramWeights,
        dense: np.ndarray,
        sparse: np.ndarray,
        bias: np.ndarray,
        thresholds: Thresholds,
        affirm_words: frozenset[str],
    ) -> None:
        self.affirm_words = affirm_words
        self.labels = list(labels)
        self.ngrams = ngrams
        self.dense, self.sparse, self.bias = dense, sparse, bias
        self.thresholds = thresholds
        self.embedder = Embedder()
        # A few short sentences are most of what is said ("yes", "pay my bill"): they are read once.
        self._read = functools.lru_cache(maxsize=REMEMBERED)(self._read_plain)

    def read(self, text: str) -> Reading:
        """Reads one message as a customer typed it."""
        return self._read(normalize(text))

    def _read_plain(self, plain: str) -> Reading:
        if not any(character.isalnum() for character in plain):
            # A thumbs-up, a question mark, dots: an answer of some kind, and never a yes.
            return Reading("unsure" if plain else FALLBACK, 1.0, [])
        chances = self._chances(plain)
        order = np.argsort(-chances)[:RANKED]
        ranking = [(self.labels[place], float(chances[place])) for place in order]
        return self._judge(plain, ranking)

    def _chances(self, plain: str) -> np.ndarray:
        columns, values = self.ngrams.row(plain)
        logits = self.embedder.embed([plain])[0] @ self.dense + self.bias
        if len(columns):
            logits = logits + values @ self.sparse[columns]
        chances = np.exp(logits - logits.max())
        return chances / chances.sum()

    def _judge(self, plain: str, ranking: list[tuple[str, float]]) -> Reading:
        (best, confidence), (_, second) = ranking[:2]
        if best == AFFIRM:
            instead = consent.second_thought(plain)
            if instead:
                return Reading(instead, confidence, ranking)
            foreign = not self.affirm_words.issuperset(tokens(plain))
            least = self.thresholds.affirm_foreign if foreign else self.thresholds.affirm
            if confidence < least or confidence - second < self.thresholds.affirm_margin:
                return Reading(FALLBACK, 1.0 - confidence, ranking)
        if confidence < self.thresholds.others:
            return Reading(FALLBACK, 1.0 - confidence, ranking)
        return Reading(best, confidence, ranking)

    def dumps(self) -> bytes:
        """The model without its thresholds, which stand in config.yml, as a compressed numpy archive."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            labels=np.array(self.labels),
            grams=np.frombuffer("\n".join(self.ngrams.columns).encode(), dtype=np.uint8),
            gram_weights=self.ngrams.weights,
            dense=self.dense,
            sparse=self.sparse.astype(np.float16),
            bias=self.bias,
            affirm_words=np.frombuffer("\n".join(sorted(self.affirm_words)).encode(), dtype=np.uint8),
        )
        return buffer.getvalue()

    @classmethod
    def load(cls, path: Path, thresholds: Thresholds) -> IntentModel:
        with np.load(path, allow_pickle=False) as archive:
            grams = archive["grams"].tobytes().decode().split("\n")
            columns = {gram: column for column, gram in enumerate(grams)}
            return cls(
                [str(label) for label in archive["labels"]],
                NgramWeights(columns, archive["gram_weights"]),
                archive["dense"],
                archive["sparse"].astype(np.float32),
                archive["bias"],
                thresholds,
                frozenset(archive["affirm_words"].tobytes().decode().split("\n")),
            )


def train_model(texts: Sequence[str], labels: Sequence[str], config: dict[str, Any]) -> IntentModel:
    """Fits the classifier on examples and misspelled copies of them. The same examples give the same model."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415 (only training needs it)

    from bot.components import softmax  # noqa: PLC0415

    plain = [normalize(text) for text in texts]
    seeds = range(int(config["misspelled_copies"]))
    copies = [
        (misspell(unaccented(text) if seed % 2 else text, seed), label)
        for seed in seeds
        for text, label in zip(plain, labels, strict=True)
    ]
    originals = set(plain)
    copies = [(text, label) for text, label in copies if text not in originals]
    sentences = plain + [text for text, _ in copies]
    names = sorted(set(labels))
    classes = np.array([names.index(label) for label in [*labels, *(label for _, label in copies)]])
    short = float(config["weight_of_short"])
    counts = np.array(
        [short if len(text.split()) <= SHORT_WORDS else 1.0 for text in plain]
        + [float(config["weight_of_copies"])] * len(copies)
    )

    ngrams = NgramWeights.fit(plain, int(config["least_occurrences"]))
    rows = [ngrams.row(sentence) for sentence in sentences]
    edges = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    shape = (len(sentences), len(ngrams.weights))
    sparse = csr_matrix(
        (np.concatenate([v for _, v in rows]), np.concatenate([c for c, _ in rows]), edges), shape=shape
    )

    scale = float(config["scale"])
    dense_weights, sparse_weights, bias = softmax.fit(
        Embedder().embed(sentences) * scale,
        sparse * np.float32(scale),
        classes,
        counts,
        strength=float(config["strength"]),
        iterations=int(config["iterations"]),
    )
    # The scale is part of the features in training only; afterwards it is part of the weights.
    affirm_words = frozenset(
        word for text, label in zip(plain, labels, strict=True) if label == AFFIRM for word in tokens(text)
    )
    return IntentModel(
        names, ngrams, dense_weights * scale, sparse_weights * scale, bias, thresholds_of(config), affirm_words
    )


def thresholds_of(config: dict[str, Any]) -> Thresholds:
    """The thresholds in a component's configuration."""
    return Thresholds(
        others=float(config["threshold"]),
        affirm=float(config["affirm_threshold"]),
        affirm_margin=float(config["affirm_margin"]),
        affirm_foreign=float(config["affirm_foreign"]),
    )


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SentenceClassifier(IntentClassifier, GraphComponent):
    """The model as a component of Rasa's graph; it needs no tokenizer and no featurizer before it."""

    FILE = "intent_model.npz"

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Chosen by cross-validation on our own examples (see docs/facts-rasa.md)."""
        return {
            "threshold": 0.4,
            "affirm_threshold": 0.7,
            "affirm_margin": 0.3,
            "affirm_foreign": 0.9,
            "scale": 2.0,
            "strength": 4.0,
            "iterations": 80,
            "least_occurrences": 2,
            "misspelled_copies": 2,
            "weight_of_copies": 0.4,
            "weight_of_short": 2.0,
        }

    @staticmethod
    def required_packages() -> list[str]:
        return []

    def __init__(
        self, config: dict[str, Any], storage: ModelStorage, resource: Resource, model: IntentModel | None = None
    ) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self.model = model

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003 (Rasa passes it by name)
    ) -> SentenceClassifier:
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003 (Rasa passes it by name)
        **_: Any,
    ) -> SentenceClassifier:
        with model_storage.read_from(resource) as folder:
            model = IntentModel.load(Path(folder) / cls.FILE, thresholds_of(config))
        # The first sentence costs ten times as much as the others; nobody should wait for it.
        model.read("hello")
        return cls(config, model_storage, resource, model)

    def train(self, training_data: TrainingData) -> Resource:
        examples = training_data.intent_examples
        texts = [example.get(TEXT) for example in examples]
        self.model = train_model(texts, [example.get(INTENT) for example in examples], self._config)
        with self._storage.write_to(self._resource) as folder:
            (Path(folder) / self.FILE).write_bytes(self.model.dumps())
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        if self.model is None:
            raise RuntimeError("the classifier is not trained")
        for message in messages:
            reading = self.model.read(message.get(TEXT) or "")
            message.set(INTENT, {"name": reading.intent, "confidence": reading.confidence}, add_to_output=True)
            ranking = [{"name": name, "confidence": chance} for name, chance in reading.ranking]
            message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data
