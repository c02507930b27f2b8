"""A program that somebody else started and that has what we need: the port."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who listens on a port; None for what the system does not tell.

    Attributes:
        program: Name of the program.
        pid: Its process.
        created: When that process was created, as `processes` tells one from another.
        since: The same in seconds since the epoch, for people.
        command: Its command line; keys and passwords are replaced by "***".
        own: Whether it is this user's, and so may be ended by us.
    """

    program: str | None = None
    pid: int | None = None
    created: float | None = None
    since: float | None = None
    command: tuple[str, ...] = ()
    own: bool | None = None
