"""Putting together what belongs together: parts of a split model, models and their projectors."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Model, Reject, Rejected
from model_switcher.domain.paths import file_stem
from model_switcher.domain.prediction.blueprint import Blueprint, merge
from model_switcher.engine.catalog.abilities import Role
from model_switcher.engine.catalog.facts import Facts, facts_by_name
from model_switcher.engine.catalog.identifiers import identifiers
from model_switcher.engine.catalog.projectors import Pairs, folder_of
from model_switcher.engine.catalog.quantization import active, quantization, together
from model_switcher.engine.catalog.shards import misnamed, missing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from model_switcher.engine.catalog.walk import Candidate

_NO_MODELS = {
    Role.ADAPTER: "it is an adapter (LoRA), which changes another model and is none itself",
    Role.CONTROL_VECTOR: "it is a control vector, which steers another model and is none itself",
    Role.IMATRIX: "it is an importance matrix, which is made for quantizing and is no model",
    Role.VOCABULARY: "it has no weights, at most a vocabulary",
    Role.PICTURES: "it makes pictures or films, which llama.cpp cannot",
    Role.SOUND: "it turns the codes of a speech model into sound and answers nothing by itself",
    Role.NAMELESS: "it does not say which architecture it has, as every model does",
}
_FOREIGN = "it was made for machines of the other byte order; look for one made for this kind"


@dataclass(frozen=True, slots=True)
class Found:
    """One file, whatever number of paths lead to it.

    Attributes:
        candidate: Where it was found first, and what its store says of it.
        facts: What its header says, or the beginning of it; None until it was opened.
        places: Every path that leads to it; none for the candidate's alone.
        titles: Every name that a store gives it; those besides the candidate's become aliases.
        available: False while its drive is away.
    """

    candidate: Candidate
    facts: Facts | None
    places: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    available: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A file of a model, with facts in any case."""

    found: Found
    facts: Facts


def assemble(
    found: Iterable[Found], broken: Collection[str], taken: Collection[str] = ()
) -> tuple[list[Model], list[Rejected]]:
    """Models, and the files that are whole and cannot be served by themselves.

    Facts from the beginnings of files are good enough; what they do not tell is None in the model.

    Args:
        found: All files that were not rejected, each once.
        broken: Paths of files that were rejected already; parts among them are missing without being away.
        taken: Ids that are in use.
    """
    groups: list[list[_Part]] = []
    projectors: list[Facts] = []
    rejected: list[Rejected] = []
    shards: dict[tuple[str, str, int], list[_Part]] = defaultdict(list)
    found = list(found)
    named = {
        item.candidate.path: item.candidate.projector
        for item in found
        if item.candidate.projector and item.candidate.projector not in broken
    }
    beside = set(named.values())
    for item in found:
        if item.facts is None and item.candidate.path in beside:
            continue  # its store says what it is, its header is still to be read
        facts = item.facts or facts_by_name(item.candidate.path, item.candidate.size)
        part = _Part(found=item, facts=facts)
        if facts.role is Role.PROJECTOR:
            projectors.append(facts)
        elif reason := _NO_MODELS.get(facts.role):
            rejected.append(Rejected(path=facts.path, code=Reject.NOT_A_MODEL, reason=reason))
        elif facts.role is Role.FOREIGN:
            rejected.append(Rejected(path=facts.path, code=Reject.VERSION, reason=_FOREIGN))
        elif facts.shard:
            shards[folder_of(facts.path), facts.shard.prefix, facts.shard.count].append(part)
        elif (facts.declared_parts or 1) > 1:
            rejected.append(misnamed(facts))
        else:
            groups.append([part])
    for parts in shards.values():
        parts.sort(key=lambda part: part.facts.shard.number if part.facts.shard else 0)
        if problem := missing([part.facts for part in parts], broken):
            rejected.append(problem)
        else:
            groups.append(parts)
    firsts = [parts[0] for parts in groups]
    pairs = Pairs([part.facts for part in firsts], projectors, named)
    ids = identifiers([(part.facts.path, _stem(part)) for part in firsts], taken)
    models = [_model(parts, model_id, pairs) for parts, model_id in zip(groups, ids, strict=True)]
    return models, rejected + pairs.unpaired


def _model(parts: Sequence[_Part], model_id: str, pairs: Pairs) -> Model:
    first = parts[0]
    facts, found = first.facts, first.found
    title = found.candidate.title
    weights = together([part.facts.weights for part in parts])
    projector = pairs.of(facts.path)
    return Model(
        id=model_id,
        name=title or facts.name or _stem(first),
        path=facts.path,
        files=tuple(part.facts.path for part in parts),
        size=sum(part.facts.size for part in parts),
        architecture=facts.architecture,
        quantization=quantization(weights, facts.file_type),
        parameters=sum(weights.all.values()) or None,
        context_length=facts.context_length,
        projector=projector.path if projector else None,
        aliases=tuple(name for name in found.titles if name != title),
        kind=facts.kind,
        store=found.candidate.store,
        places=found.places or (facts.path,),
        available=all(part.found.available for part in parts),
        base_model=facts.base_model,
        size_label=facts.size_label,
        active_parameters=active(weights, facts.expert_count, facts.expert_used_count),
        block_count=facts.block_count,
        head_count=facts.head_count,
        head_count_kv=facts.head_count_kv,
        embedding_length=facts.embedding_length,
        chat_template=facts.chat_template,
        tools=facts.tools,
        vision=projector.vision if projector else False,
        license=facts.license,
        languages=facts.languages,
        blueprint=_blueprint(parts),
        projector_blueprint=projector.blueprint if projector else None,
    )


def _blueprint(parts: Sequence[_Part]) -> Blueprint | None:
    """The whole model's; None until the header of each part was read."""
    blueprints = tuple(part.facts.blueprint for part in parts if part.facts.blueprint is not None)
    return merge(blueprints) if len(blueprints) == len(parts) else None


def _stem(part: _Part) -> str:
    if part.found.candidate.title:
        return part.found.candidate.title
    return part.facts.shard.prefix if part.facts.shard else file_stem(part.facts.path)
