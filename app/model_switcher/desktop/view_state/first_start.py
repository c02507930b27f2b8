"""What the first start asks: whether a llama-server that runs already becomes the settings. Knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.desktop.language import tr
from model_switcher.domain.launch import arguments
from model_switcher.domain.paths import base_name
from model_switcher.domain.secrets import without_secrets

if TYPE_CHECKING:
    from model_switcher.engine.first_start import ForeignServer


class Choice(StrEnum):
    """What can be answered."""

    TAKE_PLACE = "take its place"
    TAKE_SETTINGS = "take its settings"
    USE_PORT = "use another port"
    LEAVE = "leave it"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStartView:
    """A page with a question.

    Attributes:
        title: What was found, in bold.
        text: What can be done.
        facts: What would be taken over, as a name and a value each.
        note: What would not; empty for nothing.
        choices: The answers, the best one first.
    """

    title: str
    text: str
    facts: tuple[tuple[str, str], ...] = ()
    note: str = ""
    choices: tuple[tuple[Choice, str], ...]


def first_start_view(server: ForeignServer) -> FirstStartView:
    """A llama-server runs, and this program has never been started before."""
    end = tr("Take its place") if server.holder.own else ""
    return FirstStartView(
        title=tr("A llama-server is running already"),
        text=_offer(server),
        facts=_facts(server),
        note=_note(server),
        choices=(
            *(((Choice.TAKE_PLACE, end),) if end else ()),
            (Choice.TAKE_SETTINGS, tr("Only take its settings")),
            (Choice.LEAVE, tr("No, thanks")),
        ),
    )


def port_taken_view(
    sentence: str, server: ForeignServer | None, *, free_port: int | None, hint: str = ""
) -> FirstStartView:
    """The port of the settings is used by another program, which may be a llama-server."""
    choices: list[tuple[Choice, str]] = []
    if server is not None and server.holder.own:
        choices.append((Choice.TAKE_PLACE, tr("Take its place")))
    if free_port is not None:
        choices.append((Choice.USE_PORT, tr("Use port {port}").format(port=str(free_port))))
    choices.append((Choice.LEAVE, tr("Quit")))
    return FirstStartView(
        title=sentence,
        text=hint if server is None else _offer(server),
        facts=() if server is None else _facts(server),
        note="" if server is None else _note(server),
        choices=tuple(choices),
    )


def _offer(server: ForeignServer) -> str:
    if server.holder.own:
        return tr(
            "Model Switcher can take its place: it is asked to end, and the same model is served at the same address "
            "with the same options. Your programs go on as before, and every other model is a click away."
        )
    return tr("It is not yours to end, but its options can become the settings of Model Switcher.")


def _facts(server: ForeignServer) -> tuple[tuple[str, str], ...]:
    taken = server.taken
    options = arguments({**taken.launch, **taken.own})
    keys = tr("%n key(s) that clients send", "", len(taken.api_keys)) if taken.api_keys else ""
    found = (
        (tr("Model"), base_name(taken.model or "")),
        (tr("Address"), f"http://127.0.0.1:{server.port}/v1"),
        (tr("Options"), " ".join(without_secrets(options)) or tr("none: the defaults")),
        (tr("API keys"), keys),
    )
    return tuple((name, value) for name, value in found if value)


def _note(server: ForeignServer) -> str:
    left_out = server.taken.left_out
    if not left_out:
        return ""
    return tr("Not taken over: {options}").format(options=" ".join(without_secrets(left_out)))
