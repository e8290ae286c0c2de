"""Shows what the trained classifier makes of sentences: in the terminal, as JSON lines, or over HTTP for a scoring
script.
"""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import yaml

from bot import inputs
from bot.components.intent import IntentModel, SentenceClassifier, thresholds_of


def load_classifier(model: Path) -> IntentModel:
    """Takes the classifier out of a trained model, with the thresholds that config.yml has now."""
    pipeline = yaml.safe_load(inputs.CONFIG.read_text("utf-8"))["pipeline"]
    config = {**SentenceClassifier.get_default_config(), **pipeline[0]}
    with tarfile.open(model) as archive, tempfile.TemporaryDirectory() as folder:
        member = next(name for name in archive.getnames() if name.endswith(SentenceClassifier.FILE))
        file = archive.extractfile(member)
        if file is None:
            raise FileNotFoundError(member)
        path = Path(folder) / SentenceClassifier.FILE
        path.write_bytes(file.read())
        return IntentModel.load(path, thresholds_of(config))


def parse(classifier: IntentModel, text: str) -> dict[str, Any]:
    """The shape of Rasa's own `/model/parse`."""
    reading = classifier.read(text)
    return {
        "text": text,
        "intent": {"name": reading.intent, "confidence": round(reading.confidence, 4)},
        "intent_ranking": [{"name": name, "confidence": round(chance, 4)} for name, chance in reading.ranking],
    }


def show(classifier: IntentModel, texts: Iterable[str]) -> None:
    for text in texts:
        found = parse(classifier, text)
        others = ", ".join(f"{one['name']} {one['confidence']:.2f}" for one in found["intent_ranking"])
        print(f"{found['intent']['name']:<18} {found['intent']['confidence']:.2f}  {text}   ({others})")


def stream(classifier: IntentModel) -> None:
    """One sentence a line on standard input, one JSON object a line on standard output."""
    for line in sys.stdin:
        print(json.dumps(parse(classifier, line.rstrip("\n")), ensure_ascii=False), flush=True)


def serve(classifier: IntentModel, port: int) -> None:
    """`POST /model/parse {"text": …}` on loopback, until Ctrl-C. For measuring only: it has no token and no state."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(parse(classifier, asked["text"])).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Sentences of people are not for a terminal."""

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()
