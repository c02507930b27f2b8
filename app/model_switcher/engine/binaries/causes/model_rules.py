"""Log lines about the model: that its files are missing, damaged or unknown, or that options do not suit it."""

from __future__ import annotations

from model_switcher.domain.states import Cause
from model_switcher.engine.binaries.causes.rule import rule
from model_switcher.engine.binaries.causes.verdict import DOWNLOAD_AGAIN, MORE_IN_THE_LOG

_NEWER = "A newer llama.cpp may know it."

# The first rule that fits any line wins: causes before what follows from them.
MODEL_RULES = (
    rule(
        r"failed to load multimodal model|failed to load CLIP model|clip_init: failed",
        Cause.MODEL_DAMAGED,
        "The projector of {model} cannot be loaded: it is missing, damaged, or belongs to another model",
        "Look for the mmproj file of the same model.",
    ),
    rule(
        r"failed to (?:load|apply) lora adapter",
        Cause.MODEL_DAMAGED,
        "A LoRA adapter for {model} cannot be loaded",
        "Check the option lora in the settings.",
        option="lora",
    ),
    rule(
        r"failed to load draft model, '(?P<file>[^']*)'",
        Cause.MODEL_DAMAGED,
        "The draft model {file} for {model} cannot be loaded",
        "Check the option model-draft in the settings.",
        option="model-draft",
    ),
    rule(
        r"failed to open GGUF file '(?P<file>[^']*)'.*\((?:No such file|.*cannot find)|failed to open .*: No such file"
        r"|failed to open GGUF file '[^']*'\s*$",
        Cause.MODEL_MISSING,
        "The file {file} is not there any more",
        "`model-switcher list` shows what is there now.",
    ),
    rule(
        r"failed to open GGUF file '(?P<file>[^']*)' \((?P<reason>[^)]*)\)",
        Cause.MODEL_MISSING,
        "The file {file} cannot be read ({reason})",
        "Check who may read it, and whether its disk is there.",
    ),
    rule(
        r"unknown model architecture: '(?P<architecture>[^']*)'",
        Cause.UNKNOWN_ARCHITECTURE,
        "{engine} does not know models of the architecture {architecture}; it may be too old",
        _NEWER,
    ),
    rule(
        r"unknown (?:pre-tokenizer type|tokenizer): '(?P<tokenizer>[^']*)'",
        Cause.UNKNOWN_ARCHITECTURE,
        "{engine} does not know the tokenizer {tokenizer} of {model}; it may be too old",
        _NEWER,
    ),
    rule(
        r"this GGUF file is version (?P<version>\d+) but",
        Cause.UNKNOWN_ARCHITECTURE,
        "{model} is written in version {version} of GGUF, which the engine does not know",
        _NEWER,
    ),
    rule(
        r"GGUFv1 is no longer supported|bad GGUF version",
        Cause.MODEL_DAMAGED,
        "{model} is written in a version of GGUF that engines no longer know",
        "Download a newer file of the model.",
    ),
    rule(
        r"invalid magic characters|bad magic|failed to read magic|not a GGUF file",
        Cause.MODEL_DAMAGED,
        "{model} is empty or not a GGUF file",
        DOWNLOAD_AGAIN,
    ),
    rule(
        r"is not within the file bounds|unexpectedly reached end of file|model is corrupted or incomplete"
        r"|corrupted model|failed to read (?:key-value pairs|tensor|header)|failed to seek|read error"
        r"|has invalid data|found tensors with invalid data",
        Cause.MODEL_DAMAGED,
        "{model} is damaged or not complete",
        DOWNLOAD_AGAIN,
    ),
    rule(
        r"(?:check_tensor_dims|missing tensor).*'(?P<tensor>[^']*)'|wrong number of tensors|key not found in model"
        r"|invalid split file|illegal split file|invalid split count|failed to load GGUF split|tensor .* has invalid"
        r"|failed to load model hyperparameters|error loading model hyperparameters|error loading model vocabulary"
        r"|error loading vocab",
        Cause.MODEL_DAMAGED,
        "{model} does not hold what a model of its kind needs: it is damaged, or made for another version",
        DOWNLOAD_AGAIN,
    ),
    rule(
        r"quantized V cache requires flash_attn|V cache quantization requires flash_attn",
        Cause.UNSUPPORTED_OPTION,
        "A quantised V cache (cache-type-v) needs Flash Attention, which is off",
        'Set flash-attn to "on" or "auto", or cache-type-v to "f16".',
        option="cache-type-v",
    ),
    rule(
        r"SPLIT_MODE_TENSOR requires flash_attn",
        Cause.UNSUPPORTED_OPTION,
        "Splitting tensors over several GPUs (split-mode) needs Flash Attention, which is off",
        'Set flash-attn to "on" or "auto", or split-mode to "layer".',
        option="split-mode",
    ),
    rule(
        r"(?P<which>[KV]) cache type (?P<type>\S+) with block size",
        Cause.UNSUPPORTED_OPTION,
        "{model} cannot keep its {which} cache as {type}: the parts of its heads do not fill whole blocks",
        'Set cache-type-k and cache-type-v to "f16".',
        option="cache-type-k",
    ),
    rule(
        r"failed to (?:create|initialize) (?:the )?context",
        Cause.EXITED,
        "{engine} could not set up {model} with these options",
        "Choose a smaller ctx-size or a smaller quantisation, or free memory.",
    ),
    rule(
        r"failed to load model|error loading model",
        Cause.MODEL_DAMAGED,
        "{engine} could not load {model}",
        MORE_IN_THE_LOG,
    ),
)  # fmt: skip
