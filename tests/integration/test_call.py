"""`model-switcher call`, as it is typed in a terminal and in a script."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from fakes.commands import command
from fakes.instance import PROGRAM, Instance
from fakes.telling import ALDER, BIRCH, STRANGE, write_strange_model, write_telling_settings


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return write_telling_settings(tmp_path)


async def in_a_terminal(settings: Path, *words: str) -> tuple[int, str]:
    """Status and everything that a terminal shows of a command."""
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "--config", str(settings), *words, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = await asyncio.to_thread(_read_all, ours)
    os.close(ours)
    return await process.wait(), shown


def _read_all(terminal: int) -> str:
    shown = b""
    try:
        while data := os.read(terminal, 4096):
            shown += data
    except OSError:  # Linux says so when the last program has closed it
        pass
    return shown.decode()


async def test_in_a_script_the_answer_is_all_that_is_printed(settings: Path) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        result = await command(settings, "call", "Demo Birch", "Who are you?", "--system", "You are a tree.")
        assert (result.status, result.output, result.errors) == (0, f"{BIRCH}\n", "")
        assert (await instance.ready()).selected == ALDER


async def test_in_a_terminal_the_load_is_shown_and_the_answer_comes_piece_by_piece(settings: Path) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        status, shown = await in_a_terminal(settings, "call", BIRCH, "Who are you?")
        assert status == 0
        progress, _, answer = shown.rpartition("\033[K")
        assert answer == f"{BIRCH}\r\n"
        assert f"start {BIRCH}" in progress
        assert (await instance.ready()).selected == ALDER


async def test_what_it_cannot_do_is_its_status(settings: Path) -> None:
    write_strange_model(settings.parent)
    async with Instance(settings) as instance:
        await instance.ready()
        for model, status, sentence in (
            ("demo-beech", 4, "Did you mean demo-birch"),
            (STRANGE, 5, "Demo Alder is serving"),
        ):
            result = await command(settings, "call", model, "Who are you?")
            assert (result.status, result.output) == (status, "")
            assert sentence in result.errors
        await command(settings, "stop", "--pause")
        assert (await command(settings, "call", BIRCH, "Who are you?")).status == 6


async def test_it_starts_an_instance_where_none_runs(settings: Path) -> None:
    try:
        result = await command(settings, "call", BIRCH, "Who are you?")
        assert (result.status, result.output) == (0, f"{BIRCH}\n")
        assert "a headless one was started" in result.errors
    finally:
        await command(settings, "quit")
