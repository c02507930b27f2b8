"""The engines to choose among."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model_switcher.desktop.language import seconds_text, size_text, tr
from model_switcher.desktop.view_state.settings.fields import Choice
from model_switcher.desktop.view_state.tones import Tone
from model_switcher.domain.errors import SwitcherError

if TYPE_CHECKING:
    from model_switcher.desktop.view_state.settings.draft import Draft
    from model_switcher.desktop.view_state.settings.sources import Sources
    from model_switcher.domain.engines import FoundEngine, Tried


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineView:
    """One engine.

    Attributes:
        setting: What stands for it in the file.
        title, text: What it is; its version, devices and place.
        tone: How good that is.
        chosen: Whether it is the one that is set.
        can_try: Whether it can be tried now.
        result: What came of trying it; empty before.
        result_tone: How good that is.
    """

    setting: str
    title: str
    text: str
    tone: Tone = Tone.DIM
    chosen: bool = False
    can_try: bool = True
    result: str = ""
    result_tone: Tone = Tone.DIM


def engine_views(draft: Draft, sources: Sources) -> tuple[EngineView, ...]:
    """What can be chosen: "auto" first, then each engine."""
    chosen = str(draft.value(("server", "engine")) or "auto")
    found = sources.engines or ()
    auto = next((engine for engine in found if engine.chosen_by_auto), None)
    views = [
        EngineView(
            setting="auto",
            title=tr("Automatic"),
            text=_auto_text(auto, searched=sources.engines is not None),
            tone=Tone.DIM if auto is not None or sources.engines is None else Tone.BAD,
            chosen=chosen == "auto",
            can_try=auto is not None and not sources.trying,
            **_result("auto", sources),
        )
    ]
    views += [_view(engine, chosen, sources) for engine in found]
    if chosen not in {view.setting for view in views}:
        views.append(
            EngineView(
                setting=chosen,
                title=chosen,
                text=tr("chosen here, not looked at yet"),
                chosen=True,
                can_try=not sources.trying,
                **_result(chosen, sources),
            )
        )
    return tuple(views)


def engine_choices(sources: Sources) -> tuple[Choice, ...]:
    """The same for one model: first that of all models."""
    common = Choice("", tr("the engine of all models"))
    return (common, *(Choice(one.setting, _title(one)) for one in sources.engines or () if not one.problem))


def _view(engine: FoundEngine, chosen: str, sources: Sources) -> EngineView:
    parts = (
        engine.version,
        ", ".join(engine.devices) or (tr("processor only") if engine.version else ""),
        "" if engine.setting == "embedded" else engine.setting,
    )
    return EngineView(
        setting=engine.setting,
        title=_title(engine),
        text=engine.problem or " · ".join(part for part in parts if part),
        tone=Tone.BAD if engine.problem else Tone.DIM,
        chosen=chosen == engine.setting,
        can_try=engine.problem is None and not sources.trying,
        **_result(engine.setting, sources),
    )


def _title(engine: FoundEngine) -> str:
    if engine.kind == "embedded":
        return tr("Embedded (comes with this program)")
    return tr("llama-server from {place}").format(place=_place(engine.source))


def _place(source: str) -> str:
    return tr("the settings") if source == "settings" else source


def _auto_text(auto: FoundEngine | None, *, searched: bool) -> str:
    if auto is not None:
        return tr("the first that is found: {engine}").format(
            engine=" · ".join(part for part in (_title(auto), auto.version) if part)
        )
    if searched:
        return tr("None was found. llama.cpp's releases are at github.com/ggml-org/llama.cpp/releases")
    return tr("Looking for engines…")


def _result(setting: str, sources: Sources) -> dict[str, Any]:
    if sources.trying == setting:
        return {"result": tr("Loading a model…")}
    tried = sources.tried.get(setting)
    if tried is None:
        return {}
    if isinstance(tried, SwitcherError):
        said = " ".join(part for part in (f"{tried.message.rstrip('.')}.", tried.hint) if part)
        return {"result": said, "result_tone": Tone.BAD}
    return {"result": _told(tried), "result_tone": Tone.GOOD}


def _told(tried: Tried) -> str:
    parts = [
        tr("{model} was ready after {time}").format(model=tried.model, time=seconds_text(tried.seconds)),
        "" if tried.gpu is None else tr("{size} on the GPU").format(size=size_text(tried.gpu)),
        "" if tried.ram is None else tr("{size} of main memory").format(size=size_text(tried.ram)),
    ]
    return " · ".join(part for part in parts if part)
