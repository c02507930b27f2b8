"""What is the same for a catalog as long as it does not change: order, places, namesakes, what a filter looks at.

A catalog may hold a thousand models and snapshots come several times a second, so this is made once for each catalog.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from model_switcher.desktop.language import size_text
from model_switcher.desktop.wording import NAME_LENGTH, elide, place_of
from model_switcher.domain.paths import base_name, text_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.catalog import Catalog, Model, Rejected


class Listing:
    """A catalog in the order in which people read it.

    Attributes:
        catalog: What it was made of.
        models: By id, in the order of their names.
        places: Where each model lies, by id.
        rejected: The files that cannot be served, by path.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.models = {model.id: model for model in sorted(catalog.models, key=_by_name)}
        self.places = {model.id: place_of(model) for model in catalog.models}
        self.rejected = {one.path: one for one in catalog.rejected}
        self._namesakes = Counter(_key(model) for model in catalog.models)
        self._twins = Counter((*_key(model), size_text(model.size)) for model in catalog.models)
        self._searched: dict[str, str] = {}

    def detail(self, model: Model) -> str:
        """The quantisation; for a model that shares it with another of its name also the size, or even the id."""
        size = size_text(model.size)
        if self._twins[*_key(model), size] > 1:
            return f"{model.quantization or size}, {elide(model.id, NAME_LENGTH)}"
        if model.quantization is None:
            return size
        return f"{model.quantization}, {size}" if self.has_namesake(model) else model.quantization

    def has_namesake(self, model: Model) -> bool:
        """Whether another model has the same name and quantisation."""
        return self._namesakes[_key(model)] > 1

    def has_twin(self, model: Model) -> bool:
        """Whether another model cannot be told from it by its size either."""
        return self._twins[*_key(model), size_text(model.size)] > 1

    def matches(self, model: Model, words: list[str]) -> bool:
        """Whether every one of `words` (as `search_words` makes them) is found in what is known of the model."""
        return _all_in(words, self._text(model.id, lambda: _searched(model, self.places[model.id])))

    def matches_file(self, rejected: Rejected, words: list[str]) -> bool:
        """The same for a file that cannot be served."""
        return _all_in(words, self._text(rejected.path, lambda: text_key(base_name(rejected.path))))

    def _text(self, key: str, make: Callable[[], str]) -> str:
        if key not in self._searched:
            self._searched[key] = make()
        return self._searched[key]


class _Latest:
    """The listing of the catalog that was asked for last."""

    def __init__(self) -> None:
        self._listing: Listing | None = None

    def of(self, catalog: Catalog) -> Listing:
        # By identity: comparing a thousand models would take longer than what is saved.
        if self._listing is None or self._listing.catalog is not catalog:
            self._listing = Listing(catalog)
        return self._listing


_latest = _Latest()


def listing(catalog: Catalog) -> Listing:
    """The listing of `catalog`, made anew where it is another one than last time."""
    return _latest.of(catalog)


def search_words(pattern: str) -> list[str]:
    """The words of what a person types into a filter."""
    return [text_key(word) for word in pattern.split()]


def _searched(model: Model, place: str) -> str:
    parts = (model.name, model.id, model.quantization, model.architecture, place, model.kind, *model.aliases)
    return "\n".join(text_key(part) for part in parts if part)


def _all_in(words: list[str], text: str) -> bool:
    return all(word in text for word in words)


def _key(model: Model) -> tuple[str, str | None]:
    return model.name, model.quantization


def _by_name(model: Model) -> tuple[list[str | int], int]:
    """Sorts "8B" before "12B": text and numbers take turns in the list, so that like is compared with like."""
    parts = re.split(r"(\d+)", model.name.casefold())
    return [int(part) if part.isdecimal() else part for part in parts], model.size
