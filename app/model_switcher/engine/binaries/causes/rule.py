"""What a log line tells about a failure, as a rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.domain.paths import base_name
from model_switcher.domain.remedies import Remedy, RemedyKind
from model_switcher.domain.states import Cause
from model_switcher.engine.binaries.causes.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.engine.binaries.causes.verdict import Subject

_ACTIONS = {
    Cause.ENGINE_WONT_START: RemedyKind.GET_ENGINE,
    Cause.MISSING_LIBRARY: RemedyKind.GET_ENGINE,
    Cause.WRONG_MACHINE: RemedyKind.GET_ENGINE,
    Cause.UNKNOWN_ARCHITECTURE: RemedyKind.GET_ENGINE,
    Cause.UNSUPPORTED_OPTION: RemedyKind.EDIT_SETTINGS,
    Cause.PORT_TAKEN: RemedyKind.TRY_AGAIN,
    Cause.DRIVER_LOST: RemedyKind.TRY_AGAIN,
    Cause.MODEL_MISSING: RemedyKind.RESCAN,
    Cause.MODEL_DAMAGED: RemedyKind.SHOW_FILE,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A log line that tells the cause.

    Attributes:
        pattern: What to look for. Its group `file` is a path, `option` or `lacking` a launch option.
        cause: What it means.
        sentence: May use {engine}, {model}, {file} and the pattern's groups.
        hint: The same.
        option: The launch option that it is about, where the line does not name it.
        anytime: Whether it also tells why an engine ended that had been ready, or that was killed.
    """

    pattern: re.Pattern[str]
    cause: Cause
    sentence: str
    hint: str
    option: str = ""
    anytime: bool = False

    def verdict(self, match: re.Match[str], subject: Subject) -> Verdict:
        """What the line that matched says about `subject`."""
        groups = {key: value or "" for key, value in match.groupdict().items()}
        file = base_name(groups.pop("file", "")) or subject.model
        words = {"engine": subject.engine, "model": subject.model, "file": file, **groups}
        return Verdict(
            cause=self.cause,
            sentence=self.sentence.format(**words).strip(),
            hint=self.hint.format(**words),
            action=self._action(groups.get("option") or groups.get("lacking") or self.option, subject),
        )

    def _action(self, option: str, subject: Subject) -> Remedy | None:
        if option:
            return Remedy(action=RemedyKind.EDIT_SETTINGS, option=option.lstrip("-"))
        kind = _ACTIONS.get(self.cause)
        if kind is None:
            return None
        return Remedy(action=kind, path=subject.path if kind is RemedyKind.SHOW_FILE else None)


def first_verdict(
    rules: Sequence[Rule], log: Sequence[str], subject: Subject, *, only_anytime: bool
) -> Verdict | None:
    """What the first rule says that any line fits."""
    for rule in rules:
        if only_anytime and not rule.anytime:
            continue
        for line in log:
            if match := rule.pattern.search(line):
                return rule.verdict(match, subject)
    return None


def rule(
    pattern: str, cause: Cause, sentence: str, hint: str = "", *, option: str = "", anytime: bool = False
) -> Rule:
    """A rule whose pattern takes upper and lower case for the same."""
    return Rule(re.compile(pattern, re.IGNORECASE), cause, sentence, hint, option, anytime)
