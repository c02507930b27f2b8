"""Who may ask: `Host`, `Origin` and API keys, before anything else is looked at.

A page of any web site can send requests to a local server. Two headers that a page cannot forge tell them apart: `Host`
is another's name when a name was made to point at us (DNS rebinding), and `Origin` names the page's site.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from model_switcher.domain.errors import ForeignCaller, WrongKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from model_switcher.domain.settings import ServerSettings

MODEL_HEADER = "X-Model-Switcher-Model"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_REMEMBERED_HOSTS = 256
WITHOUT_KEY = frozenset({"/health", "/v1/health"})
# The files of llama-server's web interface, which gives them to everybody too: they ask for the key, and use it.
_PAGES = re.compile(
    r"/(?:index\.html|favicon\.(?:ico|svg)|manifest\.webmanifest|sw\.js|version\.json|[\w-]+\.png"
    r"|_app/(?:[\w-]+/)*[\w-]+(?:\.[\w-]+)*)?"
)


class Guards:
    """The checks of one gateway.

    Args:
        settings: The configured host, keys and origins.
        control_key: Always accepted; the instance file holds it for the user's own programs.
    """

    def __init__(self, settings: ServerSettings, control_key: str) -> None:
        self._names = _LOOPBACK | {settings.host.casefold()}
        self._everywhere = settings.host in {"0.0.0.0", "::", ""}  # noqa: S104 - compared, not bound
        if self._everywhere:
            self._names |= {socket.gethostname().casefold()}
        self._origins = frozenset(origin.rstrip("/").casefold() for origin in settings.allowed_origins) - {
            "null"
        }
        self._keys = tuple(key.encode() for key in (*settings.api_keys, control_key))
        self._locked = bool(settings.api_keys)
        self._known_hosts: dict[str, str | None] = {}

    def check_caller(self, headers: Mapping[str, str]) -> str | None:
        """The request's `Origin` if it has one; it may read the answer.

        Raises:
            ForeignCaller: `Host` is not our name, or `Origin` is neither ours nor allowed.
        """
        host = headers.get("Host", "")
        port = self._our_port(host)
        if port is None:
            raise ForeignCaller(
                f"{host!r} is not a name of this server",
                hint="Use the address that the program shows, or set [server] host.",
            )
        origin = headers.get("Origin")
        if origin is None or self._is_ours(origin, port) or origin.casefold() in self._origins:
            return origin
        raise ForeignCaller(
            f"Pages of {origin!r} may not use this server",
            hint="Add the origin to [server] allowed-origins if they should.",
        )

    def needs_key(self, method: str, path: str) -> bool:
        """Whether a request has to come with a key, where keys are needed at all."""
        return path not in WITHOUT_KEY and not (method in {"GET", "HEAD"} and _PAGES.fullmatch(path))

    def check_key(self, headers: Mapping[str, str]) -> None:
        """Whether the caller has a key, where one is needed.

        Raises:
            WrongKey: It has none, or a wrong one.
        """
        if not self._locked:
            return
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        given = token.strip() if scheme.casefold() == "bearer" else headers.get("X-Api-Key", "")
        candidate = given.encode(errors="surrogateescape")
        # Every key is compared, so that the time taken tells nothing about which one was near.
        if not sum(hmac.compare_digest(candidate, key) for key in self._keys):
            raise WrongKey(
                "The API key is missing or wrong", hint="Send it as `Authorization: Bearer <key>`."
            )

    def cors(self, origin: str | None) -> dict[str, str]:
        """The headers that let a page of an accepted origin read the answer."""
        if origin is None:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": MODEL_HEADER,
            "Vary": "Origin",
        }

    def options_answer(
        self, origin: str | None, headers: Mapping[str, str], methods: Iterable[str] | None
    ) -> web.Response:
        """The answer to OPTIONS, a preflight among them: it never reaches an engine.

        Args:
            origin: Whose page asks, if it may.
            headers: Of the request.
            methods: What the route knows; None for one of the engines'.
        """
        allowed = _METHODS if methods is None else ", ".join(methods)
        answer = {"Allow": allowed, **self.cors(origin)}
        if origin is not None and "Access-Control-Request-Method" in headers:
            answer["Access-Control-Allow-Methods"] = allowed
            answer["Access-Control-Allow-Headers"] = headers.get("Access-Control-Request-Headers", "*")
            answer["Access-Control-Max-Age"] = "600"
        return web.Response(status=204, headers=answer)

    def _our_port(self, host: str) -> str | None:
        """The port in a `Host` header that names us, as text ("80" if left out); None if it names another."""
        if host not in self._known_hosts:
            if len(self._known_hosts) >= _REMEMBERED_HOSTS:
                self._known_hosts.clear()
            self._known_hosts[host] = self._judge(host)
        return self._known_hosts[host]

    def _judge(self, host: str) -> str | None:
        name, port = _split(host)
        return port if name and self._is_our_name(name) else None

    def _is_our_name(self, name: str) -> bool:
        if name in self._names:
            return True
        # An address cannot be rebound to us as a name can: on all interfaces, any of them is ours.
        return self._everywhere and _is_address(name)

    def _is_ours(self, origin: str, port: str) -> bool:
        if not origin.startswith("http://"):
            return False
        name, its_port = _split(origin.removeprefix("http://"))
        return its_port == port and self._is_our_name(name)


def _split(host: str) -> tuple[str, str]:
    """Name and port of a `Host` value, the name without brackets; an empty name if it is damaged."""
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port
    except ValueError:
        return "", ""
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        return "", ""
    return (parts.hostname or "").casefold(), str(port or 80)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
