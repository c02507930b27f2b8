"""The Python functions of the program: switch, call, and both with the old model back afterwards."""

from __future__ import annotations

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
    """Borrow `model_path`, call it, and give it back: the selected model returns.

    It is atomic, across processes: no other switch comes between, and requests for the selected model wait meanwhile, or
    run beside if both fit. The selected model returns whatever happens: a failed call, a cancelled task, the death of
    this process. Those who borrow at the same time take turns.

    Args:
        model_path: A path, an id, a name or an alias.
        system_prompt: First argument of the call.
        user_prompt: Second argument of the call.
        call: An async function `(system_prompt, user_prompt)` of the caller's own; `call_orchestrator` if None. What it
            asks at the instance's address without naming a model, or with a name that no model bears, goes to the
            borrowed one, also from processes that it starts.
        config: Settings file of the instance; the user's own if None.

    Returns:
        What `call` returned; the answer's text if it is None.

    Raises:
        SwitcherError: The model could not be served, the default call failed, or the lease ended before the call did.
    """
    async with Switcher(config=config) as switcher, switcher.lease(str(model_path)) as lease:
        if call is not None:
            return await call(system_prompt, user_prompt)
        return await lease.chat(system_prompt, user_prompt)
