"""What our pages may load, call and be framed by. Nothing runs on them but our own script."""

from __future__ import annotations

from urllib.parse import urlsplit

from billing.config import Settings


def page_headers(settings: Settings, nonce: str) -> dict[str, str]:
    """For every HTML answer. `nonce` is new for each."""
    return {
        "Content-Security-Policy": content_policy(settings, nonce),
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


def content_policy(settings: Settings, nonce: str) -> str:
    """Our own script and style, calls to us, the gateway's frame, and nobody around us who was not named."""
    around = dict.fromkeys(("'self'", origin(settings.public_url), *settings.allowed_origins.split()))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            f"style-src 'nonce-{nonce}'",
            "img-src data:",
            "connect-src 'self'",
            f"frame-src {origin(settings.sandbox_url)}",
            "form-action 'none'",
            "base-uri 'none'",
            f"frame-ancestors {' '.join(around)}",
        )
    )


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
