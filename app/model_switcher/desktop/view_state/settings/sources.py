"""What the settings window knows besides the settings: engines, their options, models, and what was tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from model_switcher.domain.engines import FoundEngine, Tried
    from model_switcher.domain.errors import SwitcherError
    from model_switcher.domain.need import Supposed
    from model_switcher.domain.option_help import OptionHelp


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What is known so far.

    Attributes:
        snapshot: What is the case.
        engines: None until they were looked for.
        options: Of the engine that is set; none until it was asked.
        trying: The setting of the engine that is being tried.
        tried: What came of it, by the engine's setting.
        model: Id of the model whose own settings are shown.
        supposed: What it would take with them; None until that was worked out.
        error: Why the last thing that was asked for could not be done.
        saved: Whether the last thing that was done was to save.
        login: Whether the program starts at login; None where nobody offers that.
    """

    snapshot: Snapshot = field(default_factory=Snapshot)
    engines: tuple[FoundEngine, ...] | None = None
    options: tuple[OptionHelp, ...] = ()
    trying: str = ""
    tried: dict[str, Tried | SwitcherError] = field(default_factory=dict)
    model: str = ""
    supposed: Supposed | None = None
    error: SwitcherError | None = None
    saved: bool = False
    login: bool | None = None
