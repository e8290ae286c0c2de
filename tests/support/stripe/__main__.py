"""`python -m tests.support.stripe`: the double as a process of its own, for a whole stack. Ctrl-C stops it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading

from tests.support.stripe.server import StripeDouble


def main() -> int:
    """Exit code 1 when a request or an answer was not as Stripe describes it."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.stripe", description=__doc__)
    parser.add_argument("--port", type=int, default=12111, help="where it listens, on 127.0.0.1; 0 for a free one")
    parser.add_argument("--webhook-url", help="where it sends events, http://127.0.0.1:8000/webhooks/stripe")
    parser.add_argument("--webhook-secret", action="append", help="whsec_…; twice while it is rotated")
    parser.add_argument("--secret-key", default="sk_test_51Northwind0000000000")
    parser.add_argument("--publishable-key", default="pk_test_51Northwind0000000000")
    parser.add_argument("--account", help="the connected account acct_… that requests must name")
    parser.add_argument("--hang", type=float, default=30.0, help="seconds that a hanging answer hangs")
    chosen = parser.parse_args()
    double = StripeDouble(
        chosen.port,
        secret_key=chosen.secret_key,
        publishable_key=chosen.publishable_key,
        webhook_url=chosen.webhook_url,
        webhook_secrets=tuple(chosen.webhook_secret or ["whsec_northwind_test_secret_0001"]),
        account=chosen.account,
        hang_s=chosen.hang,
    )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    double.start()
    sys.stdout.write(f"Stripe's double listens at {double.url}\n")
    sys.stdout.flush()
    stopping.wait()
    double.stop()
    json.dump(double.checks.summary(), sys.stderr, indent=2)
    return 1 if double.checks.deviations else 0


if __name__ == "__main__":
    sys.exit(main())
