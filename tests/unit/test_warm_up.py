"""Reading the next model's file ahead."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from fakes.cold_files import forget, write_random
from fakes.launches import until
from model_switcher.domain.catalog import Model
from model_switcher.domain.memory import Ram
from model_switcher.domain.units import GIB, MIB
from model_switcher.engine.low_priority import read_last
from model_switcher.engine.page_cache import cached_part
from model_switcher.engine.warm_up import CHUNK, LOOK_BYTES, WarmUp, reserve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from model_switcher.domain.snapshot import WarmUpView

PLENTY = Ram(total=64 * GIB, available=60 * GIB)


class Watched:
    """A warm-up and all that it told."""

    def __init__(self, ram: Callable[[], Ram | None] = lambda: PLENTY, *, enabled: bool = True) -> None:
        self.told: list[WarmUpView | None] = []
        self.warm_up = WarmUp(enabled=enabled, pids=lambda: (), on_change=self.told.append, ram=ram)

    async def end(self) -> None:
        await until(lambda: self.warm_up.state is None)


def model(*files: Path, name: str = "a", projector: Path | None = None) -> Model:
    paths = tuple(str(file) for file in files)
    size = sum(file.stat().st_size for file in files)
    return Model(
        id=name,
        name=name,
        path=paths[0],
        files=paths,
        size=size,
        projector=str(projector) if projector else None,
    )


def cold(path: Path, size: int) -> Path:
    forget(write_random(path, size))
    return path


def lies_there(files: list[Path], part: float) -> bool:
    """Whether that part of the files lies in the page cache; the system may have taken a little of it back already.

    True where the system does not tell.
    """
    cached = cached_part([str(file) for file in files])
    return cached is None or 0.9 * part <= cached <= part


async def test_all_files_of_a_model_are_read_and_the_progress_is_told(tmp_path: Path) -> None:
    first, second = cold(tmp_path / "1", 30 * MIB), cold(tmp_path / "2", 5 * MIB + 7)
    projector = cold(tmp_path / "p", MIB)
    watched = Watched()
    watched.warm_up.begin(model(first, second, projector=projector))
    assert watched.warm_up.state is not None
    assert watched.warm_up.state.model == "a"
    await watched.end()
    assert lies_there([first, second, projector], 1.0)
    fractions = [view.fraction for view in watched.told if view is not None]
    assert fractions
    assert fractions == sorted(fractions)
    assert fractions[-1] <= 1.0
    assert watched.told[-1] is None


async def test_nothing_is_read_where_it_is_switched_off(tmp_path: Path) -> None:
    watched = Watched(enabled=False)
    watched.warm_up.begin(model(cold(tmp_path / "1", MIB)))
    assert watched.warm_up.state is None
    assert watched.told == []


@pytest.mark.parametrize("ram", [None, Ram(total=16 * GIB, available=2 * GIB)])
async def test_nothing_is_read_where_no_memory_is_spare_or_nobody_knows(
    tmp_path: Path, ram: Ram | None
) -> None:
    file = cold(tmp_path / "1", 10 * MIB)
    watched = Watched(lambda: ram)
    watched.warm_up.begin(model(file))
    await watched.end()
    assert lies_there([file], 0.0)


async def test_no_more_is_read_than_was_spare(tmp_path: Path) -> None:
    file = cold(tmp_path / "1", 40 * MIB)
    spare = Ram(total=16 * GIB, available=2 * GIB + 3 * CHUNK)
    watched = Watched(lambda: spare)
    watched.warm_up.begin(model(file))
    await watched.end()
    assert lies_there([file], 3 * CHUNK / (40 * MIB))


async def test_it_stops_when_memory_gets_scarce(tmp_path: Path) -> None:
    size = 4 * LOOK_BYTES
    file = cold(tmp_path / "1", size)
    readings = iter([PLENTY, PLENTY])
    watched = Watched(lambda: next(readings, Ram(total=64 * GIB, available=GIB)))
    watched.warm_up.begin(model(file))
    await watched.end()
    assert lies_there([file], 2 * LOOK_BYTES / size)


async def test_what_engines_have_mapped_is_not_spare(tmp_path: Path) -> None:
    file = cold(tmp_path / "1", 10 * MIB)
    engine = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "held = b'x' * 200_000_000; print(flush=True); input()"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert engine.stdout is not None
    await engine.stdout.readline()
    told: list[WarmUpView | None] = []
    barely = Ram(total=16 * GIB, available=2 * GIB + 150_000_000)
    warm_up = WarmUp(enabled=True, pids=lambda: [engine.pid], on_change=told.append, ram=lambda: barely)
    warm_up.begin(model(file))
    await until(lambda: warm_up.state is None)
    engine.kill()
    await engine.wait()
    assert lies_there([file], 0.0)


async def test_a_cancel_stops_it_at_once(tmp_path: Path) -> None:
    file = cold(tmp_path / "1", 40 * MIB)
    looked, go_on = threading.Event(), threading.Event()

    def ram() -> Ram:
        looked.set()
        go_on.wait(10)
        return PLENTY

    watched = Watched(ram)
    watched.warm_up.begin(model(file))
    await until(looked.is_set)
    watched.warm_up.cancel()
    assert watched.warm_up.state is None
    assert watched.told == [None]
    go_on.set()
    await until(lambda: not any(thread.name.startswith("warm-up") for thread in threading.enumerate()))
    await asyncio.sleep(0)
    assert lies_there([file], 0.0)
    assert watched.told == [None]


async def test_another_model_takes_the_place_of_the_first(tmp_path: Path) -> None:
    first, second = cold(tmp_path / "1", 10 * MIB), cold(tmp_path / "2", 10 * MIB)
    go_on = threading.Event()

    def ram() -> Ram:
        go_on.wait(10)
        return PLENTY

    watched = Watched(ram)
    watched.warm_up.begin(model(first))
    watched.warm_up.begin(model(first))
    assert watched.told == []
    watched.warm_up.begin(model(second, name="b"))
    assert watched.warm_up.state is not None
    assert watched.warm_up.state.model == "b"
    go_on.set()
    await watched.end()
    assert lies_there([first], 0.0)
    assert lies_there([second], 1.0)


async def test_a_model_that_was_just_read_is_not_read_again(tmp_path: Path) -> None:
    watched = Watched()
    wanted = model(cold(tmp_path / "1", MIB))
    watched.warm_up.begin(wanted)
    await watched.end()
    watched.warm_up.begin(wanted)
    assert watched.warm_up.state is None


async def test_a_file_that_is_gone_is_no_error_here(tmp_path: Path) -> None:
    file = write_random(tmp_path / "1", MIB)
    wanted = model(file)
    file.unlink()
    watched = Watched()
    watched.warm_up.begin(wanted)
    await watched.end()
    assert watched.told == [None]


def test_two_gib_or_a_tenth_of_main_memory_are_left_alone() -> None:
    assert reserve(Ram(total=8 * GIB, available=GIB)) == 2 * GIB
    assert reserve(Ram(total=50 * GIB, available=GIB)) == 5 * GIB


def test_only_the_thread_that_reads_ahead_has_the_lower_priority(tmp_path: Path) -> None:
    file = write_random(tmp_path / "1", MIB)
    classes: list[str] = []

    def read() -> None:
        with file.open("rb") as opened:
            read_last(opened.fileno())
            assert len(opened.read()) == MIB
        classes.append(io_class())

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert classes == ["idle" if sys.platform == "linux" else ""]
    assert io_class() != "idle"


def io_class() -> str:
    """The I/O class of this thread, as util-linux' ionice says it."""
    if sys.platform != "linux":
        return ""
    output = subprocess.check_output(["ionice", "-p", str(threading.get_native_id())], text=True)
    return output.split(":")[0].strip()
