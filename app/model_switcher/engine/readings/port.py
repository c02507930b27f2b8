"""What every reader of GPUs has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.memory import Gpu


class GpuReader(Protocol):
    """Reads the GPUs of one kind of driver."""

    def read(self, server_pids: Sequence[int]) -> tuple[tuple[Gpu, ...], str | None]:
        """Every GPU that answers, and why there is none (None if there is one, or none is to be expected).

        Never raises for a driver that restarts or a GPU that is gone: the next call looks again.

        Args:
            server_pids: Processes whose figures matter most.
        """
        ...

    def close(self) -> None:
        """Let the driver go; a later reading connects again."""
        ...
