"""What an interface can offer about a failure: a stable code with what it needs, and never a text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RemedyKind(StrEnum):
    """What can be done, as stable codes: part of the public interface."""

    RELOAD = "reload"
    TRY_AGAIN = "try-again"
    FREE_MEMORY = "free-memory"
    EDIT_SETTINGS = "edit-settings"
    GET_ENGINE = "get-engine"
    SHOW_FILE = "show-file"
    RESCAN = "rescan"
    STOP_PROGRAM = "stop-program"
    USE_PORT = "use-port"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One thing that can be done about a failure; its other fields are what that needs, None where it is not known.

    Attributes:
        action: What to do: `reload` the model with less context or fewer layers on the GPU; `try-again`; `free-memory`
            that other programs hold; `edit-settings` at an option; `get-engine`, another or a newer one; `show-file`
            to the user in his file manager; `rescan` for models; `stop-program` that holds a port, `use-port`
            instead of it, or `leave` things as they are.
        ctx_size: Context in tokens that would fit.
        n_gpu_layers: Layers on the GPU that would fit.
        option: The launch option, by its long name without dashes.
        line: Where it stands in the settings file, from 1 on.
        path: The file.
        pid, created: The program's process, as `processes` tells one from another.
        port: The port that is free.
    """

    action: RemedyKind
    ctx_size: int | None = None
    n_gpu_layers: int | None = None
    option: str | None = None
    line: int | None = None
    path: str | None = None
    pid: int | None = None
    created: float | None = None
    port: int | None = None
