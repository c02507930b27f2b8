"""Why an engine failed, told from its log and its exit code.

The log lines are what llama-server (b6000 to b11500) and xllamacpp (2026.10) write in these cases.
"""

from __future__ import annotations

import ntpath
import posixpath
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.states import Cause, Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG_LINES = 20

_DOWNLOAD_AGAIN = "Download the file again, and compare its size with that on the page it came from."
_LESS_MEMORY = "Choose a smaller ctx-size or a smaller quantisation, or free memory."


@dataclass(frozen=True, slots=True)
class _Rule:
    """A log line that tells the cause. `sentence` may use {model}, the file's name, and the pattern's named groups."""

    pattern: re.Pattern[str]
    cause: Cause
    sentence: str
    hint: str = ""


def _rule(pattern: str, cause: Cause, sentence: str, hint: str = "") -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE), cause, sentence, hint)


# The first rule that fits any line wins: causes before what follows from them, and before what engines merely add.
_RULES = (
    _rule(
        r"error while loading shared libraries: (?P<library>[^:\s]+)|library not loaded: (?:\S*/)?(?P<dylib>\S+)",
        Cause.ENGINE_WONT_START,
        "The engine cannot start: a library that it needs is missing ({library}{dylib})",
        "Install the engine again, with everything that its archive contains in one folder.",
    ),
    _rule(
        r"setpriv: failed to execute .*: (?P<reason>.+)$",
        Cause.ENGINE_WONT_START,
        "The engine could not be started: {reason}",
        "Name another one in the settings ([server] engine); `model-switcher doctor` looks for engines that work.",
    ),
    _rule(
        r"error: invalid argument: (?P<option>\S+)",
        Cause.UNSUPPORTED_OPTION,
        "The engine does not know the option {option}",
        "Take it out of the settings ([launch]), or use a newer engine.",
    ),
    _rule(
        r"error while handling argument [\"'](?P<option>[^\"']+)[\"']|expected value for argument:? (?P<lacking>-\S+)",
        Cause.UNSUPPORTED_OPTION,
        "The engine cannot use the value of the option {option}{lacking}",
        "Correct it in the settings ([launch]).",
    ),
    _rule(
        r"the argument has been removed|error: unknown argument: (?P<option>\S+)",
        Cause.UNSUPPORTED_OPTION,
        "The engine no longer knows an option that it was given {option}",
        "Take it out of the settings ([launch]).",
    ),
    _rule(
        r"couldn't bind (?:HTTP )?server socket.*?hostname: (?P<host>\S+?),? port: (?P<port>\d+)"
        r"|address already in use",
        Cause.PORT_TAKEN,
        "The engine could not listen on its port, because another program has it",
        "Try again: the engine is given another port.",
    ),
    _rule(
        # A failure to pin host memory is a warning: the engine goes on without.
        r"^(?!.*pinned).*(?:out of memory|OutOfDeviceMemory|OutOfHostMemory|insufficient memory|failed to allocate"
        r"|unable to allocate|device memory allocation of size|std::bad_alloc|failed to reserve"
        r"|kIOGPUCommandBufferCallbackErrorOutOfMemory|cannot allocate memory|exceeds the available memory)",
        Cause.OUT_OF_MEMORY,
        "There is not enough memory for {model} with these options",
        _LESS_MEMORY,
    ),
    _rule(
        r"failed to load multimodal model|failed to load CLIP model|clip_init: failed",
        Cause.MODEL_DAMAGED,
        "The projector of {model} cannot be loaded: it is missing, damaged, or belongs to another model",
        "Look for the mmproj file of the same model.",
    ),
    _rule(
        r"failed to (?:load|apply) lora adapter",
        Cause.MODEL_DAMAGED,
        "A LoRA adapter for {model} cannot be loaded",
        "Check the option lora in the settings.",
    ),
    _rule(
        r"failed to open GGUF file.*\((?:No such file|.*cannot find)|failed to open .*: No such file"
        r"|failed to open GGUF file '[^']*'\s*$",
        Cause.MODEL_MISSING,
        "The file {model} is not there any more",
        "`model-switcher list` shows what is there now.",
    ),
    _rule(
        r"failed to open GGUF file.*\((?P<reason>[^)]*)\)",
        Cause.MODEL_MISSING,
        "The file {model} cannot be read ({reason})",
        "Check who may read it, and whether its disk is there.",
    ),
    _rule(
        r"unknown model architecture: '(?P<architecture>[^']*)'",
        Cause.UNKNOWN_ARCHITECTURE,
        "The engine does not know models of the architecture {architecture}",
        "A newer llama.cpp may know it.",
    ),
    _rule(
        r"unknown pre-tokenizer type: '(?P<tokenizer>[^']*)'",
        Cause.UNKNOWN_ARCHITECTURE,
        "The engine does not know the tokenizer {tokenizer} of {model}",
        "A newer llama.cpp may know it.",
    ),
    _rule(
        r"this GGUF file is version (?P<version>\d+) but",
        Cause.UNKNOWN_ARCHITECTURE,
        "{model} is written in version {version} of GGUF, which the engine does not know",
        "A newer llama.cpp may know it.",
    ),
    _rule(
        r"invalid magic characters|bad magic|failed to read magic|not a GGUF file",
        Cause.MODEL_DAMAGED,
        "{model} is empty or not a GGUF file",
        _DOWNLOAD_AGAIN,
    ),
    _rule(
        r"is not within the file bounds|unexpectedly reached end of file|model is corrupted or incomplete"
        r"|failed to read (?:key-value pairs|tensor|header)|failed to seek|read error",
        Cause.MODEL_DAMAGED,
        "{model} is damaged or not complete",
        _DOWNLOAD_AGAIN,
    ),
    _rule(
        r"(?:check_tensor_dims|missing tensor).*'(?P<tensor>[^']*)'|wrong number of tensors|key not found in model"
        r"|invalid split file|illegal split file|tensor .* has invalid|failed to load model hyperparameters"
        r"|error loading model hyperparameters|error loading model vocabulary|error loading vocab",
        Cause.MODEL_DAMAGED,
        "{model} does not hold what a model of its kind needs: it is damaged, or made for another version",
        _DOWNLOAD_AGAIN,
    ),
    _rule(
        r"quantized V cache requires flash_attn|V cache quantization requires flash_attn",
        Cause.UNSUPPORTED_OPTION,
        "A quantised V cache (cache-type-v) needs Flash Attention, which is off",
        'Set flash-attn to "on" or "auto", or cache-type-v to "f16".',
    ),
    _rule(
        r"(?P<which>[KV]) cache type (?P<type>\S+) with block size",
        Cause.UNSUPPORTED_OPTION,
        "{model} cannot keep its {which} cache as {type}: the parts of its heads do not fill whole blocks",
        'Set cache-type-k and cache-type-v to "f16".',
    ),
    _rule(
        r"failed to (?:create|initialize) (?:the )?context",
        Cause.EXITED,
        "The engine could not set up {model} with these options",
        _LESS_MEMORY,
    ),
    _rule(
        r"failed to load model|error loading model",
        Cause.MODEL_DAMAGED,
        "The engine could not load {model}",
        "Its log may say more: `model-switcher logs`.",
    ),
)  # fmt: skip

