"""The models that the program knows: what the library finds, and what was asked for by its path."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Catalog, Model, Reject
from model_switcher.domain.errors import UnknownModel, UnusableModel
from model_switcher.domain.snapshot import ScanView, SourceView
from model_switcher.engine.background import in_background
from model_switcher.engine.catalog import scan_file
from model_switcher.engine.catalog.aliases import with_aliases
from model_switcher.engine.header_process.process import HeaderProcess
from model_switcher.engine.library import CatalogReader, Fate, Library, Pace, sentence
from model_switcher.engine.selected_file import SelectedFile
from model_switcher.engine.stores import Store, find_stores, label_of
from model_switcher.engine.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model_switcher.domain.settings import Settings
    from model_switcher.engine.hub import Hub
    from model_switcher.engine.library import Progress
    from model_switcher.places import Places

LISTED_SECONDS = 20.0
HEADERS_FILE = "headers.msgpack"


class Collection:
    """Keeps the hub's catalog. Lives on the runtime's loop.

    Args:
        settings: Folders, stores and aliases.
        places: Where headers are remembered from one run to the next.
        hub: Is given every new catalog, and what became of the served model's file.
    """

    def __init__(self, settings: Settings, places: Places, hub: Hub) -> None:
        self._settings = settings
        self._hub = hub
        self._extra: dict[str, Model] = {}
        self._reader = CatalogReader(lambda: aliases(self._settings), places.cache / HEADERS_FILE)
        self._library = Library(
            lambda: stores(self._settings), self._reader, self._found, process=HeaderProcess()
        )
        self._file = SelectedFile(hub)

    def start(self) -> None:
        """Begin to look for models. Returns at once."""
        self._hub.update(scanning=True)
        self._library.start()
        self._file.start()

    def apply(self, settings: Settings) -> None:
        """Go by these folders, stores and aliases from now on."""
        before, self._settings = self._settings, settings
        if (before.model_folders, before.stores) != (settings.model_folders, settings.stores):
            self._library.look_for_stores()
        if aliases(before) != aliases(settings):
            self._library.name_anew()
            extra = with_aliases(tuple(self._extra.values()), aliases(settings))
            self._extra = {model.id: model for model in extra}

    async def close(self) -> None:
        """End; what hangs on a dead drive is left to itself."""
        await self._file.close()
        await self._library.close()

    async def listed(self) -> None:
        """Return once the names and sizes of all models are known, of every drive that answers in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LISTED_SECONDS):
                await self._library.listed()

    async def refresh(self) -> None:
        """Look for stores and models again; returns when that is done."""
        self._hub.update(scanning=True)
        try:
            await self._library.refresh()
        finally:
            self._hub.update(scanning=False, scan=None)  # where nothing is new, nothing is told

    async def resolve(self, name: str) -> Model:
        """The model that a person calls `name`; a file outside of the stores may be named by its path.

        Raises:
            UnknownModel, AmbiguousModel: It names no model, or several.
            UnusableModel: It is a file that cannot be served, or its drive is away.
        """
        try:
            found = self._hub.snapshot.catalog.find(name)
        except (UnknownModel, UnusableModel):  # a rejected file may be whole by now
            path = expanded(name)
            if not await in_background(_is_file, path):
                raise
            return await self._take_in(path)
        if not found.available:
            raise UnusableModel.because(Reject.UNREADABLE, sentence(found, Fate.AWAY, loaded=False) or "")
        return found

    async def _take_in(self, path: Path) -> Model:
        catalog = self._hub.snapshot.catalog
        found = await in_background(scan_file, path, catalog, aliases(self._settings), self._reader)
        if not isinstance(found, Model):
            raise UnusableModel.because(found.code, f"{path.name}: {found.reason}")
        self._extra[found.id] = found
        self._hub.update(catalog=self._with_extra(catalog))
        return found

    def found_good(self, path: str, status: os.stat_result) -> bool:
        """Whether the whole header of a file was found good while it was as `status` says. Blocks."""
        return self._reader.found_good(path, status)

    def _found(self, catalog: Catalog, progress: Progress | None) -> None:
        scan = None
        if progress is not None and progress.total:
            scan = ScanView(done=progress.done, total=progress.total)
        sources = sources_of(self._library.stores, self._settings.stores, catalog) if progress is None else ()
        self._hub.update(
            catalog=self._with_extra(catalog), scanning=progress is not None, scan=scan, sources=sources
        )
        self._file.look()

    def _with_extra(self, catalog: Catalog) -> Catalog:
        known = {place for model in catalog.models for place in (*model.files, *model.places)}
        extra = [model for model in self._extra.values() if model.path not in known]
        ours = {model.path for model in extra}
        rejected = tuple(entry for entry in catalog.rejected if entry.path not in ours)
        models = [model for model in catalog.models if model.path not in ours]
        return Catalog((*models, *extra), rejected)


async def catalog_now(
    settings: Settings, places: Places, on_progress: Callable[[Progress], None] = lambda _: None
) -> Catalog:
    """Every model as it lies on the disk now, every header read; for those who do not stay.

    Args:
        settings: Folders, stores and aliases.
        places: Where headers are remembered.
        on_progress: Told from time to time how many headers have been read.
    """

    def tell(_: Catalog, progress: Progress | None) -> None:
        if progress is not None:
            on_progress(progress)

    reader = CatalogReader(lambda: aliases(settings), places.cache / HEADERS_FILE)
    library = Library(lambda: stores(settings), reader, tell, Pace(settle=0.0), live=False)
    library.start()
    try:
        await library.complete()
        return library.catalog
    finally:
        await library.close()


def stores(settings: Settings) -> list[Store]:
    """Where the settings say that models are. Blocks: for a worker thread."""
    folders = [str(expanded(folder)) for folder in settings.model_folders]
    return find_stores(settings.stores, folders, surroundings())


def sources_of(found: Sequence[Store], names: Sequence[str], catalog: Catalog) -> tuple[SourceView, ...]:
    """Where models were looked for, and how many lie there; then the programs that have no models here.

    Args:
        found: The stores that were looked into.
        names: Those that the settings ask for.
        catalog: What was found.
    """
    places = [(place, model.id) for model in catalog.models for place in model.places or (model.path,)]
    views = []
    for store in found:
        root, inside = store.root, store.root.rstrip(os.sep) + os.sep
        there = {id_ for place, id_ in places if place == root or place.startswith(inside)}
        views.append(SourceView(label=store.label, root=root, models=len(there)))
    known = {store.name for store in found}
    return (*views, *(SourceView(label=label_of(name)) for name in names if name not in known))


def aliases(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Further names of models, by the names of the settings' `[models]` tables."""
    return {name: model.alias for name, model in settings.models.items()}


def expanded(path: str) -> Path:
    """The path with `~` replaced; one that cannot be replaced stays what it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises where there is no home


def _is_file(path: Path) -> bool:
    """Whether there is such a file.

    Raises:
        UnusableModel: That cannot be known: a folder is closed to us, or the name is longer than any file's.
    """
    try:
        return path.is_file()
    except OSError as error:
        reason = f"{path.name} cannot be read: {error.strerror or error}"
        raise UnusableModel.because(Reject.UNREADABLE, reason) from error
