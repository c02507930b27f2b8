"""Whole headers are read in a process of their own: real processes, and the ways in which one can fail."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from fakes import fake_header_process
from fakes.gguf_files import make_hostile, write_model
from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.domain.units import MIB
from model_switcher.engine.catalog.facts import Facts
from model_switcher.engine.catalog.headers import HeaderReader
from model_switcher.engine.catalog.walk import Candidate
from model_switcher.engine.header_process.limits import Limits
from model_switcher.engine.header_process.messages import Frames, decode, encode, frame
from model_switcher.engine.header_process.process import HeaderProcess
from model_switcher.engine.library import CatalogReader, Library, Pace
from model_switcher.engine.stores import Store
from model_switcher.processes import process_created

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

SECONDS = 30.0


@asynccontextmanager
async def process(
    faults: Path | None = None, *options: str, limits: Limits | None = None
) -> AsyncIterator[HeaderProcess]:
    """The real one, or the one that has faults and notes in a folder what happens to it."""
    program = [sys.executable, fake_header_process.__file__, str(faults), *options] if faults else None
    here = HeaderProcess(program, limits)
    try:
        async with asyncio.timeout(SECONDS):
            yield here
    finally:
        pids = here.pids
        await here.close()
        assert all(process_created(pid) is None for pid in pids)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def models(folder: Path, *names: str) -> list[str]:
    return [str(write_model(folder / f"{name}.gguf", general__name=name.title())) for name in names]


def names(outcomes: list[Facts | Rejected | None]) -> list[str | None]:
    return [outcome.name if isinstance(outcome, Facts) else None for outcome in outcomes]


def started(notes: Path) -> int:
    return len(list(notes.glob("started *")))


async def test_it_says_of_every_file_what_is_said_here(tmp_path: Path) -> None:
    make_hostile(tmp_path)
    models(tmp_path, "good", "gut", "bon", "好")
    paths = sorted(str(path) for path in tmp_path.iterdir())
    here = [HeaderReader().full(Candidate(path, (0, 0))) for path in paths]
    async with process() as there:
        assert await there.read(paths) == here
        assert len(there.pids) == 1
    assert len(paths) > 50


async def test_it_makes_way_for_everybody_else_and_ends_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    paths = models(tmp_path, "a")
    async with process(limits=Limits(idle=0.05)) as there:
        assert names(await there.read(paths)) == ["A"]
        (pid,) = there.pids
        assert psutil.Process(pid).nice() == 10
        await until(lambda: process_created(pid) is None)
        assert there.pids == []
        assert names(await there.read(paths)) == ["A"]


async def test_one_process_reads_all_that_comes_soon_enough(tmp_path: Path) -> None:
    notes, paths = tmp_path / "notes", models(tmp_path, "a", "b")
    notes.mkdir()
    async with process(notes) as there:
        for _ in range(5):
            assert names(await there.read(paths)) == ["A", "B"]
        assert started(notes) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("crash", "failed unexpectedly (exit code 3)"),
        ("garbage", "makes no sense"),
        ("flood", "failed unexpectedly (signal 9)"),
        ("spin", "0.2 seconds of the processor"),
        ("greedy", "of memory"),
    ],
)
async def test_a_file_that_breaks_it_costs_only_that_file(tmp_path: Path, fault: str, words: str) -> None:
    notes, paths = tmp_path / "notes", models(tmp_path, "a", fault, "b")
    notes.mkdir()
    limits = Limits(look=0.02, processor=0.2 if fault == "spin" else SECONDS, memory=128 * MIB)
    async with process(notes, limits=limits) as there:
        first, rejected, last = await there.read(paths)
        assert names([first, last]) == ["A", "B"]
        assert isinstance(rejected, Rejected)
        assert (rejected.path, rejected.code) == (paths[1], Reject.UNREADABLE)
        assert rejected.reason.startswith("reading its header ")
        assert words in rejected.reason
        # What may have been by chance is tried once more.
        assert started(notes) == (2 if fault in {"spin", "greedy"} else 3)


async def test_what_was_killed_by_chance_costs_nothing(tmp_path: Path) -> None:
    notes, paths = tmp_path / "notes", models(tmp_path, "a", "once", "b")
    notes.mkdir()
    async with process(notes) as there:
        assert names(await there.read(paths)) == ["A", "Once", "B"]
        (pid,) = there.pids
        os.kill(pid, signal.SIGKILL)
        assert names(await there.read(paths)) == ["A", "Once", "B"]


async def test_a_drive_that_does_not_answer_keeps_the_files_of_others_waiting_for_nothing(
    tmp_path: Path,
) -> None:
    notes, (slow, quick) = tmp_path / "notes", models(tmp_path, "hang", "a")
    notes.mkdir()
    async with process(notes, limits=Limits(look=0.01, processor=0.5)) as there:
        waiting = asyncio.create_task(there.read([slow]))
        await until((notes / "asked for hang.gguf").exists)
        assert names(await there.read([quick])) == ["A"]
        assert len(there.pids) == 2
        (notes / "answers").touch()
        assert names(await waiting) == ["Hang"]


async def test_while_all_of_them_wait_the_rest_is_left_to_others(tmp_path: Path) -> None:
    notes, (slow, quick) = tmp_path / "notes", models(tmp_path, "hang", "a")
    notes.mkdir()
    async with process(notes, limits=Limits(workers=1)) as there:
        waiting = asyncio.create_task(there.read([slow]))
        await until((notes / "asked for hang.gguf").exists)
        assert await there.read([quick]) == [None]
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        # What was asked of the one that nobody waits for any more is not taken for an answer to this.
        assert names(await there.read([quick])) == ["A"]


@pytest.mark.parametrize("fault", ["--die", "--no-greeting", "--old"])
async def test_one_that_cannot_be_used_is_started_once_and_said(
    tmp_path: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    notes, paths = tmp_path / "notes", models(tmp_path, "a", "b")
    notes.mkdir()
    limits = Limits(start=3) if fault == "--no-greeting" else None
    async with process(notes, fault, limits=limits) as there:
        assert await there.read(paths) == [None, None]
        assert await there.read(paths) == [None, None]
        assert (started(notes), there.pids) == (1, [])
    said = [record for record in caplog.records if "process of their own" in record.getMessage()]
    assert [record.levelno for record in said] == [logging.WARNING]


async def test_one_that_breaks_at_every_file_is_given_up(tmp_path: Path) -> None:
    notes, paths = tmp_path / "notes", models(tmp_path, "crash1", "crash2", "crash3", "a")
    notes.mkdir()
    async with process(notes, limits=Limits(crashes=4)) as there:
        outcomes = await there.read(paths)
        assert [type(outcome) for outcome in outcomes] == [Rejected, type(None), type(None), type(None)]
        assert started(notes) == 4


async def test_a_program_that_is_not_there_leaves_all_to_others(tmp_path: Path) -> None:
    here = HeaderProcess([str(tmp_path / "gone")])
    assert await here.read(models(tmp_path, "a")) == [None]
    await here.close()


def test_it_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    """The program is killed in the middle of reading; what it started must be gone soon after."""
    (path,) = models(tmp_path, "hang")
    notes = tmp_path / "notes"
    notes.mkdir()
    program = (
        "import asyncio, sys\n"
        "from model_switcher.engine.header_process.process import HeaderProcess\n"
        "asyncio.run(HeaderProcess(sys.argv[2:]).read([sys.argv[1]]))\n"
    )
    reader = [sys.executable, fake_header_process.__file__, str(notes)]
    with subprocess.Popen([sys.executable, "-c", program, path, *reader]) as parent:
        asyncio.run(until((notes / "asked for hang.gguf").exists))
        (note,) = notes.glob("started *")
        pid = int(note.name.split()[1])
        assert process_created(pid) is not None
        parent.kill()
    (notes / "answers").touch()  # where nothing tells it of the death, it sees the end of its input
    asyncio.run(until(lambda: process_created(pid) is None))


def test_what_is_printed_there_does_not_get_between_the_answers(tmp_path: Path) -> None:
    (path,) = models(tmp_path, "a")
    program = (
        "import model_switcher.engine.header_process.serve as serve\n"
        "read = serve.HeaderReader.full\n"
        "serve.HeaderReader.full = lambda self, file: (print('noise', flush=True), read(self, file))[1]\n"
        "serve.run()\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], input=frame(path.encode()), capture_output=True, check=True
    )
    _, content = Frames().feed(answer.stdout)
    assert names([decode(content)]) == ["A"]
    assert answer.stderr.strip() == b"noise"


def test_frames_are_put_together_from_any_pieces() -> None:
    contents = [b"", b"a", b"b" * 5000, encode(Rejected(path="p", code=Reject.DAMAGED, reason="r"))]
    stream = b"".join(frame(content) for content in contents)
    for size in (1, 3, 4096, len(stream)):
        frames = Frames()
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert [content for piece in pieces for content in frames.feed(piece)] == contents


@pytest.mark.parametrize("content", [b"", b"\x90", b"\x92\xc0\xc0", b"\xc1", b"\x92" * 5000])
def test_an_answer_of_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        decode(content)


# In the library.


@asynccontextmanager
async def library(folder: Path, there: HeaderProcess | None, cache: Path) -> AsyncIterator[Library]:
    here = Library(
        lambda: [Store("folder", str(folder), str(folder))],
        CatalogReader(dict, cache),
        lambda _catalog, _progress: None,
        Pace(batch=5),
        there,
    )
    here.start()
    try:
        async with asyncio.timeout(SECONDS):
            await here.complete()
        yield here
    finally:
        await here.close()


async def test_the_library_has_many_headers_read_there_and_remembers_what_they_said(tmp_path: Path) -> None:
    notes, folder, cache = tmp_path / "notes", tmp_path / "models", tmp_path / "cache"
    notes.mkdir()
    # With a vocabulary: their beginnings do not say it all.
    tokens = [f"token {number}" for number in range(300)]
    for number in range(20):
        write_model(folder / f"m{number:02}.gguf", tokenizer__ggml__tokens=tokens)
    (folder / "m07.gguf").rename(folder / "crash.gguf")
    os.utime(folder / "crash.gguf", (0, 0))  # long ago: nobody writes it any more
    async with process(notes) as there, library(folder, there, cache) as here:
        catalog = here.catalog
    assert len(list(notes.glob("asked for m*"))) == 19
    assert [model.quantization for model in catalog.models] == ["F16"] * 19
    assert [(Path(entry.path).name, entry.code) for entry in catalog.rejected] == [
        ("crash.gguf", Reject.UNREADABLE)
    ]
    for note in notes.iterdir():
        note.unlink()
    (folder / "crash.gguf").rename(folder / "better.gguf")
    async with process(notes) as there, library(folder, there, cache) as here:
        assert len(here.catalog.models) == 20
    assert list(notes.iterdir()) == []  # one header is not worth a process


async def test_the_library_reads_itself_what_nobody_reads_for_it(tmp_path: Path) -> None:
    notes, folder = tmp_path / "notes", tmp_path / "models"
    notes.mkdir()
    tokens = [f"token {number}" for number in range(300)]
    for number in range(20):
        write_model(folder / f"m{number:02}.gguf", tokenizer__ggml__tokens=tokens)
    async with process(notes, "--die") as there, library(folder, there, tmp_path / "cache") as here:
        assert [model.quantization for model in here.catalog.models] == ["F16"] * 20
    assert started(notes) == 1
