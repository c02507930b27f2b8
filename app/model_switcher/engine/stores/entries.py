"""What lies in a store, by its layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from model_switcher.engine.catalog.walk import Candidate, Listing, look, through
from model_switcher.engine.stores.ollama import ollama
from model_switcher.engine.stores.store import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from model_switcher.domain.catalog import Rejected
    from model_switcher.engine.stores.store import Store


def entries(store: Store, look_at: Callable[[str], Listing] = look) -> Iterator[Candidate | Rejected]:
    """Candidates of the store, and what cannot be served, with reasons. Blocks: for a worker thread.

    Files that several paths lead to come once for each path.

    Args:
        store: Where to look.
        look_at: Says what lies in a folder; it may remember what it said before.
    """
    found = _LAYOUTS[store.layout](store.root, look_at)
    for entry in found:
        is_named = isinstance(entry, Candidate) and entry.store != store.name
        yield replace(entry, store=store.name) if is_named and isinstance(entry, Candidate) else entry


def _hugging_face(root: str, look_at: Callable[[str], Listing]) -> Iterator[Candidate | Rejected]:
    """The cache's layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.

    Blobs have no names; the links in the snapshots do. Only downloads under way are told of among the blobs.
    """
    top = look_at(root)
    yield from top.entries
    for repository in top.folders:
        if not PurePath(repository).name.startswith("models--"):
            continue
        for folder in look_at(repository).folders:
            if PurePath(folder).name == "snapshots":
                yield from through(folder, look_at)
            elif PurePath(folder).name == "blobs":
                yield from look_at(folder).entries


_LAYOUTS: dict[Layout, Callable[[str, Callable[[str], Listing]], Iterator[Candidate | Rejected]]] = {
    Layout.FOLDERS: through,
    Layout.HUGGING_FACE: _hugging_face,
    Layout.OLLAMA: ollama,
}
