"""The edge: the one process that listens to the outside. Flask, one blueprint a file, one guard a route."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from assistant.dialogue.turns import make_dialogue
from billing.config import Settings, get_settings
from billing.context import Context, make_context
from billing.database import make_statement_engine
from webhook import account, chat, demo_proxy, documents, events, health, pay_page, sms, voice, widget
from webhook.edge import EXTENSION, Edge
from webhook.errors import register_errors
from webhook.guards import register_guards
from webhook.log import configure_logs
from webhook.metrics import Metrics, TriesRefused, TurnsCounted
from webhook.rates import Rates
from webhook.streams import Streams

EVENT_POOL_SIZE = 8
POOL_SIZE = 20  # connections; a request holds one for a few milliseconds at a time


def create_app(settings: Settings | None = None, context: Context | None = None) -> Flask:
    """The edge as a WSGI application. Opens no connection and starts no thread before the first request."""
    settings = settings or (context.settings if context is not None else get_settings())
    context = context or make_context(settings, pool_size=POOL_SIZE)
    configure_logs(settings.log_level)
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # no other origin has any business here, so there is no CORS
    metrics = Metrics()
    metrics.registry.register(TriesRefused(context.sessions))
    app.extensions[EXTENSION] = Edge(
        settings=settings,
        context=context,
        statements=make_statement_engine(context.sessions, pool_size=EVENT_POOL_SIZE),
        metrics=metrics,
        rates=Rates(settings.rate_limit_url),
        dialogue=make_dialogue(context, TurnsCounted(metrics)),
        streams=Streams(context, metrics),
        calls=voice.CallDesk(),
        sandbox=demo_proxy.make_client(settings),
    )
    for routes in (chat, account, documents, pay_page, widget, health):
        app.register_blueprint(routes.blueprint)
    app.register_blueprint(events.routes_of(context.gateway.name))
    if settings.twilio_auth_tokens:
        app.register_blueprint(sms.blueprint)
        app.register_blueprint(voice.blueprint)
    if settings.sandbox_enabled:
        app.register_blueprint(demo_proxy.blueprint)
    register_errors(app)
    register_guards(app, settings.request_limit)
    if settings.trusted_proxies:
        proxies = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    return app
