"""The pages of the settings window, and what stands above and below them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.desktop.language import tr
from model_switcher.desktop.view_state.settings.engines import EngineView, engine_views
from model_switcher.desktop.view_state.settings.fields import Choice, FieldView, field
from model_switcher.desktop.view_state.settings.foot import FootView, foot_view
from model_switcher.desktop.view_state.settings.models import ModelView, model_view
from model_switcher.desktop.view_state.settings.options import OptionsView, options_view
from model_switcher.desktop.view_state.settings.sources import Sources

if TYPE_CHECKING:
    from model_switcher.desktop.view_state.settings.draft import Checked, Draft, Key
    from model_switcher.domain.launch import Option

__all__ = ["PageId", "PageView", "Section", "Sources", "WindowView", "window_view"]


class PageId(StrEnum):
    """The pages, in order."""

    MODELS = "models"
    ENGINE = "engine"
    ADDRESS = "address"
    MEMORY = "memory"
    REQUESTS = "requests"
    LAUNCH = "launch"
    EACH = "each"
    DESKTOP = "desktop"


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under a heading."""

    title: str
    fields: tuple[FieldView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """One page.

    Attributes:
        id: Which.
        title, about: What it is about, in a word and in a sentence.
        sections: Its fields.
        problems: How many of its values are wrong.
        changed: Whether anything on it is not saved yet.
    """

    id: PageId
    title: str
    about: str
    sections: tuple[Section, ...] = ()
    problems: int = 0
    changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowView:
    """The whole window."""

    pages: tuple[PageView, ...]
    engines: tuple[EngineView, ...]
    launch: OptionsView
    model: ModelView
    foot: FootView


def window_view(draft: Draft, sources: Sources) -> WindowView:
    """Everything that the window shows."""
    checked = draft.check(sources.options)
    return WindowView(
        pages=tuple(_page(draft, checked, sources, page) for page in PageId),
        engines=engine_views(draft, sources),
        launch=options_view(draft, checked, ("launch",), sources.options),
        model=model_view(draft, checked, sources),
        foot=foot_view(draft, checked, sources),
    )


def first_value(view: WindowView, table: Key, name: str) -> Option:
    """What an option begins with when it is added to a table; an empty text where its engine does not know it."""
    options = view.launch if table == view.launch.table else view.model.options
    offers = options.offers if options is not None else ()
    return next((offer.first for offer in offers if offer.name == name), "")


def titles() -> dict[PageId, tuple[str, str]]:
    """What each page is called, and what it is about."""
    return {
        PageId.MODELS: (tr("Models"), tr("Where models are looked for, and which is served first.")),
        PageId.ENGINE: (tr("Engine"), tr("The program that runs the models.")),
        PageId.ADDRESS: (tr("Address"), tr("Where your programs find the server, and who may use it.")),
        PageId.MEMORY: (tr("Memory"), tr("How many models stay loaded, and for how long.")),
        PageId.REQUESTS: (tr("Requests"), tr("How long requests wait, and how models take turns.")),
        PageId.LAUNCH: (
            tr("Launch options"),
            tr("llama-server's own options, by its own names, for every model."),
        ),
        PageId.EACH: (tr("Each model"), tr("What holds for one model only.")),
        PageId.DESKTOP: (tr("Desktop"), tr("What you see and hear of it.")),
    }


def _page(draft: Draft, checked: Checked, sources: Sources, page: PageId) -> PageView:
    title, about = titles()[page]
    sections = tuple(
        Section(heading, tuple(_field(draft, checked, sources, key) for key in keys))
        for heading, keys in _sections(page, sources)
    )
    return PageView(
        id=page,
        title=title,
        about=about,
        sections=sections,
        problems=sum(_on(key, page) for key in checked.problems),
        changed=any(_on(key, page) for key in draft.changes),
    )


def _sections(page: PageId, sources: Sources) -> tuple[tuple[str, tuple[Key, ...]], ...]:
    server = {name: ("server", name) for name in _SERVER}
    match page:
        case PageId.MODELS:
            return (
                (tr("Look in"), (("model-folders",), ("stores",))),
                (tr("At start"), (("default-model",), ("start-server",))),
            )
        case PageId.ADDRESS:
            return (
                (tr("Address"), (server["host"], server["port"])),
                (tr("Who may use it"), (server["api-keys"], server["allowed-origins"])),
            )
        case PageId.MEMORY:
            keys = ("keep-resident", "margin", "unload-after-idle", "warm-up")
            return (("", tuple(("memory", name) for name in keys)),)
        case PageId.REQUESTS:
            return (
                (tr("While a model loads"), tuple(server[name] for name in _WAITING)),
                (tr("Taking turns"), tuple(server[name] for name in _TURNS)),
            )
        case PageId.DESKTOP:
            login = (("desktop", "start-at-login"),) if sources.login is not None else ()
            return (("", (("desktop", "theme"), ("desktop", "notifications"), *login)),)
        case _:
            return ()


_WAITING = ("hold-timeout", "hold-limit", "hold-bytes", "unknown-model")
_TURNS = ("starvation-bound", "return-after", "lease-limit", "drain-timeout")
_SERVER = ("host", "port", "api-keys", "allowed-origins", *_WAITING, *_TURNS)


def _field(draft: Draft, checked: Checked, sources: Sources, key: Key) -> FieldView:
    if key == ("default-model",):
        return field(draft, checked, key, choices=_models_at_start(draft, sources))
    return field(draft, checked, key)


def _models_at_start(draft: Draft, sources: Sources) -> tuple[Choice, ...]:
    """The one of last time, every model by its id, and what the file calls one if that is another name."""
    listed = [Choice("", tr("the one of last time"))]
    chosen = str(draft.value(("default-model",)) or "")
    ids = {model.id for model in sources.snapshot.catalog.models}
    if chosen and chosen not in ids:
        listed.append(Choice(chosen, tr("the one of last time") if chosen == "last" else chosen))
        if chosen == "last":
            del listed[0]
    return (*listed, *(Choice(model.id, model.name) for model in sources.snapshot.catalog.models))


def _on(key: Key, page: PageId) -> bool:
    """Whether a key is changed on that page."""
    if key == ("server", "engine"):
        return page is PageId.ENGINE
    if key[0] == "server":
        return page is (PageId.REQUESTS if key[-1] in (*_WAITING, *_TURNS) else PageId.ADDRESS)
    of_tables = {
        "models": PageId.EACH,
        "launch": PageId.LAUNCH,
        "memory": PageId.MEMORY,
        "desktop": PageId.DESKTOP,
    }
    return page is of_tables.get(key[0], PageId.MODELS)
