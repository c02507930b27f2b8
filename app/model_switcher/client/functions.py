"""The Python functions of the program: switch, call, and both with the old model back afterwards."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

from model_switcher.client.switcher import Switcher
from model_switcher.domain.errors import SwitcherError

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

logger = logging.getLogger("model_switcher")


async def switch_model(
    model: str | os.PathLike[str], *, now: bool = False, config: str | os.PathLike[str] | None = None
) -> bool:
    """Serve `model` from now on; True once it is ready.

    False for a failed switch (the old model is back then, if it could be), a missing model, no engine or no
    instance; the reason is logged under the name `model_switcher`. `Switcher` raises it instead.

    Args:
        model: A path, an id, a name or an alias.
        now: Cut running answers after the grace of `drain-timeout`.
        config: Settings file of the instance; the user's own if None.
    """
    try:
        async with Switcher(config=config) as switcher:
            await switcher.switch(str(model), now=now)
    except SwitcherError as error:
        logger.warning("%s (%s)", error.message, error.code)
        return False
    return True


async def call_orchestrator(
    system_prompt: str, user_prompt: str, *, config: str | os.PathLike[str] | None = None
) -> str:
    """Ask the selected model and return its answer.

    Raises:
        SwitcherError: No instance, no model, or the model failed.
    """
    async with Switcher(config=config) as switcher:
        return await switcher.chat(system_prompt, user_prompt)


async def switch_and_call(
    model_path: str | os.PathLike[str],
    system_prompt: str,
    user_prompt: str,
    *,
    call: Callable[[str, str], Awaitable[T]] | None = None,
    config: str | os.PathLike[str] | None = None,
) -> T | str:
    """Serve `model_path`, call it, and serve the model that was selected before again.

    The old model comes back whatever happens in between: a failed call, a cancelled task.

    Args:
        model_path: A path, an id, a name or an alias.
        system_prompt: First argument of the call.
        user_prompt: Second argument of the call.
        call: An async function `(system_prompt, user_prompt)` of the caller's own; `call_orchestrator` if None.
        config: Settings file of the instance; the user's own if None.

    Returns:
        What `call` returned; the answer's text if it is None.

    Raises:
        SwitcherError: The model could not be served, or the default call failed.
    """
    async with Switcher(config=config) as switcher:
        before = (await switcher.state()).selected
        try:
            await switcher.switch(str(model_path))
        except SwitcherError:
            before = None  # it is back already, or was never gone
            raise
        else:
            if call is not None:
                return await call(system_prompt, user_prompt)
            return await switcher.chat(system_prompt, user_prompt)
        finally:
            if before is not None:
                await asyncio.shield(switcher.switch(before))
