"""Headers out of files and the cache, and a catalog out of what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Catalog
from model_switcher.engine.catalog.abilities import Role
from model_switcher.engine.catalog.aliases import with_aliases
from model_switcher.engine.catalog.assemble import Found, assemble
from model_switcher.engine.catalog.facts import Facts, first_facts
from model_switcher.engine.catalog.headers import HeaderReader
from model_switcher.engine.gguf.beginning import Beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from model_switcher.domain.catalog import Model, Rejected
    from model_switcher.engine.catalog.walk import Candidate
    from model_switcher.engine.library.port import Listed


class CatalogReader(HeaderReader):
    """What the library reads with.

    Args:
        aliases: Further names out of the settings, by a name of the model; asked each time.
        cache_file: Where outcomes are kept from one run to the next; None to keep nothing.
    """

    def __init__(
        self, aliases: Callable[[], Mapping[str, Sequence[str]]], cache_file: Path | None = None
    ) -> None:
        super().__init__(cache_file)
        self._aliases = aliases

    def assemble(self, found: Sequence[Listed], rejected: Sequence[Rejected]) -> Catalog:
        """The catalog of these files, sorted; those that were not read yet are in it by their names and sizes."""
        by_path = {one.candidate.path: one for one in found}
        files = [Found(one.candidate, one.facts or _by_name(one.candidate), one.places) for one in found]
        models, unfit = assemble(files, {entry.path for entry in rejected})
        placed = with_aliases([_placed(model, by_path) for model in models], self._aliases())
        return Catalog(
            tuple(sorted(placed, key=lambda model: (model.name.casefold(), model.id))),
            tuple(sorted([*rejected, *unfit], key=lambda entry: (entry.path, entry.code))),
        )


def _by_name(candidate: Candidate) -> Facts:
    """What is known of a file that nobody has read."""
    nothing = Beginning(metadata={}, all_keys=False, tensor_count=1, file_size=candidate.size)
    facts = first_facts(candidate.path, nothing)
    role = Role.PROJECTOR if "mmproj" in candidate.path.lower() else Role.MODEL
    return replace(facts, role=role)


def _placed(model: Model, by_path: Mapping[str, Listed]) -> Model:
    """The model with the names that stores give it besides its own, grey if a part of it is away."""
    first = by_path.get(model.path)
    parts = [by_path[file] for file in model.files if file in by_path]
    others = [title for title in first.titles if title != model.name] if first else []
    return replace(model, aliases=(*model.aliases, *others), available=all(part.available for part in parts))
