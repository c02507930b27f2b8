"""What an exit code or a signal says by itself."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from model_switcher.domain.remedies import Remedy, RemedyKind
from model_switcher.domain.states import Cause
from model_switcher.engine.binaries.causes.verdict import FREE_MAIN_MEMORY, MORE_IN_THE_LOG, Verdict

if TYPE_CHECKING:
    from model_switcher.engine.binaries.causes.verdict import Subject

# NTSTATUS codes with which Windows ends programs (ntstatus.h).
_WINDOWS_EXITS = {
    0xC0000005: "crashed (it touched memory that is not its own)",
    0xC000001D: "crashed (it uses instructions that this processor does not have)",
    0xC0000017: "ran out of memory",
    0xC000007B: "could not start, because it, or a DLL that it needs, is for another kind of machine",
    0xC00000FD: "crashed (its stack overflowed)",
    0xC0000135: "could not start, because a DLL that it needs is missing",
    0xC0000139: "could not start, because a DLL is of another version than it needs",
    0xC000013A: "was ended from the keyboard",
    0xC0000142: "could not start, because a DLL did not load",
    0xC000026F: "could not start, because the system denied it",
    0xC0000374: "crashed (its memory was damaged)",
    0xC0000409: "crashed (it found itself damaged)",
}
_MISSING_DLL = {0xC0000135, 0xC0000139, 0xC0000142}
_NOT_STARTED = {126, 127}  # the shell's and setpriv's: found but not run, not found
_OTHER_MACHINE = 0xC000007B
_ILLEGAL_INSTRUCTION = 0xC000001D
_NO_MEMORY = 0xC0000017

_WHOLE_ARCHIVE = (
    "Install the engine again with everything that its archives contain (that of CUDA has the runtime in an archive "
    "of its own, cudart), and Microsoft's Visual C++ Redistributable."
)
_ACTIONS = {
    Cause.WRONG_MACHINE: RemedyKind.GET_ENGINE,
    Cause.MISSING_LIBRARY: RemedyKind.GET_ENGINE,
    Cause.ENGINE_WONT_START: RemedyKind.GET_ENGINE,
    Cause.OOM_KILLED: RemedyKind.FREE_MEMORY,
    Cause.OUT_OF_RAM: RemedyKind.FREE_MEMORY,
}
# Who ends an engine by these does so from outside, whatever it wrote before.
_FROM_OUTSIDE = {"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"}


def describe_exit(exit_code: int | None) -> str:
    """What an exit code means, to follow "the engine": "was ended by SIGKILL", "ended with exit code 1"."""
    if exit_code is None:
        return "ended"
    name = signal_name(exit_code)
    if name is not None:
        return f"was ended by {name}"
    return _WINDOWS_EXITS.get(exit_code & 0xFFFFFFFF, f"ended with exit code {exit_code}")


def signal_name(exit_code: int | None) -> str | None:
    """The signal that a negative exit code of POSIX stands for; None if it stands for none."""
    if exit_code is None or exit_code >= 0 or exit_code < -64:  # noqa: PLR2004 - beyond are Windows' codes as signed
        return None
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def ended_from_outside(exit_code: int | None) -> bool:
    """Whether somebody else ended it, so that its log does not tell why."""
    return signal_name(exit_code) in _FROM_OUTSIDE


def from_exit(
    exit_code: int | None, subject: Subject, *, was_ready: bool, oom_killed: bool | None, misfit: str | None
) -> Verdict:
    """What the exit says where the log says nothing.

    Args:
        exit_code: Negative for a signal on POSIX; None if it is not known.
        subject: What it is about.
        was_ready: Whether it could serve before.
        oom_killed: Whether the system killed something for lack of memory just then; None if it does not tell.
        misfit: What about the engine's file does not fit this machine, to follow "it is"; None if it fits.
    """
    when = f"while it served {subject.model}" if was_ready else f"before {subject.model} was ready"
    name = signal_name(exit_code)
    status = None if exit_code is None or name is not None else exit_code & 0xFFFFFFFF
    if name == "SIGILL" or status == _ILLEGAL_INSTRUCTION:
        return _verdict(
            Cause.WRONG_MACHINE,
            f"{subject.engine} crashed {when}: it uses instructions that this processor does not have",
            "Take an engine that is built for this processor, such as one without AVX2 or AVX-512.",
        )
    if misfit is not None or status == _OTHER_MACHINE:
        what = f"it is {misfit}" if misfit else "it, or a library that it needs, is for another kind"
        return _verdict(
            Cause.WRONG_MACHINE,
            f"{subject.engine} is not a program for this machine: {what}",
            "Take the engine that is made for this system and processor.",
        )
    if name == "SIGKILL" and oom_killed:
        return _verdict(
            Cause.OOM_KILLED,
            f"The system killed the engine {when}, because main memory ran out",
            FREE_MAIN_MEMORY,
        )
    return _from_status(status, f"The engine {describe_exit(exit_code)}") or Verdict(
        cause=Cause.CRASHED if was_ready or name or status in _WINDOWS_EXITS else Cause.EXITED,
        sentence=f"The engine {describe_exit(exit_code)} {when}",
        hint=_after_a_kill(oom_killed=oom_killed) if name == "SIGKILL" else MORE_IN_THE_LOG,
    )


def _from_status(status: int | None, said: str) -> Verdict | None:
    if status in _MISSING_DLL:
        return _verdict(Cause.MISSING_LIBRARY, said, _WHOLE_ARCHIVE)
    if status in _NOT_STARTED:
        return _verdict(Cause.ENGINE_WONT_START, said, "Install the engine again.")
    if status == _NO_MEMORY:
        return _verdict(Cause.OUT_OF_RAM, said, FREE_MAIN_MEMORY)
    return None


def _after_a_kill(*, oom_killed: bool | None) -> str:
    if oom_killed is False:  # the system tells, and it did not do it
        return "Another program, or a person, did that."
    return f"The system does this when memory runs out. {FREE_MAIN_MEMORY}"


def _verdict(cause: Cause, sentence: str, hint: str) -> Verdict:
    return Verdict(cause=cause, sentence=sentence, hint=hint, action=Remedy(action=_ACTIONS[cause]))
