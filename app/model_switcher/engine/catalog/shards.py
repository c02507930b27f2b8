"""Split models: whether all parts are there, and what to tell where they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.engine.catalog.facts import Facts, Shard, shard_of
from model_switcher.engine.catalog.projectors import folder_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_NAMED_AT_MOST = 3


def missing(parts: Sequence[Facts], broken: Collection[str]) -> Rejected | None:
    """Why the parts make no whole; None if they do.

    Args:
        parts: Parts of one model, in their order.
        broken: Paths of files that were rejected: parts among them are damaged, not away.
    """
    shard = parts[0].shard
    there = {part.shard.number for part in parts if part.shard}
    if shard is None or len(there) == shard.count:
        return None
    folder = folder_of(parts[0].path)
    rejected_parts = {
        other.number
        for path in broken
        if folder_of(path) == folder
        and (other := shard_of(path))
        and (other.prefix, other.count) == (shard.prefix, shard.count)
    }
    away = [number for number in range(1, shard.count + 1) if number not in there | rejected_parts]
    numbers, what = (away, "missing") if away else (sorted(rejected_parts - there), "damaged")
    return _rejected(parts[0], _named(shard, numbers, what))


def misnamed(facts: Facts) -> Rejected:
    """What to tell about a part whose name does not say which it is."""
    return _rejected(
        facts,
        f"it is one of {facts.declared_parts} parts, and its name does not say which: "
        f"give the parts their original names, which end in -00001-of-{facts.declared_parts:05}.gguf",
    )


def _named(shard: Shard, numbers: Sequence[int], what: str) -> str:
    """Such as: of its 5 parts, 2 are missing: a-00002-of-00005.gguf, a-00004-of-00005.gguf."""
    named = ", ".join(shard.name(number) for number in numbers[:_NAMED_AT_MOST])
    more = f" and {len(numbers) - _NAMED_AT_MOST} more" if len(numbers) > _NAMED_AT_MOST else ""
    verb = "is" if len(numbers) == 1 else "are"
    return f"of its {shard.count} parts, {len(numbers)} {verb} {what}: {named}{more}"


def _rejected(facts: Facts, reason: str) -> Rejected:
    return Rejected(path=facts.path, code=Reject.INCOMPLETE, reason=reason)
