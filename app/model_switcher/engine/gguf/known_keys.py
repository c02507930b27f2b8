"""Keys that llama.cpp reads from every model: it refuses a file that has a value of another kind there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.reject import Reject
from model_switcher.engine.gguf.header import HeaderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from model_switcher.engine.gguf.header import Value

_TEXT = "text"
_NUMBER = "a whole number"


def check_known_keys(metadata: Mapping[str, Value], arrays: Mapping[str, tuple[str, int]]) -> None:
    """Refuse a value that is text where a number should be, or the other way round.

    Whole numbers of every size will do, though llama.cpp asks for one (src/llama-model-loader.cpp, `GKV::get_kv`).

    Raises:
        HeaderError: A value is of the wrong kind.
    """
    for key, wanted in _known(metadata.get("general.architecture")):
        found = "a list" if key in arrays else _kind(metadata.get(key))
        if found not in (wanted, None):
            raise HeaderError(
                Reject.DAMAGED, f"its header has {found} as {key}, which must be {wanted}; download it again"
            )


def _known(architecture: Value | None) -> Iterator[tuple[str, str]]:
    yield "general.architecture", _TEXT
    yield "general.name", _TEXT
    yield "general.alignment", _NUMBER
    yield "split.count", _NUMBER
    yield "split.no", _NUMBER
    for name in (
        ("context_length", "embedding_length", "block_count") if isinstance(architecture, str) else ()
    ):
        yield f"{architecture}.{name}", _NUMBER


def _kind(value: Value | None) -> str | None:
    """In words for a person; None for a value that is not there."""
    match value:
        case None:
            return None
        case str():
            return _TEXT
        case bool():
            return "yes or no"
        case int():
            return _NUMBER
        case _:
            return "a fraction"
