"""What is found out about a failure before it becomes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_switcher.domain.remedies import Remedy
    from model_switcher.domain.states import Cause

MORE_IN_THE_LOG = "Its log may say more: `model-switcher logs`."
DOWNLOAD_AGAIN = "Download the file again, and compare its size with that on the page it came from."
OTHER_ENGINE = (
    "Name another one in the settings ([server] engine); `model-switcher doctor` looks for engines that work."
)
FREE_MAIN_MEMORY = "End other programs, or choose a smaller ctx-size or a smaller quantisation."


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why an engine failed; the fields are those of `Failure`."""

    cause: Cause
    sentence: str
    hint: str
    asked: int | None = None
    action: Remedy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a failure is about.

    Attributes:
        model: Name of the model's file.
        path: Its whole path.
        engine: How a sentence begins that is about the engine: "The engine", "The engine (llama-server b10434)".
    """

    model: str
    path: str
    engine: str = "The engine"
