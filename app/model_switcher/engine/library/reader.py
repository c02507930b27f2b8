"""Headers out of files and the cache, and a catalog out of what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.engine.catalog.headers import HeaderReader
from model_switcher.engine.catalog.scan import catalog_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from model_switcher.domain.catalog import Catalog, Rejected
    from model_switcher.engine.catalog.assemble import Found


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

    def assemble(self, found: Sequence[Found], rejected: Sequence[Rejected]) -> Catalog:
        """The catalog of these files, sorted; those that were not read yet are in it by their names and sizes."""
        return catalog_of(found, rejected, self._aliases())
