"""Everything that the panel shows beside the rows of its list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import number, tr
from model_switcher.desktop.view_state.empty import EmptyView, empty_view, no_engine_view
from model_switcher.desktop.view_state.header import HeaderView, header_view
from model_switcher.desktop.view_state.memory import MemoryView, memory_view
from model_switcher.desktop.view_state.sections import Section, sections
from model_switcher.desktop.view_state.strips import Banner, BusyView, banners, busy_view
from model_switcher.domain.states import ServerState

if TYPE_CHECKING:
    from collections.abc import Collection

    from model_switcher.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelView:
    """The panel.

    Attributes:
        header: Its head.
        memory: The memory bar with its legend.
        busy: What shall become of running answers; None where that is no question.
        banners: What is wrong, without what was put away.
        hint: What stands in the empty filter field.
        sections: The groups of the list.
        empty: Why there is no row, and what can be done about it; None while there is one. Without an engine there is none.
        endpoint: What client programs are given as base URL; empty until there is one.
        web_ui: Address of the web interface; empty while no server could answer there.
    """

    header: HeaderView
    memory: MemoryView
    busy: BusyView | None
    banners: tuple[Banner, ...]
    hint: str
    sections: tuple[Section, ...]
    empty: EmptyView | None
    endpoint: str
    web_ui: str


def panel_view(
    snapshot: Snapshot,
    *,
    recent: tuple[str, ...] = (),
    pattern: str = "",
    pointed: str | None = None,
    put_away: Collection[str] = (),
) -> PanelView:
    """What the panel shows of `snapshot`.

    Args:
        snapshot: What is the case.
        recent: Ids of models chosen before, the latest first.
        pattern: What is typed into the filter.
        pointed: Id of the model under the pointer or the keyboard's mark.
        put_away: Keys of banners that the user has seen.
    """
    nothing = no_engine_view(snapshot)
    groups = () if nothing is not None else sections(snapshot, recent, pattern)
    return PanelView(
        header=header_view(snapshot),
        memory=memory_view(snapshot, pointed),
        busy=busy_view(snapshot),
        banners=tuple(one for one in banners(snapshot) if one.key not in put_away),
        hint=_hint(snapshot),
        sections=groups,
        empty=None if groups else nothing or empty_view(snapshot, pattern),
        endpoint=endpoint(snapshot),
        web_ui=web_ui(snapshot),
    )


def endpoint(snapshot: Snapshot) -> str:
    """What client programs are given as base URL; empty until there is one."""
    return f"{snapshot.address}/v1" if snapshot.address else ""


def web_ui(snapshot: Snapshot) -> str:
    """Address of the web interface; empty while no server could answer there."""
    ready = any(server.state is ServerState.READY for server in snapshot.servers)
    return f"{snapshot.address}/" if snapshot.address and ready else ""


def _hint(snapshot: Snapshot) -> str:
    count = len(snapshot.catalog.models)
    if snapshot.scan is not None:
        done, total = number(snapshot.scan.done), number(snapshot.scan.total)
        return tr("Filter {count} models, {done} of {total} read…").format(
            count=number(count), done=done, total=total
        )
    if snapshot.scanning:
        return tr("Filter {count} models, looking for more…").format(count=number(count))
    return tr("Filter 1 model…") if count == 1 else tr("Filter {count} models…").format(count=number(count))