# NTSTATUS codes with which Windows ends programs (ntstatus.h).
_WINDOWS_EXITS = {
    0xC0000005: "crashed (it touched memory that is not its own)",
    0xC000001D: "crashed (it uses instructions that this processor does not have)",
    0xC0000017: "ran out of memory",
    0xC00000FD: "crashed (its stack overflowed)",
    0xC0000135: "could not start, because a DLL that it needs is missing",
    0xC0000139: "could not start, because a DLL is of another version than it needs",
    0xC000013A: "was ended from the keyboard",
    0xC0000142: "could not start, because a DLL did not load",
    0xC0000374: "crashed (its memory was damaged)",
    0xC0000409: "crashed (it found itself damaged)",
}
_WONT_START = {0xC0000135, 0xC0000139, 0xC0000142, 126, 127}
_ILLEGAL_INSTRUCTION = 0xC000001D
_NO_MEMORY = 0xC0000017


def explain(*, exit_code: int | None, log: Sequence[str], model_path: str, was_ready: bool) -> Failure:
    """Why an engine ended that should not have.

    Args:
        exit_code: Its exit code; negative for a signal on POSIX; None if it is not known.
        log: Its log lines, oldest first.
        model_path: The model that it was to serve; the sentence names the file alone. Where the log says nothing,
            the file's first bytes are looked at.
        was_ready: Whether it could serve before it ended.
    """
    name = _file_name(model_path)
    # What it logged before it was ready, or killed, it got over; but memory may run out at any time.
    got_over = was_ready or _signal_name(exit_code) is not None
    rules = [rule for rule in _RULES if rule.cause is Cause.OUT_OF_MEMORY or not got_over]
    cause, sentence, hint = (
        _from_log(log, name, rules)
        or (_from_file(model_path, name) if exit_code == 1 and not got_over else None)
        or _from_exit(exit_code, name, was_ready=was_ready)
    )
    return Failure(
        cause=cause,
        sentence=sentence,
        hint=hint,
        exit_code=exit_code if exit_code is not None and exit_code >= 0 else None,
        signal=_signal_name(exit_code),
        log=tuple(log[-LOG_LINES:]),
    )


