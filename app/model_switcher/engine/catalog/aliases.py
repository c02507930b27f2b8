"""Further names of models, out of the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Catalog
from model_switcher.domain.errors import ModelError
from model_switcher.domain.paths import file_stem, text_key
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
    given: dict[str, list[str]] = {}
    for key, names in aliases.items():
        for model in _meant(key, models):
            own = text_key(key) in {text_key(name) for name in (model.id, model.name)}
            given.setdefault(model.id, list(model.aliases)).extend(names if own else [key, *names])
    return [
        replace(model, aliases=tuple(dict.fromkeys(given[model.id]))) if model.id in given else model
        for model in models
    ]


def _meant(key: str, models: Sequence[Model]) -> Sequence[Model]:
    """Several models may bear a name; then the settings mean all of them."""
    wanted = text_key(key)
    exactly = [model for model in models if wanted in _names(model)]
    if exactly:
        return exactly
    try:
        return [Catalog(tuple(models)).find(key)]
    except ModelError:
        return []


def _names(model: Model) -> set[str]:
    shard = shard_of(model.path)
    stem = shard.prefix if shard else file_stem(model.path)
    return {text_key(name) for name in (model.id, model.name, stem)}
