"""What llama.cpp does for each architecture, as far as memory depends on it; one that is missing is not predicted.

Sources: llama.cpp b11434, src/models/ (the file is named with each), src/llama-model.cpp (`create_memory`) and
src/llama-arch.cpp. What can be seen in the tensors of a file (biases, norms, experts, fused matrices) is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """Architectures whose graphs are put together in the same way."""

    DECODER = "decoder"
    LATENT = "latent attention"
    ENCODER = "encoder"
    MAMBA = "mamba"
    DELTA_NET = "delta net"
    CONVOLUTION = "short convolution"
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


class Residual(StrEnum):
    """How a block's input, its attention and its feed-forward network are added up.

    The order decides what must be kept how long.
    """

    SEQUENTIAL = "attention, then the network"
    ATTENTION_FIRST = "both read the same: (attention + network) + input"
    NETWORK_FIRST = "both read the same: (network + attention) + input"
    INPUT_FIRST = "both read the same: (network + input) + attention"
    EXPERTS_BESIDE = "attention, then the network; experts read the input"


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
        scales_input: Whether embeddings are scaled; where the file can say it, 0 means not.
        gate_in_query: Whether half of the query matrix makes a gate for the attention's result.
    """

    source: str
    family: Family = Family.DECODER
    memory: Memory = Memory.CACHE
    window: Window | None = None
    recurrent: Recurrent | None = None
    rms: bool = True
    residual: Residual = Residual.SEQUENTIAL
    rotates: bool = True
    scales_input: bool = False
    gate_in_query: bool = False

    @property
    def generates(self) -> bool:
        """Whether it makes text; else it makes vectors of it."""
        return self.family is not Family.ENCODER


_A = Architecture
_LAYER_NORM = False
_EVERY_4TH = Window(period=4)

ARCHITECTURES: dict[str, Architecture] = {
    "afmoe": _A(source="afmoe.cpp", window=_EVERY_4TH, scales_input=True),
    "apertus": _A(source="apertus.cpp"),
    "arcee": _A(source="arcee.cpp"),
    "arctic": _A(source="arctic.cpp", residual=Residual.EXPERTS_BESIDE),
    "baichuan": _A(source="baichuan.cpp"),
    "bailingmoe": _A(source="bailingmoe.cpp"),
    "bailingmoe2": _A(source="bailingmoe2.cpp"),
    "bloom": _A(source="bloom.cpp", rms=_LAYER_NORM, rotates=False),
    "chatglm": _A(source="chatglm.cpp"),
    "codeshell": _A(source="codeshell.cpp", rms=_LAYER_NORM),
    "cohere2": _A(source="cohere2.cpp", rms=_LAYER_NORM, window=_EVERY_4TH, residual=Residual.INPUT_FIRST),
    "command-r": _A(source="command-r.cpp", rms=_LAYER_NORM, residual=Residual.INPUT_FIRST),
    "dbrx": _A(source="dbrx.cpp", rms=_LAYER_NORM),
    "deci": _A(source="deci.cpp"),
    "deepseek": _A(source="deepseek.cpp"),
    "dots1": _A(source="dots1.cpp"),
    "ernie4_5": _A(source="ernie4-5.cpp"),
    "ernie4_5-moe": _A(source="ernie4-5-moe.cpp"),
    "exaone": _A(source="exaone.cpp"),
    "exaone4": _A(source="exaone4.cpp", window=Window(period=4, size=4096, blocks=64)),
    "exaone-moe": _A(source="exaone-moe.cpp", window=Window(period=4, size=128)),
    "falcon": _A(source="falcon.cpp", rms=_LAYER_NORM, residual=Residual.NETWORK_FIRST),
    "gemma": _A(source="gemma.cpp", scales_input=True),
    "gemma2": _A(source="gemma2.cpp", window=Window(period=2, size=4096), scales_input=True),
    "gemma3": _A(source="gemma3.cpp", window=Window(period=6), scales_input=True),
    "glm4": _A(source="glm4.cpp"),
    "glm4moe": _A(source="glm4-moe.cpp"),
    "gpt-oss": _A(source="openai-moe.cpp", window=Window(period=2)),
    "gpt2": _A(source="gpt2.cpp", rms=_LAYER_NORM, rotates=False),
    "gptneox": _A(source="gptneox.cpp", rms=_LAYER_NORM),
    "granite": _A(source="granite.cpp", scales_input=True),
    "granitemoe": _A(source="granite-moe.cpp", scales_input=True),
    "grok": _A(source="grok.cpp"),
    "hunyuan-dense": _A(source="hunyuan-dense.cpp"),
    "hunyuan-moe": _A(source="hunyuan-moe.cpp"),
    "hy_v3": _A(source="hy-v3.cpp"),
    "internlm2": _A(source="internlm2.cpp"),
    "jais": _A(source="jais.cpp", rms=_LAYER_NORM, rotates=False),
    "jais2": _A(source="jais2.cpp", rms=_LAYER_NORM),
    "llama": _A(source="llama.cpp"),
    "llama4": _A(source="llama4.cpp", window=Window(period=4, size=8192, forced=True)),
    "maincoder": _A(source="maincoder.cpp"),
    "mellum": _A(source="mellum.cpp", window=_EVERY_4TH),
    "minicpm": _A(source="minicpm.cpp", scales_input=True),
    "minimax-m2": _A(source="minimax-m2.cpp"),
    "mistral3": _A(source="mistral3.cpp"),
    "mpt": _A(source="mpt.cpp", rms=_LAYER_NORM, rotates=False),
    "nemotron": _A(source="nemotron.cpp", rms=_LAYER_NORM),
    "olmo": _A(source="olmo.cpp", rms=_LAYER_NORM),
    "olmo2": _A(source="olmo2.cpp", window=_EVERY_4TH),
    "olmoe": _A(source="olmoe.cpp"),
    "orion": _A(source="orion.cpp", rms=_LAYER_NORM),
    "paddleocr": _A(source="paddleocr.cpp"),
    "pangu-embedded": _A(source="pangu-embed.cpp"),
    "phi2": _A(source="phi2.cpp", rms=_LAYER_NORM, residual=Residual.ATTENTION_FIRST),
    "phi3": _A(source="phi3.cpp"),
    "phimoe": _A(source="phimoe.cpp"),
    "plamo": _A(source="plamo.cpp", residual=Residual.NETWORK_FIRST),
    "qwen": _A(source="qwen.cpp"),
    "qwen2": _A(source="qwen2.cpp"),
    "qwen2moe": _A(source="qwen2moe.cpp"),
    "qwen2vl": _A(source="qwen2vl.cpp"),
    "qwen3": _A(source="qwen3.cpp"),
    "qwen3moe": _A(source="qwen3moe.cpp"),
    "qwen3vl": _A(source="qwen3vl.cpp"),
    "qwen3vlmoe": _A(source="qwen3vlmoe.cpp"),
    "refact": _A(source="refact.cpp", rotates=False),
    "seed_oss": _A(source="seed-oss.cpp"),
    "smallthinker": _A(source="smallthinker.cpp", window=Window(period=4, dense_first=True, size=4096, forced=True)),
    "smollm3": _A(source="smollm3.cpp"),
    "stablelm": _A(source="stablelm.cpp", rms=_LAYER_NORM),
    "starcoder": _A(source="starcoder.cpp", rms=_LAYER_NORM, rotates=False),
    "starcoder2": _A(source="starcoder2.cpp", rms=_LAYER_NORM),
    "xverse": _A(source="xverse.cpp"),
}
