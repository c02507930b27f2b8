"""In what the architectures of llama.cpp differ, as far as memory depends on it: the words of the table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """Architectures whose graphs are put together in the same way."""

    DECODER = "decoder"
    ENCODER = "encoder"
    DELTA_NET = "delta net"
    RWKV6 = "rwkv6"
    RWKV7 = "rwkv7"
    GEMMA3N = "gemma3n"
    GEMMA4 = "gemma4"


class Memory(StrEnum):
    """What a context remembers of the tokens before."""

    CACHE = "keys and values"
    RECURRENT = "a state of fixed size"
    HYBRID = "some layers one, some the other"
    NONE = "nothing"


class Recurrent(StrEnum):
    """Which layers of a hybrid model keep a state."""

    NO_HEADS = "those without key and value heads"
    ALL = "all of them"
    NO_HEADS_NO_FEED_FORWARD = "those without either"
    INTERVAL = "all but every n-th"


class Rotates(StrEnum):
    """In which blocks positions turn queries and keys."""

    ALWAYS = "in all"
    NEVER = "in none"
    SLIDING = "in those with a sliding window; without any such, in all"
    UNLESS_DENIED = "in all, unless `rope.scaling.finetuned` says no"
    NOT_EACH_4TH = "in all but each fourth"
    NOT_EACH_FIRST_OF_4 = "in all but the first of each four"


class Residual(StrEnum):
    """How a block's input, its attention and its feed-forward network are added up.

    The order decides what must be kept how long.
    """

    SEQUENTIAL = "attention, then the network"
    ATTENTION_FIRST = "both read the same: (attention + network) + input"
    NETWORK_FIRST = "both read the same: (network + attention) + input"
    INPUT_FIRST = "both read the same: (network + input) + attention"
    EXPERTS_BESIDE = "attention, then the network; experts read the input"


class Part(StrEnum):
    """The two halves of a block."""

    ATTENTION = "attention, or what stands in its place"
    NETWORK = "feed-forward network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Sliding windows where the file does not say otherwise.

    Attributes:
        period: Every n-th layer sees everything; None where the file must say it.
        dense_first: Whether that is the first of each period, or the last.
        size: Tokens, where the file names none; None for no window then.
        forced: Whether `size` holds whatever the file says.
        blocks: The only number of blocks with which there is one.
    """

    period: int | None
    dense_first: bool = False
    size: int | None = None
    forced: bool = False
    blocks: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The rules of one architecture.

    Attributes:
        source: File in src/models of llama.cpp.
        family: How its graph is put together.
        memory: What its contexts remember.
        window: Its sliding windows; None for none.
        recurrent: Which of its layers keep a state.
        rms: Whether its norms are of the root mean square; else they also subtract the mean.
        residual: How the parts of a block are added up.
        rotates: Whether positions turn queries and keys.
        flash: Whether it can do without the matrix of scores.
        has_output: Whether it has an output layer, be it that the embeddings serve as one.
        output_first: Whether it asks for that copy before the original: then both stay in main memory.
        bare_norms: Whether it norms where it has no weights for that.
        entered_first: Behind which of its parts what came in stands first in the sum.
        scales_input: Whether embeddings are scaled; where the file can say it, 0 means not.
    """

    source: str
    family: Family = Family.DECODER
    memory: Memory = Memory.CACHE
    window: Window | None = None
    recurrent: Recurrent | None = None
    rms: bool = True
    residual: Residual = Residual.SEQUENTIAL
    rotates: Rotates = Rotates.ALWAYS
    flash: bool = True
    entered_first: tuple[Part, ...] = ()
    bare_norms: bool = False
    has_output: bool = True
    output_first: bool = False
    scales_input: bool = False

    @property
    def generates(self) -> bool:
        """Whether it makes text; else it makes vectors of it."""
        return self.memory is not Memory.NONE
