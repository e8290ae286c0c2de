"""The bot's command line, run from the repository's root with the bot's own Python:

    python -m bot run              serve on 127.0.0.1:$BOT_PORT
    python -m bot train            train, unless a model of exactly these inputs exists
    python -m bot train --check    check domain, rules and examples; exit 1 with what is wrong
    python -m bot parse TEXT …     show what the classifier makes of a sentence
"""

from __future__ import annotations

import argparse
import logging
import os
import sys

# One utterance is too little work for several threads; without this numpy starts one per core and they wait for each other.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

from bot import slim  # noqa: E402 (numpy must not be imported before its threads are limited)
from bot.settings import BotSettings, SettingsError  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bot", description="Remit's dialogue engine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="serve on loopback")
    train = commands.add_parser("train", help="train when inputs changed")
    train.add_argument("--check", action="store_true", help="only check the data")
    train.add_argument("--force", action="store_true", help="train even if a model of these inputs exists")
    parse = commands.add_parser("parse", help="classify sentences")
    parse.add_argument("text", nargs="+")
    options = parser.parse_args(arguments)
    # Rasa's own messages can hold what customers typed; only its warnings come through.
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("bot").setLevel(os.environ.get("BOT_LOG_LEVEL", "INFO").upper())
    try:
        return {"run": _run, "train": _train, "parse": _parse}[options.command](options)
    except SettingsError as error:
        print(f"bot: {error}", file=sys.stderr)
        return 2


def _run(_: argparse.Namespace) -> int:
    settings = BotSettings.read()
    slim.apply(serving=True)
    from bot import inputs  # noqa: PLC0415
    from bot.server import serve  # noqa: PLC0415 (after the stand-ins)

    model = settings.model or inputs.model_path()
    if not model.is_file():
        raise SettingsError(f"no model at {model}: run `python -m bot train` first.")
    serve(settings, model)
    return 0


def _train(options: argparse.Namespace) -> int:
    slim.apply(serving=False)
    from bot import train  # noqa: PLC0415 (after the stand-ins)

    return train.check() if options.check else train.train(force=options.force)


def _parse(options: argparse.Namespace) -> int:
    slim.apply(serving=True)
    from bot.components.intent import load_classifier  # noqa: PLC0415 (after the stand-ins)

    classifier = load_classifier()
    for text in options.text:
        reading = classifier.read(text)
        print(f"{reading.intent:<20} {reading.confidence:.2f}  {text}   {reading.ranking[:3]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
