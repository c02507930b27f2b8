"""Further names of models, out of the settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Catalog
from model_switcher.domain.errors import ModelError
from model_switcher.engine.catalog.facts import shard_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model_switcher.domain.catalog import Model


def with_aliases(models: Sequence[Model], aliases: Mapping[str, Sequence[str]]) -> list[Model]:
    """The models, each with the aliases that the settings give it.

    Args:
        models: All models of the catalog.
        aliases: By a model's id, name, file name or path; a unique beginning of an id or a name will do. What is no
            name of the model by itself becomes an alias too.
    """
    given: dict[str, list[str]] = {model.id: list(model.aliases) for model in models}
    for key, names in aliases.items():
        for model in _meant(key, models):
            own = key.casefold() in {name.casefold() for name in (model.id, model.name)}
            given[model.id] += names if own else [key, *names]
    return [replace(model, aliases=tuple(dict.fromkeys(given[model.id]))) for model in models]


def _meant(key: str, models: Sequence[Model]) -> Sequence[Model]:
    """Several models may bear a name; then the settings mean all of them."""
    exactly = [model for model in models if key.casefold() in _names(model)]
    if exactly:
        return exactly
    try:
        return [Catalog(tuple(models)).find(key)]
    except ModelError:
        return []


def _names(model: Model) -> set[str]:
    shard = shard_of(model.path)
    stem = shard.prefix if shard else Path(model.path).stem
    return {name.casefold() for name in (model.id, model.name, stem)}
