"""Ollama's store: manifests that name a model and a tag, and blobs without names.

Layout: https://github.com/ollama/ollama, `types/model/name.go` and `manifest/`:
`manifests/<host>/<namespace>/<model>/<tag>` is a JSON document that lists layers, each with a media type and the
digest of a file in `blobs`.
"""

from __future__ import annotations

import errno
import json
import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.engine.catalog.walk import Candidate, Listing, rejected, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MODEL, _PROJECTOR, _ADAPTER = (
    f"application/vnd.ollama.image.{kind}" for kind in ("model", "projector", "adapter")
)
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_LARGEST_MANIFEST = 1024 * 1024
_LEVELS = 4
_USUAL_HOST, _USUAL_NAMESPACE = "registry.ollama.ai", "library"


class _UnusableError(Exception):
    def __init__(self, code: Reject, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def ollama(root: str, look_at: Callable[[str], Listing]) -> Iterator[Candidate | Rejected]:
    """Models of the store at `root` under the names that Ollama gives them, and why others are none."""
    blobs = Path(root) / "blobs"
    manifests = Path(root) / "manifests"
    top = look_at(str(manifests))
    if top.error is not None:  # nothing was pulled yet, or this user may not look into it
        yield from look_at(root).entries if top.error == errno.ENOENT else top.entries
        return
    for path in _files(manifests, _LEVELS):
        try:
            yield from _models(path, _name(path, manifests), blobs)
        except _UnusableError as error:
            yield rejected(str(path), error.code, error.reason)
        except OSError as error:
            yield unreadable(str(path), error)
    # Finished blobs have no ending: only downloads under way are told of here.
    listing = look_at(str(blobs))
    if listing.error != errno.ENOENT:
        yield from (entry for entry in listing.entries if isinstance(entry, Rejected))


def _files(folder: Path, levels: int) -> Iterator[Path]:
    """Files exactly that deep, the tag "latest" after others: a model that has both is better known by the other."""
    try:
        found = sorted(folder.iterdir(), key=lambda path: (path.name == "latest", path.name))
    except OSError:
        return  # a stray file where a folder belongs, or one that is just being removed
    for path in found:
        if path.name.startswith("."):
            continue
        if levels > 1:
            yield from _files(path, levels - 1)
        elif not path.is_dir():
            yield path


def _name(path: Path, manifests: Path) -> str:
    """Such as "llama3.2:3b", "someone/model:latest" or "hf.co/someone/model:Q4_K_M"."""
    host, namespace, model, tag = path.relative_to(manifests).parts
    if host != _USUAL_HOST:
        return f"{host}/{namespace}/{model}:{tag}"
    return f"{model}:{tag}" if namespace == _USUAL_NAMESPACE else f"{namespace}/{model}:{tag}"


def _models(path: Path, name: str, blobs: Path) -> Iterator[Candidate | Rejected]:
    layers = _layers(path)
    models = [digest for kind, digest in layers if kind == _MODEL]
    if any(kind == _ADAPTER for kind, _ in layers):
        reason = f"{name} is an adapter (LoRA) on top of another model; only Ollama can put the two together"
        raise _UnusableError(Reject.NOT_A_MODEL, reason)
    if not models:
        raise _UnusableError(
            Reject.NOT_A_MODEL, f"{name} has no weights on this machine that llama.cpp could read"
        )
    if len(models) > 1:
        raise _UnusableError(
            Reject.NOT_A_MODEL,
            f"{name} has its weights in {len(models)} parts that only Ollama can put together",
        )
    weights = _blob(blobs, models[0], name, "weights")
    projector = next((digest for kind, digest in layers if kind == _PROJECTOR), None)
    beside = None
    if projector is not None:
        try:
            beside = _blob(blobs, projector, name, "projector (it serves as a text model)")
        except _UnusableError as error:
            yield rejected(str(path), error.code, error.reason)
        else:
            yield beside
    yield replace(weights, title=name, projector=beside.path if beside else None)


def _blob(blobs: Path, digest: str, name: str, what: str) -> Candidate:
    """The file of a layer."""
    for separator in "-:":  # the colon up to Ollama 0.1.30
        path = blobs / f"sha256{separator}{digest}"
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode):
            raise _UnusableError(Reject.NOT_A_FILE, f"the blob with the {what} of {name} is not a file")
        identity = (status.st_dev, status.st_ino)
        return Candidate(str(path), identity, status.st_size, status.st_mtime_ns)
    if any(blobs.glob(f"sha256-{digest}-partial*")):
        raise _UnusableError(Reject.PARTIAL, f"Ollama has not finished downloading the {what} of {name}")
    raise _UnusableError(
        Reject.INCOMPLETE,
        f"the blob with the {what} of {name} is missing; `ollama pull {name}` gets it again",
    )


def _layers(path: Path) -> list[tuple[str, str]]:
    """Media type and digest of each layer that a manifest lists."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise _UnusableError(Reject.NOT_A_FILE, "it is not a file")
    with path.open("rb") as file:
        data = file.read(_LARGEST_MANIFEST)
    try:
        layers = json.loads(data)["layers"] or []
        found = [(layer["mediaType"], _DIGEST.fullmatch(layer["digest"])) for layer in layers]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _UnusableError(Reject.DAMAGED, "this manifest of Ollama is damaged") from None
    if any(match is None for _, match in found):
        raise _UnusableError(Reject.DAMAGED, "this manifest of Ollama names a blob that cannot exist")
    return [(kind, match[1]) for kind, match in found if match is not None]
