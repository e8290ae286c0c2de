"""The bot's command line, run from the repository's root with the bot's own Python:

python -m bot run              serve on 127.0.0.1:$BOT_PORT
python -m bot train            train, unless a model of exactly these inputs exists
python -m bot train --check    check domain, rules and examples; exit 1 with what is wrong
python -m bot parse TEXT …     show what the classifier makes of sentences
python -m bot parse --json     the same for lines on standard input, as JSON lines
python -m bot parse --serve N  the same as POST /model/parse on port N, for scoring scripts
python -m bot report           how well it understands the held-out sentences, as a page in var/
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

# One utterance is too little work for several threads; without this numpy starts one per core and they wait for each
# other.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import structlog  # noqa: E402 (numpy must not be imported before its threads are limited)

from bot import slim  # noqa: E402
from bot.settings import BotSettings, SettingsError  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bot", description="Remit's dialogue engine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="serve on loopback")
    train = commands.add_parser("train", help="train when inputs changed")
    train.add_argument("--check", action="store_true", help="only check the data")
    train.add_argument("--force", action="store_true", help="train even if a model of these inputs exists")
    parse = commands.add_parser("parse", help="classify sentences")
    parse.add_argument("text", nargs="*")
    parse.add_argument("--json", action="store_true", help="lines in, JSON lines out")
    parse.add_argument("--serve", type=int, metavar="PORT", help="answer POST /model/parse on loopback")
    commands.add_parser("report", help="write var/nlu-report.html")
    options = parser.parse_args(arguments)
    _log_to_stdout()
    try:
        return {"run": _run, "train": _train, "parse": _parse, "report": _report}[options.command](options)
    except SettingsError as error:
        print(f"bot: {error}", file=sys.stderr)
        return 2


def _log_to_stdout() -> None:
    """Rasa's own messages can hold what customers typed: of them only warnings come through, from either of its two
    loggers.
    """
    layout = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format=layout)
    logging.getLogger("bot").setLevel(os.environ.get("BOT_LOG_LEVEL", "INFO").upper())
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def _run(_: argparse.Namespace) -> int:
    settings = BotSettings.read()
    slim.apply(serving=True)
    from bot import inputs  # noqa: PLC0415
    from bot.server import serve  # noqa: PLC0415 (after the stand-ins)

    serve(settings, _model(settings.model or inputs.model_path()))
    return 0


def _model(path: Path) -> Path:
    if not path.is_file():
        raise SettingsError(f"no model at {path}: run `python -m bot train` first.")
    return path


def _train(options: argparse.Namespace) -> int:
    from bot import train  # noqa: PLC0415 (it alone decides whether Rasa is needed)

    return train.check() if options.check else train.train(force=options.force)


def _parse(options: argparse.Namespace) -> int:
    slim.apply(serving=True)
    from bot import inputs, parse  # noqa: PLC0415 (after the stand-ins)

    chosen = os.environ.get("BOT_MODEL")
    classifier = parse.load_classifier(_model(Path(chosen) if chosen else inputs.model_path()))
    if options.serve:
        parse.serve(classifier, options.serve)
    elif options.json:
        parse.stream(classifier)
    else:
        parse.show(classifier, options.text)
    return 0


def _report(_: argparse.Namespace) -> int:
    slim.apply(serving=True)
    from bot import inputs, parse, report  # noqa: PLC0415 (after the stand-ins)

    print(f"report  {report.write(parse.load_classifier(_model(inputs.model_path()))).relative_to(inputs.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
