"""What stands where the list would be: no engine, no models, or nothing that matches. Knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import tr
from model_switcher.desktop.view_state.controls import Command, Control
from model_switcher.desktop.view_state.details import Fact
from model_switcher.desktop.wording import alive, no_engine, no_models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model_switcher.domain.engines import EngineTrouble, FoundEngine
    from model_switcher.domain.snapshot import Snapshot, SourceView


@dataclass(frozen=True, slots=True)
class EmptyView:
    """What stands in the place of the list: a title, a text, buttons, and what was looked at."""

    title: str
    text: str
    controls: tuple[Control, ...] = ()
    facts: tuple[Fact, ...] = ()


def no_engine_view(snapshot: Snapshot) -> EmptyView | None:
    """The page about an engine, without which no model can be served; None where one can be used or runs."""
    trouble = snapshot.engine_trouble
    if trouble is None or alive(snapshot):
        return None
    return EmptyView(
        no_engine(),
        _why(trouble),
        tuple(_ways_out(trouble)),
        tuple(_engine_facts(trouble)),
    )


def empty_view(snapshot: Snapshot, pattern: str) -> EmptyView:
    """Why no model and no file is listed."""
    if snapshot.catalog.models or snapshot.catalog.rejected:
        nothing = tr("Nothing matches “{pattern}”").format(pattern=pattern.strip())
        return EmptyView(nothing, tr("Escape shows all again"))
    if snapshot.scanning:
        searched = tr("Folders and the stores of other programs are searched")
        return EmptyView(no_models(snapshot), searched)
    controls = (
        Control(Command.CHOOSE_FOLDER, tr("Choose a folder…")),
        Control(Command.RESCAN, tr("Look again")),
    )
    looked = tr("Models are GGUF files. None was found at these places.")
    if not snapshot.sources:
        looked = tr("Models are GGUF files. The settings name no folder and no store to look at.")
    return EmptyView(no_models(snapshot), looked, controls, tuple(_source_facts(snapshot.sources)))


def _why(trouble: EngineTrouble) -> str:
    if trouble.setting != "auto":
        return tr("The one that the settings name cannot be used: {reason}").format(reason=trouble.reason)
    if trouble.found:
        return tr(
            "Models are run by llama-server, a part of llama.cpp. The one that was found does not run here."
        )
    return tr("Models are run by llama-server, a part of llama.cpp. None was found on this computer.")


def _ways_out(trouble: EngineTrouble) -> Iterator[Control]:
    """First what works at once."""
    usable = [engine for engine in trouble.found if engine.problem is None]
    for engine in sorted(usable, key=lambda one: one.kind != "embedded")[:1]:
        text = tr("Use the embedded engine") if engine.kind == "embedded" else tr("Use the one that runs")
        yield Control(Command.USE_ENGINE, text, target=engine.setting)
    yield Control(Command.GET_ENGINE, tr("Get llama.cpp"))
    yield Control(Command.CHOOSE_ENGINE, tr("Choose llama-server…"))
    yield Control(Command.RESCAN, tr("Look again"))


def _engine_facts(trouble: EngineTrouble) -> Iterator[Fact]:
    found = [*map(_found, trouble.found)]
    if not any(engine.kind == "embedded" for engine in trouble.found):
        found.append(tr("The embedded engine is not installed"))
    yield Fact(tr("Found"), "\n".join(found))
    looked = (f"{place.source}: {', '.join(place.folders)}" for place in trouble.searched)
    yield Fact(tr("Looked in"), "\n".join(looked))


def _found(engine: FoundEngine) -> str:
    """An engine, and why it does not run; that names it already."""
    if engine.problem is not None:
        return engine.problem
    name = tr("The embedded engine") if engine.kind == "embedded" else engine.setting
    return tr("{engine} runs: {version}").format(engine=name, version=engine.version)


def _source_facts(sources: tuple[SourceView, ...]) -> Iterator[Fact]:
    missing = [source.label for source in sources if source.root is None]
    for source in sources:
        if source.root is not None:
            folder = source.label == source.root
            count = tr("%n model(s)", "", source.models) if source.models else tr("no models")
            name = tr("Folder of the settings") if folder else source.label
            yield Fact(name, f"{source.root}\n{count}")
    if missing:
        yield Fact(tr("Not on this computer"), ", ".join(missing))
