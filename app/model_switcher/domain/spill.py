"""Whether a model has spilled out of the GPU's memory into main memory, where it is many times slower.

Two signs, as a state machine without a clock of its own: on Windows (and with AMD's driver on Linux) the main memory
that the GPU works on for our server grows while the GPU's own is full; elsewhere answers become lastingly slower while
it is full. What has other reasons does not count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

from model_switcher.domain.remedies import Remedy, RemedyKind
from model_switcher.domain.units import MIB, format_size

# A server's buffers for the way to the GPU come and go in main memory; a spilled model is more than that.
GROWTH = 256 * MIB
LASTING_SECONDS = 10.0
SLOW = 0.5
ENOUGH_SLOW = 3
# Of equally deep contexts: so many answers tell what is usual.
ENOUGH_USUAL = 3
REMEMBERED = 8
SHORTEST_ANSWER = 16
BUSY_PERCENT = 60.0
_FULL = 512 * MIB
_FULL_SHARE = 20
_SMALLEST_CONTEXT = 2048
_SHALLOWEST = 10  # contexts of up to 2^10 tokens are equally deep


class Sign(StrEnum):
    """What a spill is seen by; stable, part of the public interface."""

    SHARED_MEMORY = "shared memory"
    SPEED = "speed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spill:
    """A model has spilled. It is told once for each start of a server.

    Attributes:
        model: Its id.
        sign: What says so.
        since: Seconds since the epoch.
        amount: Bytes in main memory that were not there before; None if only the speed says so.
        before, now: Tokens per second, as usual and now; None if only the memory says so.
        action: What to do about it: reload with a context of that many tokens, which would fit; None where a smaller
            context cannot help.
    """

    model: str
    sign: Sign
    since: float
    amount: int | None = None
    before: float | None = None
    now: float | None = None
    action: Remedy | None = None

    def sentence(self, name: str) -> str:
        """What happened to the model `name`, for a person."""
        if self.amount is not None:
            return f"{name} does not fit any more: {format_size(self.amount)} of it moved to main memory"
        slower = (
            f", from {self.before:.0f} to {self.now:.0f} tokens per second"
            if self.before and self.now
            else ""
        )
        return f"{name} became slow{slower}: the GPU's memory is full"

    @property
    def hint(self) -> str:
        """The way out, for a person."""
        if self.action is None or self.action.ctx_size is None:
            return "Close other programs that use the GPU, or choose a smaller model."
        return (
            f"Reload it at {context(self.action.ctx_size)} context, or close other programs that use the GPU."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One finished answer.

    Attributes:
        tokens: Generated.
        seconds: That took, without the reading of the prompt.
        depth: Tokens in its context at the end; None if unknown.
        alone: Whether no other request was answered meanwhile; None if unknown.
    """

    tokens: int
    seconds: float
    depth: int | None = None
    alone: bool | None = None

    @property
    def speed(self) -> float:
        """Tokens per second."""
        return self.tokens / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What there is to know about one server at one moment. Sizes are bytes; None is unknown.

    Attributes:
        time: Seconds since the epoch.
        start: What names this very start of the server.
        model: Its id.
        shared: Main memory that the GPU works on for it.
        free, total: Of the fullest GPU that it lies on.
        busy: Percent of all processors that other programs keep busy.
        generations: Answers that ended since the last look, oldest first.
        ctx_size: Its context in tokens.
        cache: What that context takes on the GPU.
    """

    time: float
    start: str
    model: str
    shared: int | None = None
    free: int | None = None
    total: int | None = None
    busy: float | None = None
    generations: tuple[Generation, ...] = ()
    ctx_size: int | None = None
    cache: int | None = None

    @property
    def full(self) -> bool:
        """Whether the GPU's own memory is known to be full."""
        if self.free is None or self.total is None:
            return False
        return self.free <= max(_FULL, self.total // _FULL_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpillWatch:
    """What has been seen of one start of a server.

    Attributes:
        start: Of which.
        spill: The alarm; stays until the server ends.
        base: The least main memory that the GPU worked on for it.
        grown_since: Since when it is clearly more, while the GPU is full.
        usual: Speeds of answers by how deep their context was.
        slow: When each of the last answers ended that were all slow, and how slow they were.
        disturbed: When other programs last kept the processor busy.
    """

    start: str = ""
    spill: Spill | None = None
    base: int | None = None
    grown_since: float | None = None
    usual: tuple[tuple[int, tuple[float, ...]], ...] = ()
    slow: tuple[tuple[float, float], ...] = ()
    disturbed: float | None = None


def watch(state: SpillWatch, look: Look) -> SpillWatch:
    """The state after another look at the server; another start begins anew."""
    if state.start != look.start:
        state = SpillWatch(start=look.start)
    if state.spill is not None:
        return state
    if look.busy is not None and look.busy >= BUSY_PERCENT:
        state = replace(state, disturbed=look.time)
    state = _watch_memory(state, look)
    return state if state.spill is not None or look.shared is not None else _watch_speed(state, look)


def _watch_memory(state: SpillWatch, look: Look) -> SpillWatch:
    if look.shared is None:
        return state
    base = look.shared if state.base is None else min(state.base, look.shared)
    grown = look.shared - base
    if grown < GROWTH or not look.full:
        return replace(state, base=base, grown_since=None)
    since = look.time if state.grown_since is None else state.grown_since
    spill = None
    if look.time - since >= LASTING_SECONDS:
        action = _way_out(look, grown)
        spill = Spill(model=look.model, sign=Sign.SHARED_MEMORY, since=since, amount=grown, action=action)
    return replace(state, base=base, grown_since=since, spill=spill)


def _watch_speed(state: SpillWatch, look: Look) -> SpillWatch:
    for generation in look.generations:
        if not _counts(state, generation, look.time):
            continue
        depth, usual_speeds = _depth(generation), dict(state.usual)
        seen = usual_speeds.get(depth, ())
        usual = median(seen) if len(seen) >= ENOUGH_USUAL else None
        if usual is None or generation.speed > SLOW * usual:
            usual_speeds[depth] = (*seen, generation.speed)[-REMEMBERED:]
            state = replace(state, usual=tuple(usual_speeds.items()), slow=())
            continue
        slow = (*state.slow, (look.time, generation.speed)) if look.full else ()
        state = replace(state, slow=slow, spill=_too_slow(look, slow, usual))
        if state.spill is not None:
            break
    return state


def _counts(state: SpillWatch, generation: Generation, time: float) -> bool:
    """Whether its speed tells anything: a second client or a busy processor make it slow, and a short one says little.

    A long prompt is no reason: to read it is not in the figure, and answers are compared with those of equal depth.
    """
    quiet = state.disturbed is None or time - state.disturbed > generation.seconds + 1.0
    return generation.alone is True and generation.tokens >= SHORTEST_ANSWER and quiet


def _too_slow(look: Look, slow: tuple[tuple[float, float], ...], usual: float) -> Spill | None:
    """The alarm, if that many slow answers for so long are enough for one."""
    if len(slow) < ENOUGH_SLOW or look.time - slow[0][0] < LASTING_SECONDS:
        return None
    now = median(speed for _, speed in slow)
    return Spill(
        model=look.model,
        sign=Sign.SPEED,
        since=slow[0][0],
        before=usual,
        now=now,
        action=_way_out(look, None),
    )


def _depth(generation: Generation) -> int:
    """Contexts of the same figure are equally deep: it grows by one each time they double."""
    return max(generation.depth or 0, 1 << _SHALLOWEST).bit_length()


def _way_out(look: Look, excess: int | None) -> Remedy | None:
    """The context that would fit: less by what is too much where that is known, else half of it."""
    if look.ctx_size is None:
        return None
    wanted = look.ctx_size // 2
    if excess is not None and look.cache:
        wanted = min(look.ctx_size - 1, round(look.ctx_size * (1 - excess / look.cache)))
    smaller = 1 << (max(wanted, 1).bit_length() - 1)
    if smaller < _SMALLEST_CONTEXT:
        return None
    return Remedy(action=RemedyKind.RELOAD, ctx_size=smaller)


def context(tokens: int) -> str:
    """A context's size as people call it: "8k"."""
    return f"{tokens // 1024}k" if tokens % 1024 == 0 else str(tokens)