def describe_exit(exit_code: int | None) -> str:
    """What an exit code means, to follow "the engine": "was ended by SIGKILL", "ended with exit code 1"."""
    if exit_code is None:
        return "ended"
    name = _signal_name(exit_code)
    if name is not None:
        return f"was ended by {name}"
    return _WINDOWS_EXITS.get(exit_code & 0xFFFFFFFF, f"ended with exit code {exit_code}")


def _from_log(log: Sequence[str], model: str, rules: Sequence[_Rule]) -> tuple[Cause, str, str] | None:
    for rule in rules:
        for line in log:
            match = rule.pattern.search(line)
            if match:
                groups = {key: value or "" for key, value in match.groupdict().items()}
                return rule.cause, rule.sentence.format(model=model, **groups).strip(), rule.hint
    return None


def _from_file(path: str, model: str) -> tuple[Cause, str, str] | None:
    """What the file itself shows: engines lose the end of their log when they fail fast, llama-server b10434 in two
    of a hundred failed starts.
    """
    try:
        with Path(path).open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        return (
            Cause.MODEL_MISSING,
            f"The file {model} is not there any more",
            "`model-switcher list` shows what is.",
        )
    except OSError as error:
        reason = error.strerror or str(error)
        return Cause.MODEL_MISSING, f"The file {model} cannot be read ({reason})", "Check who may read it."
    if magic == b"GGUF":
        return None
    return Cause.MODEL_DAMAGED, f"{model} is empty or not a GGUF file", _DOWNLOAD_AGAIN


def _from_exit(exit_code: int | None, model: str, *, was_ready: bool) -> tuple[Cause, str, str]:
    when = f"while it served {model}" if was_ready else f"before {model} was ready"
    said = f"The engine {describe_exit(exit_code)} {when}"
    name = _signal_name(exit_code)
    status = None if exit_code is None or name is not None else exit_code & 0xFFFFFFFF
    if status in _WONT_START:
        return Cause.ENGINE_WONT_START, f"The engine {describe_exit(exit_code)}", "Install the engine again."
    if status == _NO_MEMORY:
        return Cause.OUT_OF_MEMORY, said, _LESS_MEMORY
    if name == "SIGKILL":
        return Cause.CRASHED, said, "The system does this when memory runs out. " + _LESS_MEMORY
    if name == "SIGILL" or status == _ILLEGAL_INSTRUCTION:
        said = f"The engine crashed {when}: it uses instructions that this processor does not have"
        return Cause.CRASHED, said, "Use an engine that is built for this processor."
    crashed = was_ready or name is not None or status in _WINDOWS_EXITS
    return Cause.CRASHED if crashed else Cause.EXITED, said, "Its log may say more: `model-switcher logs`."


def _signal_name(exit_code: int | None) -> str | None:
    if exit_code is None or exit_code >= 0 or exit_code < -64:  # noqa: PLR2004 - beyond are Windows' codes as signed
        return None
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def _file_name(path: str) -> str:
    return posixpath.basename(ntpath.basename(path) if "\\" in path else path)
