"""Putting together what belongs together: parts of a split model, models and their projectors."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Model, Reject, Rejected
from model_switcher.engine.catalog.facts import Facts, Kind, Shard, shard_of
from model_switcher.engine.catalog.identifiers import identifiers
from model_switcher.engine.catalog.projectors import belongs, best
from model_switcher.engine.catalog.quantization import quantization

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_NAMED_AT_MOST = 3

_NO_MODELS = {
    Kind.ADAPTER: "it is an adapter (LoRA), which changes another model and is none itself",
    Kind.IMATRIX: "it is an importance matrix, which is made for quantizing and is no model",
    Kind.VOCABULARY: "it has no weights, at most a vocabulary",
    Kind.NAMELESS: "it does not say which architecture it has, as every model does",
}
_FOREIGN = "it was made for machines of the other byte order; look for one made for this kind"


def assemble(
    found: Iterable[Facts], broken: Collection[str], taken: Collection[str] = ()
) -> tuple[list[Model], list[Rejected]]:
    """Models, and the files that are whole and cannot be served by themselves.

    Args:
        found: All files whose headers could be read.
        broken: Paths of files that were rejected already; parts among them are missing without being away.
        taken: Ids that are in use.
    """
    groups: list[list[Facts]] = []
    projectors: list[Facts] = []
    rejected: list[Rejected] = []
    shards: dict[tuple[str, str, int], list[Facts]] = defaultdict(list)
    for facts in found:
        if facts.kind is Kind.PROJECTOR:
            projectors.append(facts)
        elif reason := _NO_MODELS.get(facts.kind):
            rejected.append(_rejected(facts.path, Reject.NOT_A_MODEL, reason))
        elif facts.kind is Kind.FOREIGN:
            rejected.append(_rejected(facts.path, Reject.VERSION, _FOREIGN))
        elif facts.shard:
            shards[_folder(facts.path), facts.shard.prefix, facts.shard.count].append(facts)
        elif (facts.declared_parts or 1) > 1:
            rejected.append(_rejected(facts.path, Reject.INCOMPLETE, _misnamed(facts)))
        else:
            groups.append([facts])
    for (folder, _, _), parts in shards.items():
        parts.sort(key=lambda part: part.shard.number if part.shard else 0)
        if problem := _missing(folder, parts, broken):
            rejected.append(problem)
        else:
            groups.append(parts)
    pairs, unpaired = _pair([parts[0] for parts in groups], projectors)
    stems = [(parts[0].path, _stem(parts[0])) for parts in groups]
    ids = identifiers(stems, taken)
    models = [
        _model(parts, model_id, pairs.get(parts[0].path)) for parts, model_id in zip(groups, ids, strict=True)
    ]
    return models, rejected + unpaired


def _model(parts: Sequence[Facts], model_id: str, projector: str | None) -> Model:
    first = parts[0]
    weights: Counter[str | None] = Counter()
    for part in parts:
        weights.update(part.weights)
    return Model(
        id=model_id,
        name=first.name or _stem(first),
        path=first.path,
        files=tuple(part.path for part in parts),
        size=sum(part.size for part in parts),
        architecture=first.architecture,
        quantization=quantization(weights, first.file_type),
        parameters=sum(weights.values()) or None,
        context_length=first.context_length,
        projector=projector,
    )


def _stem(facts: Facts) -> str:
    return facts.shard.prefix if facts.shard else Path(facts.path).stem


def _missing(folder: str, parts: Sequence[Facts], broken: Collection[str]) -> Rejected | None:
    """Why the parts make no whole; None if they do."""
    shard = parts[0].shard
    there = {part.shard.number for part in parts if part.shard}
    if shard is None or len(there) == shard.count:
        return None
    rejected_parts = {
        other.number
        for path in broken
        if _folder(path) == folder
        and (other := shard_of(path))
        and (other.prefix, other.count) == (shard.prefix, shard.count)
    }
    away = [number for number in range(1, shard.count + 1) if number not in there | rejected_parts]
    numbers, what = (away, "missing") if away else (sorted(rejected_parts - there), "damaged")
    return _rejected(parts[0].path, Reject.INCOMPLETE, _parts(shard, numbers, what))


def _parts(shard: Shard, numbers: Sequence[int], what: str) -> str:
    """Such as: of its 5 parts, 2 are missing: a-00002-of-00005.gguf, a-00004-of-00005.gguf."""
    named = ", ".join(shard.name(number) for number in numbers[:_NAMED_AT_MOST])
    more = f" and {len(numbers) - _NAMED_AT_MOST} more" if len(numbers) > _NAMED_AT_MOST else ""
    verb = "is" if len(numbers) == 1 else "are"
    return f"of its {shard.count} parts, {len(numbers)} {verb} {what}: {named}{more}"


def _misnamed(facts: Facts) -> str:
    return (
        f"it is one of {facts.declared_parts} parts, and its name does not say which: "
        f"give the parts their original names, which end in -00001-of-{facts.declared_parts:05}.gguf"
    )


def _pair(models: Sequence[Facts], projectors: Sequence[Facts]) -> tuple[dict[str, str], list[Rejected]]:
    """The projector of each model that has one, by path, and the projectors that fit none."""
    by_folder: dict[str, list[Facts]] = defaultdict(list)
    for model in models:
        by_folder[_folder(model.path)].append(model)
    fitting: dict[str, list[Facts]] = defaultdict(list)
    unpaired: list[Rejected] = []
    for projector in projectors:
        beside = by_folder.get(_folder(projector.path), [])
        alone = len({(model.architecture, model.embedding_length, model.basename) for model in beside}) == 1
        fits = [model for model in beside if belongs(projector, model, alone=alone)]
        for model in fits:
            fitting[model.path].append(projector)
        if not fits:
            reason = "it is a projector (mmproj), and no model that it fits lies in its folder"
            unpaired.append(_rejected(projector.path, Reject.NOT_A_MODEL, reason))
    pairs = {
        model.path: chosen.path
        for model in models
        if (chosen := best(fitting.get(model.path, []), model)) is not None
    }
    return pairs, unpaired


def _folder(path: str) -> str:
    return str(Path(path).parent)


def _rejected(path: str, code: Reject, reason: str) -> Rejected:
    return Rejected(path=path, code=code, reason=reason)
