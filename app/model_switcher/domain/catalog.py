"""Models, rejected files, and how people name a model."""

from __future__ import annotations

import difflib
import functools
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from model_switcher.domain.errors import AmbiguousModel, UnknownModel, UnusableModel
from model_switcher.domain.paths import (
    base_name,
    file_stem,
    is_below,
    module_for,
    path_key,
    path_keys,
    text_key,
)
from model_switcher.domain.prediction.blueprint import Blueprint
from model_switcher.domain.reject import Reject

__all__ = ["Catalog", "Kind", "Model", "Reject", "Rejected"]


class Kind(StrEnum):
    """What a servable model is for."""

    TEXT = "text"
    EMBEDDING = "embedding"
    RERANKER = "reranker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One servable thing: a GGUF file, or all shards of one, with its projector.

    Attributes:
        id: Stable, unique in the catalog, fit for a URL and a command line.
        name: For people; from the header, else from the file name.
        path: The file that the engine is given: the first shard of several.
        files: All shards, in order; `(path,)` for one file.
        size: Bytes of all files together.
        architecture: `general.architecture`.
        quantization: The type most of the weights have, as llama.cpp names it ("Q4_K"), or None.
        parameters: Number of weights.
        context_length: Tokens it was trained for.
        projector: Path of the mmproj file that belongs to it.
        aliases: Further names, from the settings.
        kind: What it is for.
        store: Where it was found first: "folder", or the name of a store as the settings spell it.
        places: Every path under which the same bytes were found, `path` among them.
        available: False while its drive is away.
        base_model: What it was made from, as its header says.
        size_label: Such as "8B", as its header says.
        active_parameters: Weights that take part in each token; of a mixture of experts fewer than `parameters`.
        block_count, head_count, head_count_kv, embedding_length: Layers, attention heads, their key and value heads
            (the most that any layer has), and the width of the embeddings.
        chat_template: Whether it brings one; None while only the beginning of its header was read.
        tools: Whether its chat template knows tool calls; None as above.
        vision: Whether it sees images with its projector.
        license, languages: As its header says.
        blueprint: What its memory depends on; None while only the beginning of its header was read.
        projector_blueprint: The same of its projector.
    """

    id: str
    name: str
    path: str
    files: tuple[str, ...]
    size: int
    architecture: str | None = None
    quantization: str | None = None
    parameters: int | None = None
    context_length: int | None = None
    projector: str | None = None
    aliases: tuple[str, ...] = ()
    kind: Kind = Kind.TEXT
    store: str = "folder"
    places: tuple[str, ...] = ()
    available: bool = True
    base_model: str | None = None
    size_label: str | None = None
    active_parameters: int | None = None
    block_count: int | None = None
    head_count: int | None = None
    head_count_kv: int | None = None
    embedding_length: int | None = None
    chat_template: bool | None = None
    tools: bool | None = None
    vision: bool = False
    license: str | None = None
    languages: tuple[str, ...] = ()
    blueprint: Blueprint | None = field(default=None, repr=False)
    projector_blueprint: Blueprint | None = field(default=None, repr=False)

    @property
    def folder(self) -> str:
        """The folder it lies in, by the separators its path uses."""
        return str(module_for(self.path).dirname(self.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A file that looked like a model and cannot be served, and why."""

    path: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """All models found, and the files and folders that were rejected."""

    models: tuple[Model, ...] = ()
    rejected: tuple[Rejected, ...] = ()

    def get(self, model_id: str | None) -> Model | None:
        """The model of that id."""
        return next((model for model in self.models if model.id == model_id), None)

    def find(self, wanted: str) -> Model:
        """The model that a person means by an id, a name, an alias, a file name or a path.

        An id wins over an alias, an alias over a path, that over a name, a name over a file. Case does not matter,
        nor how accents are written. The last folders of a path will do, or a unique beginning of an id or a name.

        Raises:
            UnknownModel: Nothing bears that name; the near ones are suggested.
            AmbiguousModel: Several do; `details` names the candidates.
            UnusableModel: It is the name of a file that was rejected.
        """
        found = self.named(wanted)
        if found is None:
            raise self.unknown(wanted)
        return found

    def named(self, wanted: str) -> Model | None:
        """As `find`, but None where nothing bears that name; near ones are not looked for.

        Raises:
            AmbiguousModel, UnusableModel: As `find` does.
        """
        key, paths = text_key(wanted), path_keys(wanted.strip())
        found = next((rung for rung in self._rungs(wanted.strip(), key, paths) if rung), [])
        if len(found) == 1:
            return found[0]
        if found:
            ids = [model.id for model in found]
            raise AmbiguousModel(
                f"{wanted!r} could be {len(ids)} models: {', '.join(ids[:8])}",
                hint="Use the id of one of them.",
                details={"candidates": ids},
            )
        for rejected in self.rejected:
            if path_key(rejected.path) in paths or key in _file_names(rejected.path):
                raise UnusableModel.because(rejected.code, f"{wanted} cannot be served: {rejected.reason}")
        return None

    def unknown(self, wanted: str) -> UnknownModel:
        """That nothing bears that name, with the near ones."""
        near = self.near(wanted)
        return UnknownModel(
            f"There is no model called {wanted!r}",
            hint=f"Did you mean {' or '.join(near)}?" if near else "`model-switcher list` shows every model.",
            details={"near": near},
        )

    def near(self, wanted: str, count: int = 3) -> list[str]:
        """Ids whose id, name or alias is close to `wanted`, the closest first."""
        names: dict[str, str] = {}
        for model in self.models:
            for name in (*model.aliases, model.name, model.id):
                names.setdefault(text_key(name), model.id)
        key = text_key(posixpath.basename(wanted.replace("\\", "/"))).removesuffix(".gguf")
        close = difflib.get_close_matches(key, names, n=count * 2, cutoff=0.5)
        inside = [name for name in names if key and key in name]
        return list(dict.fromkeys(names[name] for name in (*inside, *close)))[:count]

    def _rungs(self, wanted: str, key: str, paths: frozenset[str]) -> Iterator[list[Model]]:
        """The models that are meant, by ever looser ways of meaning one."""
        yield [m for m in self.models if text_key(m.id) == key]
        yield [m for m in self.models if any(text_key(alias) == key for alias in m.aliases)]
        yield [m for m in self.models if any(path_key(path) in paths for path in (*m.files, *m.places))]
        yield [m for m in self.models if text_key(m.name) == key]
        yield [m for m in self.models if key in _file_names(m.path)]
        if "/" in wanted or "\\" in wanted:
            yield [m for m in self.models if any(is_below(path, wanted) for path in (*m.files, *m.places))]
        if key:
            yield [
                m for m in self.models if text_key(m.id).startswith(key) or text_key(m.name).startswith(key)
            ]


@functools.lru_cache(4096)
def _file_names(path: str) -> frozenset[str]:
    return frozenset({text_key(base_name(path)), text_key(file_stem(path))})
