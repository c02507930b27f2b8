"""Programs that somebody else started: who they are, and the polite end of one that is in our way."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys

import psutil

from model_switcher.domain.errors import ProgramStays
from model_switcher.domain.foreign import Holder
from model_switcher.domain.secrets import without_secrets
from model_switcher.engine.background import in_background
from model_switcher.processes import is_same_process, process_created

GRACE_SECONDS = 5.0


def look_at(pid: int) -> Holder:
    """What the system tells about a process. Blocks for a moment."""
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        with process.oneshot():
            return Holder(
                program=process.name(),
                pid=pid,
                created=process_created(pid),
                since=process.create_time(),
                command=_command(process),
                own=_is_own(process),
            )
    return Holder(pid=pid)


async def stop_foreign(holder: Holder, *, grace: float = GRACE_SECONDS) -> None:
    """Ask a program to end, and wait until it has. Only the very process that was found is asked, and never killed.

    Args:
        holder: Who it is.
        grace: Seconds that it has, twice: servers take a second request as the wish to hurry.

    Raises:
        ProgramStays: It is not known, not this user's, or does not end.
    """
    await in_background(_stop, holder, grace)


def _stop(holder: Holder, grace: float) -> None:
    who = f"{holder.program or 'The program'} (process {holder.pid})"
    if holder.pid is None or holder.created is None:
        raise ProgramStays("Nobody knows which program it is", hint="End it yourself, or take another port.")
    if not is_same_process(holder.pid, holder.created):
        return  # it has ended meanwhile
    if holder.pid == os.getpid() or not holder.own:
        raise ProgramStays(f"{who} is not yours to end", hint="End it as its owner, or take another port.")
    for _ in range(2):
        try:
            process = psutil.Process(holder.pid)
            if not is_same_process(holder.pid, holder.created):
                return
            process.terminate()
            process.wait(grace)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
        except psutil.AccessDenied as error:
            raise ProgramStays(f"{who} may not be ended: the system denies it") from error
        return
    if is_same_process(holder.pid, holder.created):
        raise ProgramStays(
            f"{who} was asked to end and does not", hint="End it yourself, or take another port."
        )


def _command(process: psutil.Process) -> tuple[str, ...]:
    try:
        return without_secrets(process.cmdline())
    except psutil.Error:
        return ()


def _is_own(process: psutil.Process) -> bool | None:
    """Whether the process runs as this user, and under no other right as well."""
    try:
        if sys.platform == "win32":
            return process.username().rpartition("\\")[2].casefold() == getpass.getuser().casefold()
        uids = process.uids()
        return {uids.real, uids.effective, uids.saved} == {os.getuid()}
    except (psutil.Error, OSError):
        return None
