"""Workers on other machines: llama.cpp's own `--rpc`, which spreads a model over programs called ggml-rpc-server.

llama-server goes on without a worker that it cannot reach, with what is left; so they are looked at before.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from model_switcher.domain.errors import SwitcherError, UsageError, WorkerLost
from model_switcher.domain.failures import failure_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.launch import Options
    from model_switcher.domain.states import Failure

OPTION = "rpc"
CONNECT_SECONDS = 3.0


async def check_workers(options: Options) -> None:
    """See that every worker of the launch options can be reached.

    Raises:
        WorkerLost: One cannot.
        UsageError: The option is not "host:port,host:port".
    """
    addresses = [one.strip() for one in str(options.get(OPTION, "")).split(",") if one.strip()]
    found = await asyncio.gather(*map(_problem, addresses))
    lost = {address: problem for address, problem in zip(addresses, found, strict=True) if problem}
    if not lost:
        return
    said = ", ".join(f"{address} ({problem})" for address, problem in lost.items())
    raise WorkerLost(
        f"The model is spread over other machines, and of those cannot be reached: {said}",
        hint="Start ggml-rpc-server there and see that no firewall is between; or take it out of `rpc` in [launch].",
        details={"workers": list(lost)},
    )


async def lost_workers(arguments: Sequence[str]) -> Failure | None:
    """The same of a command line that is about to be run again: why it should not be."""
    flag = f"--{OPTION}"
    if flag not in arguments:
        return None
    try:
        await check_workers({OPTION: arguments[arguments.index(flag) + 1]})
    except SwitcherError as error:
        return failure_of(error)
    return None


async def _problem(address: str) -> str | None:
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise UsageError(f"{address!r} is not a worker's address", hint='Write rpc = "host:port,host:port".')
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except TimeoutError:
        return "it does not answer"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return None
