"""Puts together what log, exit and files say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.paths import base_name
from model_switcher.domain.remedies import Remedy, RemedyKind
from model_switcher.domain.states import Cause, Failure
from model_switcher.engine.binaries.causes.engine_rules import ENGINE_RULES
from model_switcher.engine.binaries.causes.exits import ended_from_outside, from_exit, signal_name
from model_switcher.engine.binaries.causes.memory import out_of_memory
from model_switcher.engine.binaries.causes.model_rules import MODEL_RULES
from model_switcher.engine.binaries.causes.rule import first_verdict
from model_switcher.engine.binaries.causes.verdict import DOWNLOAD_AGAIN, Subject, Verdict
from model_switcher.engine.binaries.machine import misfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.engines import EngineBinary

LOG_LINES = 20


def explain(
    *,
    exit_code: int | None,
    log: Sequence[str],
    model_path: str,
    was_ready: bool,
    engine: str | None = None,
    binary: EngineBinary | None = None,
    oom_killed: bool | None = None,
) -> Failure:
    """Why an engine ended that should not have.

    Args:
        exit_code: Its exit code; negative for a signal on POSIX; None if it is not known.
        log: Its log lines, oldest first.
        model_path: The model that it was to serve; the sentence names the file alone. Where the log says nothing,
            the file's first bytes are looked at.
        was_ready: Whether it could serve before it ended.
        engine: The engine with its version, for people.
        binary: The engine; where the log says nothing, its file is looked at.
        oom_killed: Whether the system killed a program for lack of memory meanwhile (`engine.process.oom_kills`);
            None if it does not tell.
    """
    subject = Subject(
        model=base_name(model_path),
        path=model_path,
        engine=f"The engine ({engine})" if engine else "The engine",
    )
    # What it logged before it was ready, or killed, it got over; but memory and the driver may fail at any time.
    got_over = was_ready or signal_name(exit_code) is not None
    told = [] if ended_from_outside(exit_code) else log
    verdict = (
        first_verdict(ENGINE_RULES, told, subject, only_anytime=got_over)
        or out_of_memory(told, subject, only_certain=got_over)
        or first_verdict(MODEL_RULES, told, subject, only_anytime=got_over)
        or (_from_file(subject) if exit_code == 1 and not got_over else None)
        or from_exit(
            exit_code,
            subject,
            was_ready=was_ready,
            oom_killed=oom_killed,
            misfit=misfit(binary.path) if binary is not None and not got_over else None,
        )
    )
    return Failure(
        cause=verdict.cause,
        sentence=verdict.sentence,
        hint=verdict.hint,
        exit_code=exit_code if exit_code is not None and exit_code >= 0 else None,
        signal=signal_name(exit_code),
        log=tuple(log[-LOG_LINES:]),
        asked=verdict.asked,
        action=verdict.action,
    )


def _from_file(subject: Subject) -> Verdict | None:
    """What the model's file itself shows: engines lose the end of their log when they fail fast, llama-server b10434
    in two of a hundred failed starts.
    """
    rescan = Remedy(action=RemedyKind.RESCAN)
    try:
        with Path(subject.path).open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        return Verdict(
            cause=Cause.MODEL_MISSING,
            sentence=f"The file {subject.model} is not there any more",
            hint="`model-switcher list` shows what is.",
            action=rescan,
        )
    except OSError as error:
        return Verdict(
            cause=Cause.MODEL_MISSING,
            sentence=f"The file {subject.model} cannot be read ({error.strerror or error})",
            hint="Check who may read it.",
            action=rescan,
        )
    if magic == b"GGUF":
        return None
    return Verdict(
        cause=Cause.MODEL_DAMAGED,
        sentence=f"{subject.model} is empty or not a GGUF file",
        hint=DOWNLOAD_AGAIN,
        action=Remedy(action=RemedyKind.SHOW_FILE, path=subject.path),
    )
