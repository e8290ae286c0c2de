"""What our pages may load, call and be framed by. Nothing runs on them but our own script, and Stripe's with Stripe."""

from __future__ import annotations

from urllib.parse import urlsplit

from billing.config import Settings

# https://docs.stripe.com/security/guide#content-security-policy, for Stripe.js. Of what it lists, maps.googleapis.com
# is left out: it completes addresses in Stripe's own address form, which we do not use.
STRIPE_SCRIPTS = ("https://js.stripe.com", "https://*.js.stripe.com")
STRIPE_FRAMES = (*STRIPE_SCRIPTS, "https://hooks.stripe.com")
STRIPE_CALLS = ("https://api.stripe.com",)


def stripe_is_on(settings: Settings) -> bool:
    """The same question as billing.context.make_gateway asks."""
    return bool(settings.stripe_secret_key)


def page_headers(settings: Settings, nonce: str, *, fields: bool = False) -> dict[str, str]:
    """For every HTML answer. `nonce` is new for each; `fields`: the gateway's fields are on the page."""
    return {
        "Content-Security-Policy": content_policy(settings, nonce, fields=fields),
        "Permissions-Policy": _permissions(settings, fields=fields),
    }


def widget_headers(settings: Settings) -> dict[str, str]:
    """For the widget's frame: files of ours and the secure page in a frame of its own, wallets included."""
    ours = [f"{kind}-src 'self'" for kind in ("script", "style", "connect", "frame")]
    nothing = ("form-action 'none'", "base-uri 'none'")
    policy = "; ".join(("default-src 'none'", *ours, "img-src data:", *nothing, _ancestors(settings)))
    return {"Content-Security-Policy": policy, "Permissions-Policy": _permissions(settings, fields=True)}


def framers(settings: Settings) -> list[str]:
    """The origins whose pages may show ours in a frame."""
    return list(dict.fromkeys((origin(settings.public_url), *settings.allowed_origins.split())))


def content_policy(settings: Settings, nonce: str, *, fields: bool = False) -> str:
    """Our own script and style, calls to us, the gateway's fields, and nobody around us who was not named."""
    scripts, calls, frames = _gateway_hosts(settings) if fields else ((), (), ())
    return "; ".join(
        (
            "default-src 'none'",
            _sources("script-src", f"'nonce-{nonce}'", *scripts),
            f"style-src 'nonce-{nonce}'",
            "img-src data:",
            _sources("connect-src", "'self'", *calls),
            _sources("frame-src", *(frames or ("'none'",))),
            "form-action 'none'",
            "base-uri 'none'",
            _ancestors(settings),
        )
    )


def _ancestors(settings: Settings) -> str:
    return _sources("frame-ancestors", "'self'", *framers(settings))


def _gateway_hosts(settings: Settings) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """(scripts, calls, frames) of the gateway whose fields the page shows."""
    if not stripe_is_on(settings):
        return (), (), (origin(settings.sandbox_url),)
    script = origin(settings.stripe_js_url)
    double = () if script in STRIPE_SCRIPTS else (script,)  # tests play Stripe's script themselves
    return (*double, *STRIPE_SCRIPTS), (*double, *STRIPE_CALLS), (*double, *STRIPE_FRAMES)


def _permissions(settings: Settings, *, fields: bool) -> str:
    return f"camera=(), geolocation=(), microphone=(), payment={_wallets(settings, fields)}"


def _wallets(settings: Settings, fields: bool) -> str:
    """Apple Pay and Google Pay are asked from inside Stripe's frames."""
    if not (fields and stripe_is_on(settings)):
        return "()"
    return "(self " + " ".join(f'"{host}"' for host in _gateway_hosts(settings)[2]) + ")"


def _sources(directive: str, *allowed: str) -> str:
    return " ".join((directive, *dict.fromkeys(allowed)))


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
