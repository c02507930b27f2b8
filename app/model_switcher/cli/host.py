"""One running instance: lock, address, gateway and runtime, started and ended in order on one loop."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import TYPE_CHECKING

from model_switcher import __version__
from model_switcher.cli.addresses import LOOK_AGAIN_SECONDS, Addresses, listen
from model_switcher.cli.instance_file import InstanceFile
from model_switcher.client.switcher import Switcher
from model_switcher.domain.errors import (
    Closing,
    InstanceError,
    InstanceExists,
    NoInstance,
    UpstreamLost,
)
from model_switcher.engine.instance import (
    InstanceLock,
    end_leftovers,
    is_alive,
    read_record,
    remove_record,
)
from model_switcher.engine.runtime import Runtime
from model_switcher.gateway.server import Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from model_switcher.cli.host_options import HostOptions
    from model_switcher.domain.instance import InstanceRecord

HAND_OVER_SECONDS = 600.0
MEET_SECONDS = 10.0  # more than a starting instance needs to end what a crashed one left behind
BIND_SECONDS = 5.0
QUIT_GRACE_SECONDS = 5.0
CUT_SECONDS = 1.0


class Host:
    """Runs one instance on the current loop.

    Args:
        options: What makes the instance.
        on_started: Called once the address is served, with the runtime.
        on_show: Called when a second start wants this instance to show itself; None if it has nothing to show.
    """

    def __init__(
        self,
        options: HostOptions,
        *,
        on_started: Callable[[Runtime], None],
        on_show: Callable[[], None] | None = None,
    ) -> None:
        self._options = options
        self._on_started = on_started
        self._on_show = on_show
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._hand_over = False
        self._key = secrets.token_urlsafe(24)

    def stop(self) -> None:
        """End in order; `run` returns when nothing is left. May be called at any time, on the loop.

        An instance that hands over to another waits no longer for its running requests.
        """
        self._stopping.set()
        self._hurry.set()

    async def run(self) -> None:
        """Serve until `stop`, or until a client asks the instance to quit.

        Raises:
            InstanceExists: Another instance holds these settings.
            AddressInUse: Another program listens on the address.
        """
        lock = InstanceLock(self._options.places.lock)
        with contextlib.ExitStack() as ours:
            ours.callback(lock.release)
            other = await self._acquire(lock)
            if other is None:
                self._clean_up()
            else:
                await self._ask_to_hand_over(other)
            addresses = await listen(self._options.settings, patience=0.0 if other is None else BIND_SECONDS)
            ours.callback(addresses.close)
            if other is not None:
                await self._wait_for(lock)
                self._clean_up()
            await self._serve(addresses)

    async def _serve(self, addresses: Addresses) -> None:
        options = self._options
        runtime = Runtime(options.settings, options.places, version=__version__, deadlines=options.deadlines)
        gateway = Gateway(
            runtime,
            options.settings.server,
            control_key=self._key,
            on_show=self._on_show,
            on_quit=self._quit,
            version=__version__,
            ports=addresses.ports,
            max_instances=1 if options.settings.memory.keep_resident == "one at a time" else 0,
        )
        runtime.live.on_change(lambda settings: gateway.apply(settings.server))
        file = InstanceFile(options.places, key=self._key, mode=options.mode)
        forget = None
        linger = None
        try:
            await gateway.start(addresses.sockets)
            runtime.set_address(addresses.stable)
            file.keep(runtime.snapshot)
            notices = filter(None, (options.notice, addresses.notice, file.problem))
            runtime.set_address(addresses.stable, "\n".join(notices) or None)
            forget = runtime.subscribe(file.keep)
            await runtime.start()
            self._on_started(runtime)
            if options.linger is not None:
                linger = asyncio.create_task(self._end_when_unused(gateway, options.linger))
            await self._stopping.wait()
        finally:
            if linger is not None:
                linger.cancel()
            await gateway.stop_accepting()
            if self._hand_over:
                await _first_of(gateway.stop(HAND_OVER_SECONDS), self._hurry.wait())
            await runtime.close(QUIT_GRACE_SECONDS)
            await gateway.stop(CUT_SECONDS)
            if forget is not None:
                forget()
            remove_record(options.places)

    def _quit(self, hand_over: bool) -> None:
        self._hand_over = hand_over
        self._stopping.set()

    async def _end_when_unused(self, gateway: Gateway, linger: float) -> None:
        while gateway.idle_seconds < linger:  # noqa: ASYNC110 - each use moves the end
            await asyncio.sleep(max(0.1, linger - gateway.idle_seconds))
        self._stopping.set()

    async def _acquire(self, lock: InstanceLock) -> InstanceRecord | None:
        """Take the lock; or else the instance that holds it.

        One that is just starting or ending holds it for a moment without saying where it is.

        Raises:
            InstanceError: The lock cannot be taken, or the other instance never says where it is.
        """
        places = self._options.places
        deadline = time.monotonic() + MEET_SECONDS
        while not _try(lock):
            record = read_record(places)
            if record is not None and is_alive(record):
                return record
            if self._stopping.is_set():
                raise Closing("The program was ended while it waited for another instance")
            if time.monotonic() >= deadline:
                raise InstanceExists(
                    f"Another program holds {places.lock}", hint="`--config FILE` makes a separate instance."
                )
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return None

    async def _ask_to_hand_over(self, other: InstanceRecord) -> None:
        """Have the headless instance that runs give us its address."""
        if self._options.mode != "tray" or other.mode != "headless":
            raise InstanceExists(
                f"An instance is running already, at {other.address}",
                hint="`model-switcher quit` ends it; `--config FILE` makes a separate one.",
                details={"address": other.address, "mode": other.mode},
            )
        with contextlib.suppress(NoInstance, UpstreamLost):  # it ended meanwhile: so much the better
            async with Switcher(config=self._options.places.settings, start=False) as switcher:
                await switcher.quit(hand_over=True)

    async def _wait_for(self, lock: InstanceLock) -> None:
        """Wait until the other instance finished its requests and is gone."""
        await _first_of(lock.acquire(HAND_OVER_SECONDS), self._stopping.wait())
        if self._stopping.is_set():
            raise Closing("The program was ended while it waited for the other instance")
        if not lock.held:
            raise InstanceExists(
                "The other instance does not end", hint="`model-switcher quit` asks it again."
            )

    def _clean_up(self) -> None:
        """End what a crashed instance left behind."""
        record = read_record(self._options.places)
        if record is not None and not is_alive(record):
            end_leftovers(record)
            remove_record(self._options.places)


def _try(lock: InstanceLock) -> bool:
    """Take the lock if nobody has it.

    Raises:
        InstanceError: It cannot be taken at all.
    """
    try:
        return lock.try_acquire()
    except OSError as error:
        raise InstanceError(
            f"The file {error.filename or 'of the instance lock'} cannot be used: {error.strerror or error}",
            hint="Is its disk full, or closed to you?",
        ) from error


async def _first_of(*works: Coroutine[None, None, object]) -> None:
    """Wait for the first of them to end, and give up the others.

    Raises:
        Exception: What the first raised.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
