"""What an instance says about itself in its file, for those who look for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord:
    """One running instance.

    Attributes:
        pid: Its process.
        created: When that process was created, as `processes` tells it: a pid alone may be reused.
        address: Where its gateway listens, "http://127.0.0.1:8080".
        key: Opens the control routes whatever the settings say; readable by the user only, through this file.
        mode: "tray" or "headless".
        version: Of the program.
        servers: Its engine processes, `(pid, created)`: what a crash may leave behind.
    """

    pid: int
    created: float
    address: str
    key: str
    mode: str
    version: str
    servers: tuple[tuple[int, float], ...] = ()
