"""The states of a server and the moves between them.

    STARTING → LOADING → READY → STOPPING → STOPPED        any → FAILED

A server that is killed while it starts or loads goes through STOPPING as well. STOPPED and FAILED are final:
the next start is a new server. Busy is not a state; it follows from the requests in flight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from model_switcher.domain.remedies import Remedy, RemedyKind


class ServerState(StrEnum):
    """Where a server is in its life."""

    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


_S = ServerState
_MOVES: dict[ServerState, frozenset[ServerState]] = {
    _S.STARTING: frozenset({_S.LOADING, _S.READY, _S.STOPPING, _S.FAILED}),
    _S.LOADING: frozenset({_S.READY, _S.STOPPING, _S.FAILED}),
    _S.READY: frozenset({_S.STOPPING, _S.FAILED}),
    _S.STOPPING: frozenset({_S.STOPPED, _S.FAILED}),
    _S.STOPPED: frozenset(),
    _S.FAILED: frozenset(),
}

ENDED = frozenset({ServerState.STOPPED, ServerState.FAILED})
COMING_UP = frozenset({ServerState.STARTING, ServerState.LOADING})


class IllegalMoveError(Exception):
    """A server was moved along an edge that does not exist: a defect of this program."""


def move(current: ServerState, to: ServerState) -> ServerState:
    """The state `to`, if the table allows it from `current`.

    Raises:
        IllegalMoveError: The table has no such edge.
    """
    if to not in _MOVES[current]:
        raise IllegalMoveError(f"a server cannot go from {current} to {to}")
    return to


class Cause(StrEnum):
    """Why a server failed: stable codes, part of the public interface."""

    ENGINE_WONT_START = "engine-wont-start"
    MISSING_LIBRARY = "missing-library"
    WRONG_MACHINE = "engine-for-another-machine"
    UNSUPPORTED_OPTION = "unsupported-option"
    MODEL_MISSING = "model-missing"
    MODEL_DAMAGED = "model-damaged"
    UNKNOWN_ARCHITECTURE = "unknown-architecture"
    OUT_OF_MEMORY = "out-of-memory"
    OUT_OF_RAM = "out-of-ram"
    OOM_KILLED = "oom-killed"
    DRIVER_LOST = "driver-lost"
    WORKER_LOST = "worker-lost"
    PORT_TAKEN = "port-taken"
    NOT_CHECKED_IN_TIME = "not-checked-in-time"
    NOT_READY_IN_TIME = "not-ready-in-time"
    ANOTHER_SERVER = "another-server"
    EXITED = "engine-exited"
    CRASHED = "engine-crashed"
    WONT_STOP = "wont-stop"
    SHORT_OF_MEMORY = "short-of-memory"
    HANGS = "engine-hangs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why something about a server failed, as a value that views and clients can show.

    Attributes:
        cause: Stable code.
        sentence: One sentence for a person.
        hint: What to do; empty where nothing is known.
        exit_code: Exit code of the process, None if it was killed or never ran.
        signal: Name of the signal that ended it ("SIGKILL"), None if there was none.
        log: Its last log lines, oldest first.
        asked: Bytes of memory that it asked for in vain, where its log tells.
        action: What an interface can offer to do about it.
    """

    cause: str
    sentence: str
    hint: str = ""
    exit_code: int | None = None
    signal: str | None = None
    log: tuple[str, ...] = ()
    asked: int | None = None
    action: Remedy | None = None

    def with_fitting(self, *, ctx_size: int | None = None, n_gpu_layers: int | None = None) -> Failure:
        """The same, with what would fit: a smaller context, or fewer layers on the GPU."""
        if ctx_size is None and n_gpu_layers is None:
            return self
        what = f"ctx-size {ctx_size}" if ctx_size is not None else f"n-gpu-layers {n_gpu_layers}"
        remedy = Remedy(action=RemedyKind.RELOAD, ctx_size=ctx_size, n_gpu_layers=n_gpu_layers)
        return replace(self, hint=f"With {what} it would fit.", action=remedy)
