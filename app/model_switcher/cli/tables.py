"""Tables that the command line prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.cli.progress import reading
from model_switcher.cli.terminal import shown
from model_switcher.domain.need import FitKind
from model_switcher.domain.owners import RAM, OwnerKind
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import format_gib, format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from model_switcher.domain.catalog import Catalog, Model
    from model_switcher.domain.need import Fit, Need
    from model_switcher.domain.owners import Owner, Split
    from model_switcher.domain.snapshot import Snapshot

# Of other programs; the rest of them is one line.
_SHOWN_PROGRAMS = 5


def print_table(rows: Sequence[Sequence[str]], *, indent: str = "") -> None:
    """Columns as wide as they need to be."""
    rows = [[shown(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print((indent + "  ".join(cells)).rstrip())


def print_catalog(catalog: Catalog, fits: Mapping[str, Fit], state: Snapshot | None) -> None:
    """A table of models, then the rejected files."""
    if not catalog.models:
        print(
            'No model was found. Name the folders of your GGUF files in the settings: model-folders = ["…"]'
        )
    else:
        rows = [("", "ID", "QUANT", "SIZE", "CONTEXT", "FIT", "FOLDER")]
        rows += [
            (
                "*" if state is not None and state.selected == model.id else "",
                model.id,
                model.quantization or "?",
                format_size(model.size),
                str(model.context_length or "?"),
                _standing(model, fits.get(model.id), state),
                model.folder,
            )
            for model in catalog.models
        ]
        print_table(rows)
    if catalog.rejected:
        print(f"\nCannot be served ({len(catalog.rejected)}):")
        for rejected in catalog.rejected:
            print(f"  {shown(rejected.path)}\n      {shown(rejected.reason)}")
    if state is not None and state.scan is not None:
        print(f"\n{reading(state.scan)}")


def fit_text(fit: Fit | None) -> str:
    """Whether a model can be loaded, such as "short by 3.2 GiB (8192 tokens would fit)"; empty if nobody knows."""
    if fit is None or fit.kind is FitKind.UNKNOWN:
        return ""
    short = fit.kind is FitKind.SHORT
    text = f"short by {format_size(fit.shortfall)}" if short else str(fit.kind)
    ways = []
    if fit.ctx_size is not None:
        ways.append(f"{fit.ctx_size} tokens")
    if fit.n_gpu_layers is not None:
        ways.append(f"{fit.n_gpu_layers} layers")
    if not ways:
        return text
    return f"{text} ({' or '.join(ways)} would fit)" if short else f"{text} with {' and '.join(ways)}"


def print_owners(splits: Iterable[Split]) -> None:
    """Who holds each memory."""
    for split in splits:
        name = "Main memory" if split.device == RAM else split.name
        taken = split.total - split.used_by(OwnerKind.FREE)
        print(
            f"\n{name}: {format_gib(taken)} of {format_gib(split.total)} GiB in use (told by {split.source})"
        )
        print_table([_share(owner) for owner in _few(split.owners)], indent="  ")


def print_needs(snapshot: Snapshot) -> None:
    """What the models that run take, predicted and measured."""
    models = [server.model for server in snapshot.servers if server.model in snapshot.needs]
    if not models:
        return
    print()
    rows = [("MODEL", "CONTEXT", "LAYERS", "GPU", "RAM", "SOURCE")]
    rows += [(model, *need_cells(need)) for model in models for need in snapshot.needs[model]]
    print_table(rows)


def need_cells(need: Need) -> tuple[str, str, str, str, str]:
    """Context, layers, GPU memory, main memory, source."""
    device = format_size(need.low + (need.driver or 0))
    if need.high != need.low:
        device += f" to {format_size(need.high + (need.driver or 0))}"
    layers = "all" if need.n_gpu_layers is None else str(need.n_gpu_layers)
    return str(need.ctx_size), layers, device, format_size(need.host.total), str(need.source)


def _standing(model: Model, fit: Fit | None, state: Snapshot | None) -> str:
    servers = state.servers if state is not None else ()
    server = next((server for server in servers if server.model == model.id), None)
    if server is not None and server.state is not ServerState.READY:
        return str(server.state)
    return str(FitKind.RESIDENT) if server is not None else fit_text(fit)


def _few(owners: Sequence[Owner]) -> list[Owner | int]:
    """The owners, all but the biggest programs as one number of bytes."""
    programs = [owner for owner in owners if owner.kind is OwnerKind.PROGRAM]
    small = programs[_SHOWN_PROGRAMS:]
    kept: list[Owner | int] = [owner for owner in owners if owner not in small]
    if small:
        kept.insert(len(kept) - 2, sum(owner.used for owner in small))
    return kept


def _share(owner: Owner | int) -> tuple[str, str]:
    if isinstance(owner, int):
        return "other programs", format_size(owner)
    name = owner.name or str(owner.kind)
    if owner.kind in {OwnerKind.SERVER, OwnerKind.PROGRAM} and owner.pids:
        name += f" ({', '.join(map(str, owner.pids))})"
    return name, format_size(owner.used)
