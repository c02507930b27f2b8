"""What is read of a model's file before it is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_switcher.domain.catalog import Model
from model_switcher.domain.engines import EngineBinary, EngineFacts
from model_switcher.domain.errors import UnusableModel
from model_switcher.domain.settings import ServerSettings, Settings
from model_switcher.engine.binaries.probe import EngineProber
from model_switcher.engine.catalog.headers import HeaderReader
from model_switcher.engine.catalog.walk import Candidate
from model_switcher.engine.control import preflight
from model_switcher.engine.control.preflight import Preflight
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.engine.gguf import Header


class Prober(EngineProber):
    """Knows without asking."""

    async def facts(self, binary: EngineBinary) -> EngineFacts:
        del binary
        return EngineFacts(version="1", devices=(), flags=frozenset({"--model", "--port"}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_demo_models(tmp_path)[0]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files whose whole header was read."""
    files: list[str] = []
    really = preflight.read_header

    def note(file: str) -> Header:
        files.append(file)
        return really(file)

    monkeypatch.setattr(preflight, "read_header", note)
    return files


def checked(path: Path, reader: HeaderReader) -> tuple[Preflight, Model]:
    settings = Settings(server=ServerSettings(engine="embedded"))
    model = Model(id="a", name="A", path=str(path), files=(str(path),), size=1)
    return Preflight(settings, Prober(), reader.found_good), model


def candidate(path: Path) -> Candidate:
    status = path.stat()
    return Candidate(str(path), (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns)


async def test_a_header_is_read_once(path: Path, read: list[str]) -> None:
    check, model = checked(path, HeaderReader())
    await check.prepare(model)
    await check.prepare(model)
    assert read == [str(path)]


async def test_a_header_that_the_catalog_has_read_is_not_read_again_until_the_file_changes(
    path: Path, read: list[str], tmp_path: Path
) -> None:
    reader = HeaderReader(tmp_path / "headers")
    check, model = checked(path, reader)
    reader.full(candidate(path))
    await check.prepare(model)
    assert read == []
    with path.open("ab") as file:
        file.write(b"more")
    await check.prepare(model)
    assert read == [str(path)]


async def test_a_file_that_is_none_any_more_is_seen_also_where_nothing_else_tells(
    path: Path, tmp_path: Path
) -> None:
    reader = HeaderReader(tmp_path / "headers")
    check, model = checked(path, reader)
    size = path.stat().st_size
    good = reader.full(candidate(path))
    path.write_bytes(b"\0" * size)
    reader.keep(candidate(path), good)
    with pytest.raises(UnusableModel):
        await check.prepare(model)
