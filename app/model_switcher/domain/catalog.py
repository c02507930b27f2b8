"""Models, rejected files, and how people name a model."""

from __future__ import annotations

import difflib
import ntpath
import posixpath
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.domain.errors import AmbiguousModel, UnknownModel, UnusableModel

if TYPE_CHECKING:
    from types import ModuleType


class Reject(StrEnum):
    """Why a file is not served: stable codes, part of the public interface."""

    EMPTY = "model-empty"
    NOT_A_FILE = "model-not-a-file"
    NOT_GGUF = "model-not-gguf"
    UNREADABLE = "model-unreadable"
    VERSION = "model-version"
    DAMAGED = "model-damaged"
    TRUNCATED = "model-truncated"
    INCOMPLETE = "model-shards-missing"
    NOT_A_MODEL = "model-not-a-model"


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
        chat_template: Whether it brings one.
        tools: Whether its chat template knows tool calls.
        vision: Whether it sees images with its projector.
        license, languages: As its header says.
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
    chat_template: bool = False
    tools: bool = False
    vision: bool = False
    license: str | None = None
    languages: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The folder it lies in, by the separators its path uses."""
        return str(_module_for(self.path).dirname(self.path))


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

        An id wins over an alias, an alias over a name, a name over a file. Case does not matter. A unique
        beginning of an id or a name will do.

        Raises:
            UnknownModel: Nothing bears that name; the near ones are suggested.
            AmbiguousModel: Several do.
            UnusableModel: It is the name of a file that was rejected.
        """
        key = wanted.strip().casefold()
        path = path_key(wanted.strip())
        rungs = (
            [m for m in self.models if m.id.casefold() == key],
            [m for m in self.models if key in {alias.casefold() for alias in m.aliases}],
            [m for m in self.models if path in {path_key(file) for file in m.files}],
            [m for m in self.models if m.name.casefold() == key],
            [m for m in self.models if key in _file_names(m)],
            [
                m
                for m in self.models
                if key and any(n.startswith(key) for n in (m.id.casefold(), m.name.casefold()))
            ],
        )
        found = next((rung for rung in rungs if rung), [])
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
            base = _base_name(rejected.path)
            if path == path_key(rejected.path) or key in {base, base.removesuffix(".gguf")}:
                raise UnusableModel.because(rejected.code, f"{wanted} cannot be served: {rejected.reason}")
        near = self.near(wanted)
        raise UnknownModel(
            f"There is no model called {wanted!r}",
            hint=f"Did you mean {' or '.join(near)}?" if near else "`model-switcher list` shows every model.",
            details={"near": near},
        )

    def near(self, wanted: str, count: int = 3) -> list[str]:
        """Ids whose id, name or alias is close to `wanted`, the closest first."""
        names: dict[str, str] = {}
        for model in self.models:
            for name in (*model.aliases, model.name, model.id):
                names.setdefault(name.casefold(), model.id)
        key = posixpath.basename(wanted.replace("\\", "/")).removesuffix(".gguf").casefold()
        close = difflib.get_close_matches(key, names, n=count * 2, cutoff=0.5)
        inside = [name for name in names if key and key in name]
        return list(dict.fromkeys(names[name] for name in (*inside, *close)))[:count]


def path_key(path: str) -> str:
    """A form of `path` under which two spellings of one place are equal; Windows paths ignore case."""
    module = _module_for(path)
    normal = str(module.normpath(path))
    return normal.casefold() if module is ntpath else normal


def _module_for(path: str) -> ModuleType:
    windows = "\\" in path or (len(path) > 1 and path[1] == ":")
    return ntpath if windows else posixpath


def _base_name(path: str) -> str:
    return str(_module_for(path).basename(path)).casefold()


def _file_names(model: Model) -> set[str]:
    base = _base_name(model.path)
    return {base, base.removesuffix(".gguf")}
