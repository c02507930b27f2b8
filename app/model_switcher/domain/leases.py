"""What is said about leases over HTTP, by whoever borrows a model and whoever lends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

LEASES = "/switcher/leases"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerBody:
    """Who borrows: a name for people, and the process, if it is one of this computer."""

    name: str = ""
    pid: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseBody:
    """What is borrowed (an id, a name, an alias or a path), by whom, and whether to answer with a stream of events."""

    model: str
    owner: OwnerBody = field(default_factory=OwnerBody)
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseForm:
    """A lease as its owner sees it.

    Attributes:
        id: His secret: whoever knows it can renew the lease and end it.
        model: Id of the model.
        address: Where to ask it.
        expires_in: Seconds until the lease ends at the latest.
        heartbeat: Seconds within which it has to be renewed; None while an open connection does that.
    """

    id: str
    model: str
    address: str
    expires_in: float
    heartbeat: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseAnswer:
    """The lease; None once it has ended."""

    lease: LeaseForm | None
