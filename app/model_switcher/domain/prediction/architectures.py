"""What llama.cpp does for each architecture, as far as memory depends on it; one that is missing is not predicted.

Sources: llama.cpp b11434, src/models/ (the file is named with each), src/llama-model.cpp (`create_memory`) and
src/llama-arch.cpp. What can be seen in the tensors of a file (biases, norms, experts, fused matrices) is not here.
"""

from __future__ import annotations

from model_switcher.domain.prediction.traits import (
    Architecture,
    Family,
    Memory,
    Part,
    Recurrent,
    Residual,
    Rotates,
    Window,
)

_A = Architecture
_LAYER_NORM = False
_EVERY_4TH = Window(period=4)

ARCHITECTURES: dict[str, Architecture] = {
    "afmoe": _A(source="afmoe.cpp", rotates=Rotates.NOT_EACH_4TH, window=_EVERY_4TH, scales_input=True),
    "apertus": _A(source="apertus.cpp"),
    "arcee": _A(source="arcee.cpp"),
    "arctic": _A(source="arctic.cpp", residual=Residual.EXPERTS_BESIDE),
    "baichuan": _A(source="baichuan.cpp"),
    "bailingmoe": _A(source="bailingmoe.cpp"),
    "bailingmoe2": _A(source="bailingmoe2.cpp"),
    "bloom": _A(source="bloom.cpp", rms=_LAYER_NORM, rotates=Rotates.NEVER),
    "chatglm": _A(source="chatglm.cpp"),
    "codeshell": _A(source="codeshell.cpp", rms=_LAYER_NORM),
    "cohere2": _A(
        source="cohere2.cpp",
        rms=_LAYER_NORM,
        rotates=Rotates.SLIDING,
        window=_EVERY_4TH,
        residual=Residual.INPUT_FIRST,
    ),
    "command-r": _A(source="command-r.cpp", rms=_LAYER_NORM, residual=Residual.INPUT_FIRST),
    "dbrx": _A(source="dbrx.cpp", rms=_LAYER_NORM),
    "deci": _A(source="deci.cpp"),
    "deepseek": _A(source="deepseek.cpp"),
    "deepseek2-ocr": _A(source="deepseek2ocr.cpp"),
    "deepseek2": _A(source="deepseek2.cpp"),
    "minicpm3": _A(source="minicpm3.cpp", scales_input=True),
    "plamo3": _A(source="plamo3.cpp", window=Window(period=8)),
    "plm": _A(source="plm.cpp"),
    "dots1": _A(source="dots1.cpp"),
    "bert": _A(
        source="bert.cpp",
        has_output=False,
        family=Family.ENCODER,
        memory=Memory.NONE,
        rms=_LAYER_NORM,
        rotates=Rotates.NEVER,
    ),
    "eurobert": _A(source="eurobert.cpp", has_output=False, memory=Memory.NONE),
    "gemma-embedding": _A(
        source="gemma-embedding.cpp", memory=Memory.NONE, window=Window(period=6), scales_input=True
    ),
    "jina-bert-v2": _A(
        source="jina-bert-v2.cpp",
        has_output=False,
        family=Family.ENCODER,
        memory=Memory.NONE,
        rms=_LAYER_NORM,
        rotates=Rotates.NEVER,
    ),
    "jina-bert-v3": _A(
        source="jina-bert-v3.cpp",
        has_output=False,
        family=Family.ENCODER,
        memory=Memory.NONE,
        rms=_LAYER_NORM,
    ),
    "llama-embed": _A(source="llama-embed.cpp", memory=Memory.NONE),
    "modern-bert": _A(
        source="modern-bert.cpp",
        has_output=False,
        memory=Memory.NONE,
        rms=_LAYER_NORM,
        window=Window(period=3, dense_first=True),
    ),
    "neo-bert": _A(source="neo-bert.cpp", has_output=False, memory=Memory.NONE),
    "nomic-bert": _A(
        source="nomic-bert.cpp", has_output=False, family=Family.ENCODER, memory=Memory.NONE, rms=_LAYER_NORM
    ),
    "nomic-bert-moe": _A(
        source="nomic-bert-moe.cpp",
        has_output=False,
        family=Family.ENCODER,
        memory=Memory.NONE,
        rms=_LAYER_NORM,
    ),
    "ernie4_5": _A(source="ernie4-5.cpp"),
    "ernie4_5-moe": _A(source="ernie4-5-moe.cpp"),
    "exaone": _A(source="exaone.cpp"),
    "exaone4": _A(
        source="exaone4.cpp", rotates=Rotates.SLIDING, window=Window(period=4, size=4096, blocks=64)
    ),
    "exaone-moe": _A(source="exaone-moe.cpp", rotates=Rotates.SLIDING, window=Window(period=4, size=128)),
    "falcon-h1": _A(source="falcon-h1.cpp", memory=Memory.HYBRID, recurrent=Recurrent.ALL),
    "falcon": _A(source="falcon.cpp", rms=_LAYER_NORM, residual=Residual.NETWORK_FIRST),
    "gemma": _A(source="gemma.cpp", scales_input=True),
    "gemma2": _A(source="gemma2.cpp", window=Window(period=2, size=4096), scales_input=True),
    "gemma3": _A(source="gemma3.cpp", window=Window(period=6), scales_input=True),
    "gemma3n": _A(
        source="gemma3n.cpp",
        family=Family.GEMMA3N,
        output_first=True,
        window=Window(period=5),
        scales_input=True,
    ),
    "gemma4": _A(
        source="gemma4.cpp",
        family=Family.GEMMA4,
        output_first=True,
        window=Window(period=None),
        scales_input=True,
    ),
    "glm4": _A(source="glm4.cpp"),
    "glm4moe": _A(source="glm4-moe.cpp"),
    "gpt-oss": _A(source="openai-moe.cpp", window=Window(period=2)),
    "gpt2": _A(source="gpt2.cpp", rms=_LAYER_NORM, rotates=Rotates.NEVER),
    "gptneox": _A(source="gptneox.cpp", rms=_LAYER_NORM),
    "granite": _A(source="granite.cpp", rotates=Rotates.UNLESS_DENIED, scales_input=True),
    "granitemoe": _A(source="granite-moe.cpp", rotates=Rotates.UNLESS_DENIED, scales_input=True),
    "grok": _A(source="grok.cpp", flash=False),
    "hunyuan-dense": _A(source="hunyuan-dense.cpp"),
    "hunyuan-moe": _A(source="hunyuan-moe.cpp"),
    "hunyuan_vl": _A(source="hunyuan-vl.cpp"),
    "hy_v3": _A(source="hy-v3.cpp"),
    "internlm2": _A(source="internlm2.cpp"),
    "jais": _A(source="jais.cpp", rms=_LAYER_NORM, rotates=Rotates.NEVER),
    "jais2": _A(source="jais2.cpp", rms=_LAYER_NORM),
    "lfm2": _A(source="lfm2.cpp", memory=Memory.HYBRID, entered_first=(Part.ATTENTION, Part.NETWORK)),
    "lfm2moe": _A(source="lfm2moe.cpp", memory=Memory.HYBRID, entered_first=(Part.ATTENTION, Part.NETWORK)),
    "llama": _A(source="llama.cpp"),
    "llama4": _A(
        source="llama4.cpp", rotates=Rotates.NOT_EACH_4TH, window=Window(period=4, size=8192, forced=True)
    ),
    "jamba": _A(
        source="jamba.cpp",
        entered_first=(Part.ATTENTION, Part.NETWORK),
        memory=Memory.HYBRID,
        rotates=Rotates.NEVER,
    ),
    "granitehybrid": _A(
        source="granite-hybrid.cpp", memory=Memory.HYBRID, rotates=Rotates.UNLESS_DENIED, scales_input=True
    ),
    "mamba": _A(source="mamba.cpp", memory=Memory.RECURRENT),
    "mamba2": _A(source="mamba2.cpp", memory=Memory.RECURRENT),
    "maincoder": _A(source="maincoder.cpp"),
    "mellum": _A(source="mellum.cpp", window=_EVERY_4TH),
    "mimo2": _A(source="mimo2.cpp", window=Window(period=None)),
    "minicpm": _A(source="minicpm.cpp", rotates=Rotates.UNLESS_DENIED, scales_input=True),
    "minimax-m2": _A(source="minimax-m2.cpp"),
    "mistral4": _A(source="mistral4.cpp"),
    "mistral3": _A(source="mistral3.cpp"),
    "mpt": _A(source="mpt.cpp", rms=_LAYER_NORM, rotates=Rotates.NEVER),
    "nemotron_h": _A(
        source="nemotron-h.cpp",
        memory=Memory.HYBRID,
        recurrent=Recurrent.NO_HEADS_NO_FEED_FORWARD,
        rotates=Rotates.NEVER,
    ),
    "nemotron_h_moe": _A(
        source="nemotron-h-moe.cpp",
        memory=Memory.HYBRID,
        recurrent=Recurrent.NO_HEADS_NO_FEED_FORWARD,
        rotates=Rotates.NEVER,
    ),
    "nemotron": _A(source="nemotron.cpp", rms=_LAYER_NORM),
    "olmo": _A(source="olmo.cpp", bare_norms=True, rms=_LAYER_NORM),
    "olmo2": _A(source="olmo2.cpp", window=_EVERY_4TH),
    "olmoe": _A(source="olmoe.cpp"),
    "openelm": _A(source="openelm.cpp", entered_first=(Part.ATTENTION,)),
    "orion": _A(source="orion.cpp", rms=_LAYER_NORM),
    "paddleocr": _A(source="paddleocr.cpp"),
    "pangu-embedded": _A(source="pangu-embed.cpp"),
    "phi2": _A(source="phi2.cpp", rms=_LAYER_NORM, residual=Residual.ATTENTION_FIRST),
    "phi3": _A(source="phi3.cpp", entered_first=(Part.NETWORK,)),
    "phimoe": _A(source="phimoe.cpp", entered_first=(Part.NETWORK,)),
    "plamo": _A(source="plamo.cpp", residual=Residual.NETWORK_FIRST),
    "qwen": _A(source="qwen.cpp"),
    "qwen2": _A(source="qwen2.cpp"),
    "qwen2moe": _A(source="qwen2moe.cpp"),
    "qwen2vl": _A(source="qwen2vl.cpp"),
    "qwen3": _A(source="qwen3.cpp"),
    "qwen3moe": _A(source="qwen3moe.cpp"),
    "qwen3next": _A(
        source="qwen3next.cpp",
        family=Family.DELTA_NET,
        memory=Memory.HYBRID,
        recurrent=Recurrent.INTERVAL,
    ),
    "qwen35": _A(
        source="qwen35.cpp", family=Family.DELTA_NET, memory=Memory.HYBRID, recurrent=Recurrent.INTERVAL
    ),
    "qwen35moe": _A(
        source="qwen35moe.cpp", family=Family.DELTA_NET, memory=Memory.HYBRID, recurrent=Recurrent.INTERVAL
    ),
    "qwen3vl": _A(source="qwen3vl.cpp"),
    "qwen3vlmoe": _A(source="qwen3vlmoe.cpp"),
    "refact": _A(source="refact.cpp", rotates=Rotates.NEVER),
    "rwkv6": _A(source="rwkv6.cpp", family=Family.RWKV6, memory=Memory.RECURRENT, rms=_LAYER_NORM),
    "rwkv7": _A(source="rwkv7.cpp", family=Family.RWKV7, memory=Memory.RECURRENT, rms=_LAYER_NORM),
    "seed_oss": _A(source="seed-oss.cpp"),
    "smallthinker": _A(
        source="smallthinker.cpp",
        rotates=Rotates.NOT_EACH_FIRST_OF_4,
        window=Window(period=4, dense_first=True, size=4096, forced=True),
    ),
    "smollm3": _A(source="smollm3.cpp", rotates=Rotates.NOT_EACH_4TH),
    "stablelm": _A(source="stablelm.cpp", rms=_LAYER_NORM),
    "starcoder": _A(source="starcoder.cpp", rms=_LAYER_NORM, rotates=Rotates.NEVER),
    "starcoder2": _A(source="starcoder2.cpp", rms=_LAYER_NORM),
    "step35": _A(source="step35.cpp", window=Window(period=None)),
    "xverse": _A(source="xverse.cpp"),
}
