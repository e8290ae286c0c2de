"""Are the settings for Twilio whole and safe? Pure; `billing/config.py` asks when the process starts."""

from __future__ import annotations

import re
from collections.abc import Sequence

SHORTEST_TOKEN = 16
MOST_TOKENS = 2  # the old and the new one, while it is rotated
ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
MESSAGING_SERVICE = re.compile(r"MG[0-9a-f]{32}")
VERIFY_SERVICE = re.compile(r"VA[0-9a-f]{32}")
NUMBER = re.compile(r"\+[1-9]\d{7,14}|\d{5,6}")  # E.164, or a short code


def complaint(
    *,
    auth_tokens: Sequence[str],
    account_sid: str,
    from_number: str,
    messaging_service_sid: str,
    verify_service_sid: str,
    one_time_code_secret: str,
    countries: str,
) -> str | None:
    """What is wrong, in one sentence that names the setting and never shows a secret; None if nothing is.

    Without a token nothing else may be set: a validator with an empty token believes everybody.
    """
    given = {
        "TWILIO_ACCOUNT_SID": account_sid,
        "TWILIO_FROM_NUMBER": from_number,
        "TWILIO_MESSAGING_SERVICE_SID": messaging_service_sid,
        "TWILIO_VERIFY_SERVICE_SID": verify_service_sid,
    }
    if not auth_tokens:
        named = [name for name, value in given.items() if value]
        return f"TWILIO_AUTH_TOKEN is missing, but {' and '.join(named)} set" if named else None
    if len(auth_tokens) > MOST_TOKENS:
        return f"TWILIO_AUTH_TOKEN holds {len(auth_tokens)} tokens, at most {MOST_TOKENS} make sense"
    if any(len(token) < SHORTEST_TOKEN or "${" in token for token in auth_tokens):
        return f"TWILIO_AUTH_TOKEN must be a random text of at least {SHORTEST_TOKEN} characters"
    if len(one_time_code_secret) < SHORTEST_TOKEN or "${" in one_time_code_secret:
        return f"ONE_TIME_CODE_SECRET must be a random text of at least {SHORTEST_TOKEN} characters"
    if not re.fullmatch(r"[A-Z]{2}( [A-Z]{2})*", countries):
        return "SMS_COUNTRIES must be country codes of two capital letters, separated by blanks"
    return _misshapen(given)


def _misshapen(given: dict[str, str]) -> str | None:
    shapes = {
        "TWILIO_ACCOUNT_SID": (ACCOUNT, "AC and 32 hexadecimal digits"),
        "TWILIO_FROM_NUMBER": (NUMBER, "a number like +15145550100, or a short code"),
        "TWILIO_MESSAGING_SERVICE_SID": (MESSAGING_SERVICE, "MG and 32 hexadecimal digits"),
        "TWILIO_VERIFY_SERVICE_SID": (VERIFY_SERVICE, "VA and 32 hexadecimal digits"),
    }
    for name, (shape, says) in shapes.items():
        if given[name] and not shape.fullmatch(given[name]):
            return f"{name} must be {says}"
    if given["TWILIO_ACCOUNT_SID"] and not (given["TWILIO_FROM_NUMBER"] or given["TWILIO_MESSAGING_SERVICE_SID"]):
        return "TWILIO_ACCOUNT_SID is set, but neither TWILIO_FROM_NUMBER nor TWILIO_MESSAGING_SERVICE_SID"
    if given["TWILIO_VERIFY_SERVICE_SID"] and not given["TWILIO_ACCOUNT_SID"]:
        return "TWILIO_VERIFY_SERVICE_SID is set, but TWILIO_ACCOUNT_SID not"
    return None
