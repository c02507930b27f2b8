"""Preflights of models that requests wait for: nothing is stopped for a model that cannot be served."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from model_switcher.domain.states import Failure
from model_switcher.engine.control.preflight import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from model_switcher.domain.launch import Launch
    from model_switcher.engine.control.preflight import Annotate, Prepare


class Preparations:
    """Preflights under way, one for each model.

    Args:
        prepare: The preflight.
        annotate: Says more of a failure.
        on_prepared: Is given the outcome.
    """

    def __init__(
        self, prepare: Prepare, annotate: Annotate, on_prepared: Callable[[str, Launch | Failure], None]
    ) -> None:
        self._prepare = prepare
        self._annotate = annotate
        self._on_prepared = on_prepared
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def begin(self, models: Iterable[str]) -> None:
        """Check these models, unless that is being done already; others are not wanted any more."""
        wanted = set(models)
        for model in wanted - set(self._under_way):
            self._under_way[model] = asyncio.create_task(self._check(model), name=f"preflight {model}")
        for model in set(self._under_way) - wanted:
            self._under_way.pop(model).cancel()

    async def _check(self, model: str) -> None:
        checked = await check(self._prepare, model, annotate=self._annotate)
        self._under_way.pop(model, None)
        self._on_prepared(model, checked if isinstance(checked, Failure) else checked.launch)
