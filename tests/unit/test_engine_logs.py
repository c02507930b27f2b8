"""What real engines wrote when they failed, and what the program makes of it.

Each file in `engine_logs` begins with what it is: the engine that wrote it, how it was made to fail, its exit code, and
what is to be told. Where an engine could not be run, the lines are written out from its source, and the file says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from model_switcher.domain.remedies import RemedyKind
from model_switcher.domain.states import Cause, Failure
from model_switcher.engine.binaries.causes import explain, is_doomed
from model_switcher.engine.binaries.causes.engine_rules import ENGINE_RULES
from model_switcher.engine.binaries.causes.model_rules import MODEL_RULES

SAMPLES = sorted(Path(__file__).with_name("engine_logs").glob("*.txt"))


@dataclass(frozen=True)
class Sample:
    """One file: what stands above its first empty line, and the log below."""

    facts: dict[str, str]
    log: list[str]

    def explain(self, *, was_ready: bool = False, engine: str | None = None) -> Failure:
        return explain(
            exit_code=int(self.facts["exit"]),
            log=self.log,
            model_path=self.facts["model"],
            was_ready=was_ready,
            engine=engine,
            oom_killed=self.facts["cause"] == Cause.OOM_KILLED,
        )


def read(path: Path) -> Sample:
    head, _, log = path.read_text("utf-8").partition("\n\n")
    facts = dict(line.split(":", 1) for line in head.splitlines())
    return Sample({key: value.strip() for key, value in facts.items()}, log.splitlines())


def sample(name: str) -> Sample:
    return read(Path(__file__).parent / "engine_logs" / f"{name}.txt")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_real_log_gives_cause_sentence_hint_and_action(path: Path) -> None:
    told = read(path)
    failure = told.explain(engine="llama-server b10434")
    assert failure.cause == told.facts["cause"], failure
    assert told.facts["says"] in failure.sentence
    assert failure.hint
    assert "models/" not in failure.sentence
    assert failure.asked == (int(told.facts["asked"]) if told.facts["asked"] else None)
    action = failure.action
    shown = " ".join(filter(None, (action.action, action.option))) if action else ""
    assert shown == told.facts["action"]


def test_every_cause_that_a_log_or_an_exit_can_tell_has_a_sample() -> None:
    by_rules = {rule.cause for rule in (*ENGINE_RULES, *MODEL_RULES)} - {Cause.EXITED}
    by_exits = {Cause.OUT_OF_MEMORY, Cause.OUT_OF_RAM, Cause.OOM_KILLED, Cause.WRONG_MACHINE}
    assert {read(path).facts["cause"] for path in SAMPLES} == by_rules | by_exits


def test_an_engine_that_may_be_too_old_is_named_with_its_version() -> None:
    failure = sample("architecture").explain(engine="llama-server b6123")
    assert failure.sentence.startswith("The engine (llama-server b6123) does not know")


def test_a_file_to_show_is_named_by_its_whole_path() -> None:
    failure = sample("file-cut-off").explain()
    assert failure.action is not None
    assert failure.action.path == "models/cut.gguf"


@pytest.mark.parametrize("name", ["cuda-lost", "vulkan-lost", "gpu-lost", "cuda-while-serving"])
def test_memory_and_driver_may_fail_an_engine_that_was_ready(name: str) -> None:
    told = sample(name)
    assert told.explain(was_ready=True).cause == told.facts["cause"]


def test_what_fits_can_be_added_to_a_failure() -> None:
    failure = sample("gpu-cache").explain()
    assert failure.action is None
    smaller = failure.with_fitting(ctx_size=8192)
    assert (smaller.cause, smaller.asked) == (Cause.OUT_OF_MEMORY, 1073741824)
    assert smaller.hint == "With ctx-size 8192 it would fit."
    assert smaller.action is not None
    assert (smaller.action.action, smaller.action.ctx_size) == (RemedyKind.RELOAD, 8192)
    fewer = failure.with_fitting(n_gpu_layers=20)
    assert fewer.action is not None
    assert (fewer.hint, fewer.action.n_gpu_layers) == ("With n-gpu-layers 20 it would fit.", 20)
    assert failure.with_fitting() is failure


def test_only_a_log_of_a_lost_device_dooms_an_engine_that_may_live_on() -> None:
    doomed = {path.stem for path in SAMPLES if any(map(is_doomed, read(path).log))}
    assert doomed == {"gpu-lost", "vulkan-lost"}
    assert is_doomed("E srv  update_slots: decode() failed: vk::Queue::submit: ErrorDeviceLost")
    assert is_doomed(
        "E ggml_metal_graph_compute: backend is in error state from a previous command buffer failure - recreate the "
        "backend to recover"
    )
