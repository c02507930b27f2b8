"""Which model a request is for."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs

from model_switcher.domain.errors import SwitcherError
from model_switcher.gateway.naming import LONGEST_NAME, NameReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from model_switcher.domain.catalog import Catalog
    from model_switcher.gateway.backend import Backend
    from model_switcher.gateway.callers import Callers

REMEMBERED_NAMES = 1024
LONGEST_SHOWN = 200
_NEVER_LOADING = frozenset({"GET", "HEAD"})


class Routing:
    """Finds the model of each request.

    In this order: the port it came to, the name in its body, the one in its query, what the program that sends it has
    borrowed. A request that names none, or one that no model bears, means the selected one.

    Args:
        backend: The runtime.
        unknown: What a name that no model bears means: the "selected" model, or an "error".
        ports: Ports that always mean one model, with what the settings call it.
        callers: Tells where requests come from.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        unknown: Literal["selected", "error"],
        ports: Mapping[int, str],
        callers: Callers,
    ) -> None:
        self._backend = backend
        self.strict = unknown == "error"
        self._ports = ports
        self._callers = callers
        self._names = NameReader()
        self._known = KnownNames()

    async def model_of(self, request: web.BaseRequest, data: bytes | None) -> str | None:
        """Id of the model that the request is for; None for the selected one.

        Args:
            request: Its header.
            data: Its body; None if that is not in memory.

        Raises:
            UnknownModel: It names none, and has to.
            AmbiguousModel: It names several.
            UnusableModel: It names a file that cannot be served.
        """
        if self._ports and (fixed := self.fixed(request)) is not None:
            return fixed
        catalog = self._backend.snapshot.catalog
        names = await self._names.names_in(request, data)
        for name in names:
            if (found := self._known.id_of(name, catalog)) is not None:
                return found
        if names and self.strict:
            raise self._known.unknown(names[0], catalog)
        return await self._borrowed(request) if self._backend.lending.lent else None

    def fixed(self, request: web.BaseRequest) -> str | None:
        """Id of the model that the request's port always means; None for an ordinary port.

        Raises:
            UnknownModel, AmbiguousModel, UnusableModel: The settings do not name a model.
        """
        name = self._ports.get(_port_of(request)) if self._ports else None
        if name is None:
            return None
        catalog = self._backend.snapshot.catalog
        found = self._known.id_of(name, catalog)
        if found is None:
            raise self._known.unknown(name, catalog)
        return found

    async def _borrowed(self, request: web.BaseRequest) -> str | None:
        """The model that the program which sends the request has borrowed."""
        owners = [
            lease.pid for lease in self._backend.snapshot.leases if lease.granted and lease.pid is not None
        ]
        if request.transport is None or not owners:
            return None
        sender = await self._callers.sender(request.transport, owners)
        return None if sender is None else self._backend.lending.lent_to(frozenset({sender}))


class KnownNames:
    """What names mean, looked up once for each name and catalog: each request asks, and a look takes milliseconds."""

    def __init__(self) -> None:
        self._catalog: Catalog | None = None
        self._meant: dict[str, str | SwitcherError | None] = {}
        self._unknown: dict[str, SwitcherError] = {}

    def id_of(self, name: str, catalog: Catalog) -> str | None:
        """Id of the model that bears the name; None if there is none.

        Raises:
            AmbiguousModel: Several bear it.
            UnusableModel: It is that of a file that was rejected.
        """
        if not name or len(name) > LONGEST_NAME:
            return None
        self._look_into(catalog)
        if name not in self._meant:
            self._meant[name] = _meant_by(name, catalog)
        meant = self._meant[name]
        if isinstance(meant, SwitcherError):
            raise copy(meant)
        return meant

    def unknown(self, name: str, catalog: Catalog) -> SwitcherError:
        """What to say about a name that no model bears: the near ones."""
        self._look_into(catalog)
        shown = name[:LONGEST_SHOWN]
        if shown not in self._unknown:
            self._unknown[shown] = catalog.unknown(shown)
        return copy(self._unknown[shown])

    def _look_into(self, catalog: Catalog) -> None:
        too_many = len(self._meant) + len(self._unknown) > REMEMBERED_NAMES
        if catalog is not self._catalog or too_many:
            self._catalog = catalog
            self._meant.clear()
            self._unknown.clear()


def _meant_by(name: str, catalog: Catalog) -> str | SwitcherError | None:
    try:
        found = catalog.named(name)
    except SwitcherError as error:
        return error.with_traceback(None)  # it is kept, and would keep the whole stack
    return found.id if found is not None else None


def query_names_a_model(target: str) -> bool:
    """Whether the query of a request's path and query has a `model` that is not empty."""
    query = target.partition("?")[2]
    return "model=" in query and bool(parse_qs(query).get("model"))


def may_load(request: web.BaseRequest) -> bool:
    """Whether the request may load the model that it is for, or wait for it.

    A GET never may, whatever it says: a page of any site can have a browser send one. Other requests may say `autoload=false`,
    as to a llama-server in router mode.
    """
    if request.method in _NEVER_LOADING:
        return False
    if "autoload=" not in request.raw_path:
        return True
    return request.rel_url.query.get("autoload", "") in {"", "true", "1"}


def _port_of(request: web.BaseRequest) -> int:
    """The port of ours that the request came to; 0 if its connection is gone."""
    ours = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return int(ours[1]) if isinstance(ours, tuple) else 0
