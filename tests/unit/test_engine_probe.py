"""What engine binaries say about themselves, from real programs that answer like engines."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.errors import EngineUnusable
from model_switcher.engine.binaries.probe import EngineProber, probe

if TYPE_CHECKING:
    from pathlib import Path

USAGE = "-m,    --model FNAME   model\n--port PORT            port\n                       --not-a-flag"


def engine(folder: Path, body: str) -> EngineBinary:
    path = folder / "llama-server"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return EngineBinary(kind="llama-server", command=(str(path),), source="settings")


def answering(folder: Path, version: str, devices: str = "  (none)") -> EngineBinary:
    return engine(
        folder,
        f"""echo asked >> {folder}/asked
case $1 in
  --version) printf '%s\\n' '{version}' >&2;;
  --list-devices) printf '%s\\n' 'Available devices:' '{devices}';;
  --help) printf '%s\\n' '{USAGE}';;
esac""",
    )


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("version: 6123 (abcdef12)", "b6123"),
        ("version: 0.1.0-dev (build 1, commit 7e4c0a9)", "0.1.0-dev (7e4c0a9)"),
        ("version: 0.1.0-dev (build 10434, commit 7e4c0a9)", "b10434"),
        ("version: xllamacpp 2026.10.1", "xllamacpp 2026.10.1"),
        ("hello", "unknown version"),
    ],
)
async def test_the_version_is_read(tmp_path: Path, said: str, version: str) -> None:
    assert (await probe(answering(tmp_path, said))).version == version


async def test_devices_and_flags_are_read(tmp_path: Path) -> None:
    listed = "  Vulkan0: Fake RTX 16G (16384 MiB, 15000 MiB free)\n  CUDA1: Other (R) (8 MiB, 7 MiB free)"
    facts = await probe(answering(tmp_path, "version: 1 (a)", listed))
    assert facts.devices == ("Vulkan0: Fake RTX 16G", "CUDA1: Other (R)")
    assert facts.flags == {"--model", "--port"}
    assert (await probe(answering(tmp_path, "version: 1 (a)"))).devices == ()


async def test_an_engine_is_asked_once_until_its_file_changes(tmp_path: Path) -> None:
    prober = EngineProber()
    binary = answering(tmp_path, "version: 1 (a)")
    await asyncio.gather(*(prober.facts(binary) for _ in range(5)))
    await prober.facts(binary)
    asked = tmp_path / "asked"
    assert asked.read_text().count("asked") == 3
    newer = answering(tmp_path, "version: 2222 (a)")
    os.utime(newer.path, (1, 1))
    assert (await prober.facts(newer)).version == "b2222"


async def test_a_failed_probe_is_tried_again(tmp_path: Path) -> None:
    prober = EngineProber()
    binary = engine(tmp_path, f"test -e {tmp_path}/there || exit 3; echo '{USAGE}'")
    with pytest.raises(EngineUnusable):
        await prober.facts(binary)
    (tmp_path / "there").touch()
    assert "--model" in (await prober.facts(binary)).flags


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            "echo 'x: error while loading shared libraries: libcuda.so.1: cannot open' >&2; exit 127",
            "libcuda.so.1",
        ),
        ("kill -SEGV $$", "was ended by SIGSEGV"),
        ("kill -ILL $$", "was ended by SIGILL"),
        ("exit 3", "ended with exit code 3"),
        ("echo hello", "is not llama-server"),
    ],
)
async def test_an_engine_that_does_not_run_is_told_in_a_sentence(
    tmp_path: Path, body: str, sentence: str
) -> None:
    with pytest.raises(EngineUnusable, match=sentence):
        await probe(engine(tmp_path, body))


async def test_a_program_of_another_machine_is_told(tmp_path: Path) -> None:
    path = tmp_path / "llama-server"
    path.write_bytes(b"MZ\x90\x00")
    path.chmod(0o755)
    binary = EngineBinary(kind="llama-server", command=(str(path),), source="settings")
    with pytest.raises(EngineUnusable, match="not a program for this machine"):
        await probe(binary)


async def test_a_program_that_never_answers_is_given_up_and_killed(tmp_path: Path) -> None:
    binary = engine(tmp_path, f"echo $$ >> {tmp_path}/pids; exec sleep 1000")
    with pytest.raises(EngineUnusable, match="did not say what it is"):
        await probe(binary, deadline=0.5)
    pids = (tmp_path / "pids").read_text().split()
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
