"""Exit codes and log lines, in a person's words. What real engines write is tested on them, in the contract."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.states import Cause, Failure
from model_switcher.engine.binaries.causes import describe_exit, explain

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "cause", "part"),
    [
        ("ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9 MiB on device 0: cudaMalloc failed: out of memory",
         Cause.OUT_OF_MEMORY, "m.gguf"),
        ("ggml_vulkan: Device memory allocation of size 1073741824 failed.", Cause.OUT_OF_MEMORY, "memory"),
        ("ggml_aligned_malloc: insufficient memory (attempted to allocate 320.00 MB)", Cause.OUT_OF_RAM, "0.3 GiB"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", Cause.OUT_OF_RAM, "main memory"),
        ("failed to allocate something", Cause.OUT_OF_MEMORY, "enough memory"),
        ("llama_model_load: error loading model: unknown model architecture: 'mamba9'", Cause.UNKNOWN_ARCHITECTURE,
         "mamba9"),
        ("error loading model vocabulary: unknown pre-tokenizer type: 'new'", Cause.UNKNOWN_ARCHITECTURE, "new"),
        ("error: invalid argument: --bogus", Cause.UNSUPPORTED_OPTION, "--bogus"),
        ('error while handling argument "-ctk": Unsupported cache type: foo', Cause.UNSUPPORTED_OPTION, "-ctk"),
        ("llama_init_from_model: quantized V cache requires flash_attn to be enabled", Cause.UNSUPPORTED_OPTION,
         "Flash Attention"),
        ("K cache type q8_0 with block size 32 does not divide n_embd_head_k=16", Cause.UNSUPPORTED_OPTION, "q8_0"),
        ("x: error while loading shared libraries: libcudart.so.12: cannot open shared object file",
         Cause.MISSING_LIBRARY, "libcudart.so.12"),
        ("setpriv: failed to execute /a/b/llama-server: Permission denied", Cause.ENGINE_WONT_START, "Permission denied"),
        ("dyld[1]: Library not loaded: @rpath/libggml.dylib", Cause.MISSING_LIBRARY, "libggml.dylib"),
        ("gguf_init_from_file: failed to open GGUF file '/a/m.gguf' (Permission denied)", Cause.MODEL_MISSING,
         "Permission denied"),
        ("common_init_: failed to load lora adapter 'a'", Cause.MODEL_DAMAGED, "LoRA"),
        ("ggml_cuda_init: failed to initialize CUDA: CUDA driver version is insufficient for CUDA runtime version",
         Cause.DRIVER_LOST, "older than the engine needs"),
        ("ggml/src/ggml-rpc/ggml-rpc.cpp:509: Remote RPC server crashed or returned malformed response",
         Cause.WORKER_LOST, "Another machine"),
        ("llama_init_from_model: SPLIT_MODE_TENSOR requires flash_attn to be enabled", Cause.UNSUPPORTED_OPTION,
         "split-mode"),
    ],
)  # fmt: skip
def test_a_log_line_tells_the_cause(line: str, cause: Cause, part: str) -> None:
    log = ["0.00.1 I srv init: initializing", f"0.00.2 E {line}", "0.00.3 E failed to load model"]
    failure = explain(exit_code=1, log=log, model_path="/a/b/m.gguf", was_ready=False)
    assert failure.cause == cause
    assert part in failure.sentence
    assert "/a/b" not in failure.sentence
    assert failure.hint
    assert failure.exit_code == 1
    assert failure.signal is None


def test_a_warning_about_pinned_or_locked_memory_is_not_the_cause() -> None:
    log = [
        "W failed to allocate 512 MiB of pinned memory: out of memory",
        "W warning: failed to mlock 9 byte buffer (after previously locking 0 bytes): Cannot allocate memory",
        "E unknown model architecture: 'x'",
    ]
    failure = explain(exit_code=1, log=log, model_path="m.gguf", was_ready=False)
    assert failure.cause == Cause.UNKNOWN_ARCHITECTURE


@pytest.mark.parametrize(
    ("code", "cause", "part"),
    [
        (-9, Cause.CRASHED, "SIGKILL"),
        (-11, Cause.CRASHED, "SIGSEGV"),
        (-4, Cause.WRONG_MACHINE, "instructions"),
        (0xC0000005, Cause.CRASHED, "memory that is not its own"),
        (-1073741819, Cause.CRASHED, "memory that is not its own"),  # the same, as a signed number
        (0xC000001D, Cause.WRONG_MACHINE, "instructions"),
        (0xC000007B, Cause.WRONG_MACHINE, "not a program for this machine"),
        (0xC0000135, Cause.MISSING_LIBRARY, "DLL"),
        (0xC0000017, Cause.OUT_OF_RAM, "memory"),
        (127, Cause.ENGINE_WONT_START, "exit code 127"),
        (7, Cause.EXITED, "exit code 7"),
        (None, Cause.EXITED, "ended"),
    ],
)
def test_an_exit_code_tells_what_the_log_does_not(
    tmp_path: Path, code: int | None, cause: Cause, part: str
) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF and so on")
    failure = explain(exit_code=code, log=[], model_path=str(model), was_ready=False)
    assert failure.cause == cause
    assert part in failure.sentence


def test_a_signal_is_named_apart_from_the_exit_code() -> None:
    failure = explain(exit_code=-9, log=["line"], model_path="m.gguf", was_ready=True)
    assert (failure.exit_code, failure.signal) == (None, "SIGKILL")
    assert "while it served m.gguf" in failure.sentence


def test_what_an_engine_logged_before_it_was_ready_is_not_why_it_ended_later() -> None:
    log = ["W failed to open GGUF file 'draft.gguf' (No such file or directory)"]
    assert explain(exit_code=1, log=log, model_path="m.gguf", was_ready=True).cause == Cause.CRASHED
    memory = [*log, "CUDA error: out of memory"]
    assert explain(exit_code=-6, log=memory, model_path="m.gguf", was_ready=True).cause == Cause.OUT_OF_MEMORY


@pytest.mark.parametrize("code", [-9, -15])
def test_who_is_ended_from_outside_wrote_nothing_about_why(code: int) -> None:
    log = ["E alloc_tensor_range: failed to allocate Vulkan0 buffer of size 309039104"]
    assert explain(exit_code=code, log=log, model_path="m.gguf", was_ready=True).cause == Cause.CRASHED


def test_a_kill_is_told_by_whether_the_system_did_it() -> None:
    def killed(by_system: bool | None) -> Failure:
        return explain(exit_code=-9, log=[], model_path="m.gguf", was_ready=True, oom_killed=by_system)

    assert killed(True).cause == Cause.OOM_KILLED
    assert (killed(False).cause, killed(None).cause) == (Cause.CRASHED, Cause.CRASHED)
    assert "Another program" in killed(False).hint
    assert "when memory runs out" in killed(None).hint


def test_a_failure_while_the_memory_is_laid_out_is_not_lost_behind_an_earlier_one_that_went_well() -> None:
    log = [
        "E alloc_tensor_range: failed to allocate Vulkan0 buffer of size 900",
        "E alloc_tensor_range: failed to allocate CPU buffer of size 1048576",
    ]
    failure = explain(exit_code=1, log=log, model_path="m.gguf", was_ready=False)
    assert (failure.cause, failure.asked) == (Cause.OUT_OF_RAM, 1048576)


def test_an_engine_for_another_machine_is_told_by_its_file(tmp_path: Path) -> None:
    program = tmp_path / "llama-server"
    program.write_bytes(b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + b"\x64\xaa" + bytes(200))
    binary = EngineBinary(kind="llama-server", command=(str(program),), source="settings")
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    failure = explain(
        exit_code=127,
        log=["llama-server: 1: MZ: not found"],
        model_path=str(model),
        was_ready=False,
        engine="llama-server",
        binary=binary,
    )
    assert failure.cause == Cause.WRONG_MACHINE
    made_for = "aarch64" if sys.platform == "win32" else "Windows"
    assert failure.sentence.startswith(
        f"The engine (llama-server) is not a program for this machine: it is made for {made_for}"
    )


def test_the_file_itself_tells_where_the_log_was_lost(tmp_path: Path) -> None:
    gone = explain(exit_code=1, log=[], model_path=str(tmp_path / "gone.gguf"), was_ready=False)
    assert gone.cause == Cause.MODEL_MISSING
    (tmp_path / "empty.gguf").touch()
    empty = explain(exit_code=1, log=[], model_path=str(tmp_path / "empty.gguf"), was_ready=False)
    assert empty.cause == Cause.MODEL_DAMAGED


def test_only_the_end_of_the_log_is_kept() -> None:
    log = [f"line {number}" for number in range(50)]
    failure = explain(exit_code=1, log=log, model_path="m.gguf", was_ready=True)
    assert failure.log == tuple(log[-20:])


def test_a_windows_path_is_cut_to_the_name_of_the_file() -> None:
    failure = explain(exit_code=1, log=[], model_path=r"D:\models\big model.gguf", was_ready=True)
    assert failure.sentence == "The engine ended with exit code 1 while it served big model.gguf"


def test_an_exit_is_described_to_follow_a_subject() -> None:
    assert describe_exit(-15) == "was ended by SIGTERM"
    assert describe_exit(3) == "ended with exit code 3"
