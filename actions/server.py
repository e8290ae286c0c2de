"""The action server: rasa-sdk's protocol, behind a shared secret, on loopback, in one process with threads for work.

Stock rasa-sdk binds every interface, answers anyone, repeats request bodies in its errors and blocks its loop on a
synchronous action; this keeps its routes and its executor and replaces those four things.
"""

from __future__ import annotations

import hmac
import logging
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from typing import Any

from rasa_sdk.endpoint import create_app
from rasa_sdk.executor import ActionExecutor
from sanic import Sanic
from sanic.exceptions import SanicException
from sanic.handlers import ErrorHandler
from sanic.request import Request
from sanic.response import HTTPResponse, json

from actions.balance import ActionBalance, ActionDueDate, ActionExplainBalance, ActionOverdue
from actions.cancel import ActionCancel, ActionStartOver
from actions.edit_method import ActionEditMethod
from actions.handoff import ActionHuman, ActionRefundOrDispute
from actions.history import ActionHistory
from actions.invoices import ActionListInvoices
from actions.language import ActionChangeLanguage
from actions.methods import ActionAcceptedMethods, ActionListMethods, ActionRemoveMethod
from actions.pay_bill import ValidatePaymentForm
from actions.pay_confirm import ActionPay
from actions.payment_status import ActionDeclinedQuestion, ActionPaymentStatus
from actions.receipt import ActionReceipt
from actions.secure_page import ActionPageQuestion
from actions.smalltalk import (
    ActionBotChallenge,
    ActionDefaultFallback,
    ActionDeny,
    ActionGoodbye,
    ActionGreet,
    ActionHelp,
    ActionMisunderstood,
    ActionNotOffered,
    ActionOutOfScope,
    ActionRepeat,
    ActionThanks,
    ActionUnsure,
)
from actions.task import Task
from assistant.amounts import read_amount
from assistant.wording import LANGUAGES, write
from billing.context import Context
from billing.money import Money

log = logging.getLogger("actions")

TASKS: tuple[type[Task], ...] = (
    ActionAcceptedMethods,
    ActionBalance,
    ActionBotChallenge,
    ActionCancel,
    ActionChangeLanguage,
    ActionDeclinedQuestion,
    ActionDefaultFallback,
    ActionDeny,
    ActionDueDate,
    ActionEditMethod,
    ActionExplainBalance,
    ActionGoodbye,
    ActionGreet,
    ActionHelp,
    ActionHistory,
    ActionHuman,
    ActionListInvoices,
    ActionListMethods,
    ActionMisunderstood,
    ActionNotOffered,
    ActionOutOfScope,
    ActionOverdue,
    ActionPageQuestion,
    ActionPay,
    ActionPaymentStatus,
    ActionReceipt,
    ActionRefundOrDispute,
    ActionRemoveMethod,
    ActionRepeat,
    ActionStartOver,
    ActionThanks,
    ActionUnsure,
    ValidatePaymentForm,
)

THREADS = 20  # turns at once, payments waiting for a bank included; each holds at most one database connection
WARM_CONNECTIONS = 4
OPEN_TO_ALL = "/health"


class Executor(ActionExecutor):
    """No action here reads the domain, so none is asked for again when Rasa leaves it out (`selective_domain`)."""

    def update_and_return_domain(self, payload: dict[str, Any], action_name: str) -> dict[str, Any]:  # noqa: ARG002
        return {}


class Errors(ErrorHandler):
    """An error's answer says what kind it was and nothing of what was sent, which can be private."""

    def response(self, request: Request, exception: Exception) -> HTTPResponse:
        status = exception.status_code if isinstance(exception, SanicException) else 500
        if status >= 500:  # noqa: PLR2004
            log.error("an action failed: %s", request.path, exc_info=exception)
        return json({"error": type(exception).__name__}, status=status)


def make_app(context: Context) -> Sanic[Any, Any]:
    """The server for `context`. Its secret is `context.settings.actions_token`."""
    # The bot runs Rasa 3.6, the last open-source line, whose protocol this SDK still speaks (tests/conversations).
    warnings.filterwarnings("ignore", message="Your versions of rasa and", category=UserWarning)
    executor = Executor()
    for task in TASKS:
        executor.register_action(task(context))
    app: Sanic[Any, Any] = create_app(executor, cors_origins=[])
    app.error_handler = Errors()
    app.config.ACCESS_LOG = False
    app.config.KEEP_ALIVE_TIMEOUT = 60  # the bot keeps its connections; it gives them up first
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 10.0  # a payment that has begun may finish
    app.register_middleware(_guard(context.settings.actions_token), "request", priority=100)
    app.register_listener(_warm_up(context), "before_server_start")
    return app


def _guard(token: str) -> Any:
    expected = f"Bearer {token}".encode()

    async def guard(request: Request) -> HTTPResponse | None:
        """Every request but the sign of life carries the secret that the bot and this server share."""
        given = request.headers.get("authorization", "").encode("utf-8", "replace")
        if request.path == OPEN_TO_ALL or hmac.compare_digest(given, expected):
            return None
        return json({"error": "Unauthorized"}, status=401)

    return guard


def _warm_up(context: Context) -> Any:
    async def warm_up(_: Sanic[Any, Any], loop: Any) -> None:
        """Threads, connections and the formats of money and dates are there before the first customer is."""
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="action"))
        with ExitStack() as stack:
            for _n in range(WARM_CONNECTIONS):
                stack.enter_context(context.sessions()).connection()
        for language in LANGUAGES:
            write(Money(100, "CAD"), language, "chat")
            write(date(2026, 1, 1), language, "chat")
            read_amount("50", language)

    return warm_up
