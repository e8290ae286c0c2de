"""One request to a gateway: an answer in time, or what is certain about the lack of one. Both adapters send by it.

    NeverSent   not one byte of the request has left: nothing happened over there
    NoAnswer    it may have arrived: only the gateway knows

`timeout_s` bounds the whole request. httpx's own limits are one a read, so that an answer which trickles byte by byte
would hold its caller for ever; here each wait on the socket gets what is left of the whole.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import httpcore
import httpx

LARGEST_ANSWER = 4 * 1024 * 1024  # bytes; a page of a hundred payments with card and charge is half a megabyte
CONNECT_S = 2.0  # a gateway that does not take the call by then is asked again later
# Raised before a byte of the request has left.
NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_deadline: ContextVar[float] = ContextVar("gateway request deadline")


class NeverSent(Exception):
    """No connection, or a request that cannot be written as HTTP."""


class NoAnswer(Exception):
    """Too slow, too long, cut off, or no HTTP: what became of the request is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in any case
    content: bytes


class Wire:
    """No connection is used twice: one that the gateway has closed meanwhile would make a request that never left
    look like one without an answer.
    """

    def __init__(self, *, trust_env: bool = False, headers: Mapping[str, str] | None = None) -> None:
        limits = httpx.Limits(max_keepalive_connections=0, max_connections=None)
        self._client = httpx.Client(headers=headers, limits=limits, trust_env=trust_env)
        for transport in {self._client._transport, *self._client._mounts.values()}:
            if isinstance(transport, httpx.HTTPTransport):  # httpx has no public way to give its pool a backend
                transport._pool._network_backend = _PatientBackend()

    def close(self) -> None:
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        timeout_s: float,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer to one request, whatever its status, within `timeout_s` seconds in all (the look-up of the host's
        name apart, which the system bounds). Redirects are answers. Raises NeverSent and NoAnswer.
        """
        until = time.monotonic() + timeout_s
        token = _deadline.set(until)
        body = bytearray()
        try:
            encoded = {name.encode("latin-1"): value.encode() for name, value in (headers or {}).items()}
            timeout = httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
            with self._client.stream(
                method, url, timeout=timeout, headers=encoded, content=content, params=params
            ) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if time.monotonic() > until or len(body) > LARGEST_ANSWER:
                        raise NoAnswer(f"HTTP {response.status_code}, too slow or too long")
        except NEVER_SENT as error:
            raise NeverSent(_describe(error)) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise NoAnswer(_describe(error)) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise NeverSent(_describe(error)) from error
        finally:
            _deadline.reset(token)
        return Answer(response.status_code, response.headers, bytes(body))


def is_loopback(host: str) -> bool:
    """This machine: what stands in for the world outside here is reached by no proxy."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _describe(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()


def _left(timeout: float | None) -> float:
    """Seconds that this wait may take: its own limit, and never more than what is left of the request's."""
    left = max(_deadline.get() - time.monotonic(), 0.001)  # 0 would mean "do not wait at all" to the socket
    return left if timeout is None else min(timeout, left)


class _PatientStream(httpcore.NetworkStream):
    """A connection whose every wait ends with its request."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _PatientStream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _PatientBackend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _PatientStream(
            self._backend.connect_tcp(host, port, _left(timeout), local_address, socket_options=socket_options)
        )
