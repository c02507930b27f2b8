"""Models and their changes, in the router's form."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from model_switcher.domain import wire
from model_switcher.gateway.router.statuses import FAILED_CODE, UNLOADED, Status, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from model_switcher.domain.catalog import Catalog, Model
    from model_switcher.domain.snapshot import Snapshot

# Stores whose folders are llama.cpp's own cache too.
_CACHES = frozenset({"huggingface", "llama.cpp"})
# What an engine loads in turn; we know how far it is with all of it together.
_STAGE = "text_model"


class Listing:
    """The answer to `GET /v1/models`, written anew only when something in it has changed."""

    def __init__(self) -> None:
        self._begun = int(time.time())
        self._key: tuple[Catalog, str | None, Mapping[str, Status]] | None = None
        self._encoded = b""

    def whole(self, snapshot: Snapshot, statuses: Mapping[str, Status]) -> bytes:
        """Every model, the selected one first."""
        key = (snapshot.catalog, snapshot.selected, statuses)
        if self._key is None or self._key[0] is not key[0] or self._key[1:] != key[1:]:
            models = sorted(snapshot.catalog.models, key=lambda model: model.id != snapshot.selected)
            self._key, self._encoded = key, self.of(models, statuses)
        return self._encoded

    def of(self, models: Iterable[Model], statuses: Mapping[str, Status]) -> bytes:
        """These models."""
        data = [self._entry(model, statuses.get(model.id, UNLOADED)) for model in models]
        return wire.encode({"data": data, "object": "list"})

    def _entry(self, model: Model, status: Status) -> dict[str, Any]:
        told: dict[str, Any] = {"value": status.value, "args": _file_arguments(model)}
        if status.exit_code:
            told |= {"exit_code": status.exit_code, "failed": True}
        entry = {
            **self._identity(model),
            "status": told,
            "architecture": {
                "input_modalities": ["text", "image"] if model.vision else ["text"],
                "output_modalities": ["text"],
            },
            "source": "cache" if model.store in _CACHES else "models_dir",
            "can_remove": False,
        }
        if status.value is Value.LOADED:
            entry["meta"] = _meta(model, status)
        return entry

    def _identity(self, model: Model) -> dict[str, Any]:
        """`created` (seconds since the epoch) is when this instance began to offer its models."""
        return {
            "id": model.id,
            "aliases": list(model.aliases),
            "tags": [],
            "object": "model",
            "owned_by": "llamacpp",
            "created": self._begun,
        }

    def changes(self, catalog: Catalog, before: Mapping[str, Status], now: Mapping[str, Status]) -> bytes:
        """The events of `GET /models/sse` that lead from the statuses before to those of now."""
        told: list[bytes] = []
        # What leaves is told before what comes.
        changed = [
            model
            for model in before.keys() | now.keys()
            if before.get(model, UNLOADED) != now.get(model, UNLOADED)
        ]
        for model in sorted(
            changed, key=lambda model: (now.get(model, UNLOADED).value != Value.UNLOADED, model)
        ):
            told += self._change(catalog, model, before.get(model, UNLOADED), now.get(model, UNLOADED))
        return b"".join(told)

    def _change(self, catalog: Catalog, model: str, before: Status, now: Status) -> Iterable[bytes]:
        if now.value is Value.LOADING:
            if before.value is not Value.LOADING:
                yield event("model_status", model, {"status": now.value})
            if now.progress is not None:
                progress = {"stages": [_STAGE], "current": _STAGE, "value": now.progress}
                yield event("status_change", model, {"status": now.value, "progress": progress})
        elif now.value is Value.LOADED:
            if before.value is not Value.LOADED:
                entry = catalog.get(model)
                info = {} if entry is None else {**self._identity(entry), "meta": _meta(entry, now)}
                yield event("status_change", model, {"status": now.value, "info": info})
        elif before.value is not Value.UNLOADED or now.failures:
            # A load that was given up is no failure, but whoever waits for its end must not wait for ever.
            code = now.exit_code or (FAILED_CODE if before.value is Value.LOADING else 0)
            yield event("status_change", model, {"status": now.value, "exit_code": code})


def event(name: str, model: str, data: Mapping[str, Any] | None = None) -> bytes:
    """One event of `GET /models/sse`; `model` is "*" for all of them."""
    told: dict[str, Any] = {"model": model, "event": name}
    if data is not None:
        told["data"] = data
    return b"data: " + wire.encode(told) + b"\n\n"


def _file_arguments(model: Model) -> list[str]:
    """What the engine is told of the model's files; the options of its launch are no matter of clients."""
    projector = ["--mmproj", model.projector] if model.projector else []
    return ["llama-server", "--alias", model.id, "--model", model.path, *projector]


def _meta(model: Model, status: Status) -> dict[str, Any]:
    """What is known of a loaded model, by llama.cpp's names; the size is that of its files, in bytes."""
    known = {
        "n_ctx": status.ctx_size,
        "n_ctx_train": model.context_length,
        "n_embd": model.embedding_length,
        "n_params": model.parameters,
        "size": model.size,
        "ftype": model.quantization,
    }
    return {name: value for name, value in known.items() if value is not None}
