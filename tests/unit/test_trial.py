"""What the selftest makes of an instance that does not do what it says."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from model_switcher.cli import trial
from model_switcher.cli.trial import Step, Trial
from model_switcher.client.switcher import Switcher
from model_switcher.domain.catalog import Model
from model_switcher.domain.errors import SwitchFailed
from model_switcher.domain.memory import Gpu, GpuProcess, Ram, Readings
from model_switcher.domain.snapshot import ServerView, Snapshot
from model_switcher.domain.states import ServerState


def model(name: str) -> Model:
    return Model(id=name, name=name.upper(), path=f"/{name}.gguf", files=(f"/{name}.gguf",), size=1)


A, B = model("a"), model("b")


class Instance:
    """Serves one model at a time by a process that sleeps, and has the faults that a test gives it."""

    started = False

    def __init__(self) -> None:
        self.engines: dict[str, subprocess.Popen[bytes]] = {}
        self.selected: str | None = None
        self.keeps_running = False
        self.keeps_memory = False
        self.notice: str | None = None
        self.notice_after: str | None = None
        self.fails: set[str] = set()
        self.gone: list[int] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    async def switch(self, wanted: str) -> None:
        if wanted in self.fails:
            raise SwitchFailed(f"{wanted} is broken", hint="Mend it.", details={"serving": self.selected})
        if wanted != self.selected:
            await self.stop()
            self._start(wanted)

    def _start(self, wanted: str) -> None:
        self.engines[wanted] = subprocess.Popen(["sleep", "60"])
        self.processes.append(self.engines[wanted])
        self.selected = wanted

    async def stop(self, *, pause: bool = False) -> None:
        del pause
        for engine in self.engines.values():
            self.gone.append(engine.pid)
            if not self.keeps_running:
                engine.kill()
                engine.wait()
                self.notice = self.notice_after or self.notice
        self.engines = {}

    async def complete(self, prompt: str, **options: Any) -> str:
        return f"{prompt} {options['model']}"

    async def state(self) -> Snapshot:
        pids = self.gone if self.keeps_memory else []
        holders = tuple(GpuProcess(pid=pid, name="sleep", used=1) for pid in pids)
        card = Gpu(index=0, name="Card", source="nvml", total=8, used=1, free=7, processes=holders)
        return Snapshot(
            selected=self.selected,
            servers=tuple(
                ServerView(model=name, state=ServerState.READY, engine="sleep", pid=engine.pid)
                for name, engine in self.engines.items()
            ),
            readings=Readings(time=time.time(), gpus=(card,), ram=Ram(total=8, available=4)),
            memory_notice=self.notice,
        )


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    monkeypatch.setattr(trial, "FREED_SECONDS", 0.2)
    made = Instance()
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


async def tried(instance: Instance, second: Model | None = B) -> tuple[int, list[Step]]:
    steps: list[Step] = []
    status = await Trial(cast("Switcher", instance), steps.append).run(A, second)
    return status, steps


def last(steps: list[Step], name: str) -> Step:
    return next(step for step in reversed(steps) if step.step == name)


async def test_every_step_of_an_instance_that_works(instance: Instance) -> None:
    await instance.switch(A.id)
    status, steps = await tried(instance)
    assert status == 0
    expected = ["start", "ask", "switch", "ask", "back", "ask", "memory", "restore"]
    assert [step.step for step in steps] == expected
    assert all(step.ok and step.memory is not None and step.memory.label == "VRAM" for step in steps)


async def test_an_engine_that_goes_on_running_is_found(instance: Instance) -> None:
    instance.keeps_running = True
    status, steps = await tried(instance)
    assert status == 1
    step = last(steps, "memory")
    assert not step.ok
    assert str(step.problem).startswith("The engine of a (process ")
    assert str(step.problem).endswith(") still runs")


async def test_memory_that_is_not_given_back_is_found(instance: Instance) -> None:
    instance.keeps_memory = True
    status, steps = await tried(instance)
    assert status == 1
    assert "still holds memory" in str(last(steps, "memory").problem)


async def test_what_the_instance_says_of_memory_is_believed(instance: Instance) -> None:
    instance.notice_after = "B has ended, but 1.0 GiB of its memory is still held by somebody"
    status, steps = await tried(instance)
    assert status == 1
    assert last(steps, "memory").problem == instance.notice_after


async def test_what_it_said_before_is_not_held_against_it(instance: Instance) -> None:
    instance.notice = "An older model has ended, but its memory is still held by somebody"
    assert (await tried(instance))[0] == 0


async def test_a_failure_ends_the_trial_and_its_status_is_that_of_the_switch(instance: Instance) -> None:
    await instance.switch(A.id)
    instance.fails = {B.id}
    status, steps = await tried(instance)
    assert status == 5
    assert [(step.step, step.ok) for step in steps][2:] == [("switch", False), ("restore", True)]
    assert (steps[2].problem, steps[2].hint) == ("b is broken", "Mend it.")
    assert instance.selected == A.id


async def test_what_cannot_be_put_back_is_told_too(instance: Instance) -> None:
    await instance.switch("c")
    instance.fails = {"c"}
    status, steps = await tried(instance)
    assert status == 5
    assert [step.step for step in steps if not step.ok] == ["restore"]


async def test_a_model_that_is_said_to_be_served_and_is_not_is_found(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(wanted: str) -> None:
        del wanted

    monkeypatch.setattr(instance, "switch", nothing)
    status, steps = await tried(instance)
    assert status == 1
    assert last(steps, "ask").problem == "A is not what is served"


async def test_an_engine_that_is_said_to_run_and_does_not_is_found(instance: Instance) -> None:
    await instance.switch(A.id)
    instance.engines[A.id].kill()
    instance.engines[A.id].wait()
    status, steps = await tried(instance)
    assert status == 1
    assert last(steps, "ask").problem == "The engine of A does not run"
