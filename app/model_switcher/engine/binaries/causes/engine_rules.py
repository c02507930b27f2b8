"""Log lines about the engine itself: that it does not start, does not know an option, or lost its GPU."""

from __future__ import annotations

import re

from model_switcher.domain.states import Cause
from model_switcher.engine.binaries.causes.rule import Rule, rule
from model_switcher.engine.binaries.causes.verdict import OTHER_ENGINE

_WHOLE_ARCHIVE = "Install the engine again, with everything that its archive contains in one folder."


# llama-server b10434 lives on when Vulkan loses the device: it is healthy, and answers every request with an error.
_DOOMED = re.compile(
    r"ggml_vulkan: device lost on |\(\) failed: vk::\S+: ErrorDeviceLost"
    r"|backend is in error state from a previous command buffer failure"
)


def is_doomed(line: str) -> bool:
    """Whether a log line tells that the engine will never answer again, though its process may live on."""
    return _DOOMED.search(line) is not None


def _missing(library: str, hint: str) -> Rule:
    """A library of a certain kind that the dynamic linker of Linux or macOS does not find."""
    return rule(
        rf"error while loading shared libraries: (?P<library>{library}[^:\s]*)"
        rf"|library not loaded: (?:\S*/)?(?P<dylib>{library}\S*)",
        Cause.MISSING_LIBRARY,
        "{engine} cannot start: the library {library}{dylib} is missing",
        hint,
    )


# The first rule that fits any line wins.
ENGINE_RULES = (
    _missing(
        r"lib(?:cudart|cublas|cublasLt|nvrtc|nccl)",
        "It is a part of the CUDA runtime: install that, or take an engine that brings it along, or one for Vulkan.",
    ),
    _missing(
        r"lib(?:cuda|nvidia)", "It comes with NVIDIA's driver: install that, or take an engine for Vulkan."
    ),
    _missing(
        r"lib(?:amdhip|hipblas|rocblas|hsa-runtime)",
        "It is a part of ROCm: install that, or take an engine for Vulkan.",
    ),
    _missing(r"libvulkan", "Install the Vulkan loader (libvulkan1), or the driver of the GPU."),
    _missing(r"libgomp", "Install it (libgomp1)."),
    _missing("", _WHOLE_ARCHIVE),
    rule(
        r"version `(?P<version>(?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found",
        Cause.WRONG_MACHINE,
        "{engine} is made for a newer system than this one: it needs {version}",
        "Take an engine that is made for an older system, or build one here.",
    ),
    rule(
        r"setpriv: failed to execute .*: exec format error",
        Cause.WRONG_MACHINE,
        "{engine} is not a program for this machine",
        OTHER_ENGINE,
    ),
    rule(
        r"setpriv: failed to execute .*: (?P<reason>.+)$",
        Cause.ENGINE_WONT_START,
        "{engine} could not be started: {reason}",
        OTHER_ENGINE,
    ),
    rule(
        r"no backends are loaded|no CPU backend found",
        Cause.MISSING_LIBRARY,
        "{engine} finds none of its own parts that compute",
        _WHOLE_ARCHIVE,
    ),
    rule(
        r"error: invalid argument: (?P<option>\S+)",
        Cause.UNSUPPORTED_OPTION,
        "{engine} does not know the option {option}",
        "Take it out of the settings ([launch]), or use a newer engine.",
    ),
    rule(
        r"error while handling argument [\"']--device[\"']: invalid device: (?P<device>\S+)",
        Cause.UNSUPPORTED_OPTION,
        "{engine} finds no device {device}",
        "`model-switcher doctor` lists the devices that it can use.",
        option="device",
    ),
    rule(
        r"error while handling argument [\"'](?P<option>[^\"']+)[\"']|expected value for argument:? (?P<lacking>-\S+)",
        Cause.UNSUPPORTED_OPTION,
        "{engine} cannot use the value of the option {option}{lacking}",
        "Correct it in the settings ([launch]).",
    ),
    rule(
        r"the argument has been removed|error: unknown argument: (?P<option>\S+)",
        Cause.UNSUPPORTED_OPTION,
        "{engine} no longer knows an option that it was given {option}",
        "Take it out of the settings ([launch]).",
    ),
    rule(
        r"couldn't bind (?:HTTP )?server socket|address already in use",
        Cause.PORT_TAKEN,
        "{engine} could not listen on its port, because another program has it",
        "Try again: the engine is given another port.",
    ),
    rule(
        r"Remote RPC server crashed or returned malformed response",
        Cause.WORKER_LOST,
        "Another machine over which the model was spread went away in the middle of the work",
        "Start ggml-rpc-server there again, or take it out of `rpc` in [launch]; `model-switcher doctor` says which it is.",
        anytime=True,
    ),
    rule(
        r"no kernel image is available|not compiled with any CUDA arch",
        Cause.WRONG_MACHINE,
        "{engine} is not built for this GPU",
        "Take a newer one, or one for Vulkan.",
        anytime=True,
    ),
    rule(
        r"driver version is insufficient",
        Cause.DRIVER_LOST,
        "The driver of the GPU is older than the engine needs",
        "Install a newer driver, or take an engine for Vulkan.",
        anytime=True,
    ),
    rule(
        r"DeviceLost|DEVICE_LOST|device lost on|backend is in error state from a previous command buffer failure"
        r"|(?:CUDA|ROCm|MUSA) error: (?:unspecified launch failure|the launch timed out|unknown error|.*ECC error"
        r"|.*illegal memory access|driver shutting down|.*busy or unavailable|no \S+-capable device)"
        r"|kIOGPUCommandBufferCallbackError(?:Timeout|Hang|InnocentVictim|SubmissionsIgnored)|GPU is lost",
        Cause.DRIVER_LOST,
        "The GPU's driver gave up in the middle of the work",
        "Try again; if it happens often, look for a newer driver, and undo any overclocking.",
        anytime=True,
    ),
)
