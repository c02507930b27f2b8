"""A model borrowed for a while: nobody's switch comes between, and the selected one returns afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from model_switcher.client.conversation import ask, ask_streaming
from model_switcher.domain.errors import LeaseEnded, SwitcherError
from model_switcher.domain.leases import LEASES, LeaseAnswer, LeaseBody, LeaseForm, OwnerBody
from model_switcher.domain.wire import decode, encode, error_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from model_switcher.client.link import Event, Link

GIVE_BACK_SECONDS = 5.0
# The instance says something every 15 seconds at least.
_SILENCE = httpx.Timeout(10.0, read=60.0)

logger = logging.getLogger("model_switcher")


class Lease:
    """A borrowed model, as `Switcher.lease` gives it.

        async with switcher.lease("phinance") as lease:
            print(await lease.chat("You are a financial analyst.", "…"))

    The block begins when the model is there. Within it, requests of this process that name no model go to the borrowed
    one. Should the lease end early (its limit, a pause, the end of the instance), the block is interrupted as by a
    cancellation, and `LeaseEnded` or what else ended it comes out of it.

    Giving back never fails: with the connection the lease ends in any case.
    """

    def __init__(self, link: Link, model: str) -> None:
        self._link = link
        self._wanted = model
        self._form: LeaseForm | None = None
        self._following: asyncio.Task[None] | None = None
        self._block: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._ended: SwitcherError | None = None

    @property
    def model(self) -> str:
        """Id of the borrowed model."""
        return self._lent.model

    @property
    def address(self) -> str:
        """Where it answers, such as "http://127.0.0.1:8080"."""
        return self._lent.address

    async def chat(self, system_prompt: str, user_prompt: str, **options: Any) -> str:
        """Ask the borrowed model; `options` go into the request as they are (`max_tokens`, `grammar`, …)."""
        return await ask(self._link, system_prompt, user_prompt, {"model": self.model, **options})

    async def stream(self, system_prompt: str, user_prompt: str, **options: Any) -> AsyncIterator[str]:
        """The answer of the borrowed model, piece by piece."""
        async for piece in ask_streaming(
            self._link, system_prompt, user_prompt, {"model": self.model, **options}
        ):
            yield piece

    async def __aenter__(self) -> Self:
        self._form, self._ended = None, None
        granted: asyncio.Future[LeaseForm] = asyncio.get_running_loop().create_future()
        self._following = asyncio.create_task(self._follow(granted), name="lease")
        try:
            self._form = await granted
        except BaseException:
            await self._let_go()
            raise
        if self._ended is not None:
            raise self._ended
        self._block = asyncio.current_task()
        self._cancelling = self._block.cancelling() if self._block is not None else 0
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        block, self._block = self._block, None
        reason = self._ended
        if reason is not None and block is not None and not await _taken_back(block, self._cancelling, error):
            reason = None  # somebody else cancelled it too
        await self._give_back()
        if reason is not None and kind is asyncio.CancelledError:
            raise reason from error

    async def _follow(self, granted: asyncio.Future[LeaseForm]) -> None:
        """Hold the connection that shows that we live, and hear what becomes of the lease."""
        body = LeaseBody(
            model=self._wanted, owner=OwnerBody(name=program_name(), pid=os.getpid()), stream=True
        )
        ended: SwitcherError = LeaseEnded("The instance ended the lease")
        try:
            async for event in self._link.events("POST", LEASES, content=encode(body), timeout=_SILENCE):
                if (form := _granted_in(event)) is not None and not granted.done():
                    granted.set_result(form)
                elif event.kind == "ended":
                    ended = _reason_in(event) or ended
                    break
        except SwitcherError as error:
            ended = error
        except ValueError as error:
            ended = SwitcherError(f"The instance says what nobody understands: {error}")
        if not granted.done():
            granted.set_exception(ended)
            return
        self._ended = ended
        if self._block is not None:
            self._block.cancel()

    async def _give_back(self) -> None:
        """End the lease, and wait until it has ended: what is asked after that means the selected model again."""
        try:
            if self._ended is None:
                async with asyncio.timeout(GIVE_BACK_SECONDS):
                    await self._link.send("DELETE", f"{LEASES}/{self._lent.id}")
        except (SwitcherError, TimeoutError) as error:
            logger.warning("The lease of %s ends with its connection only: %s", self.model, error)
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        """Close the connection, and the lease with it."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    @property
    def _lent(self) -> LeaseForm:
        if self._form is None:
            raise LeaseEnded(
                "The model is not borrowed",
                hint="Use the lease as `async with switcher.lease(MODEL) as lease:`.",
            )
        return self._form


def program_name() -> str:
    """What this program is called, for people."""
    script = Path(sys.argv[0] if sys.argv else "")
    if script.name == "__main__.py":  # python -m package
        return script.parent.name
    return script.name if script.name not in {"", "-c", "-m", "-"} else Path(sys.executable).name or "Python"


def _granted_in(event: Event) -> LeaseForm | None:
    return decode(event.data, LeaseAnswer).lease if event.kind == "granted" else None


def _reason_in(event: Event) -> SwitcherError | None:
    return error_from(event.data) if decode(event.data, dict[str, Any]).get("error") is not None else None


async def _taken_back(block: asyncio.Task[Any], cancelling: int, error: BaseException | None) -> bool:
    """Undo the cancellation with which a block was interrupted; False if it was not the only one."""
    if block.uncancel() > cancelling:
        return False
    if not isinstance(error, asyncio.CancelledError):  # it ended by itself in the same moment
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
    return True
