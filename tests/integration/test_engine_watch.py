"""While no engine can be used, snapshots say why, what else there is and where was looked."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from fakes.gguf_files import write_model
from model_switcher.domain.settings import ServerSettings, Settings
from model_switcher.domain.snapshot import Snapshot, SourceView
from model_switcher.engine.binaries import find
from model_switcher.engine.binaries.probe import EngineProber
from model_switcher.engine.collection import catalog_now, sources_of, stores
from model_switcher.engine.hub import Hub
from model_switcher.engine.settings import engine_watch
from model_switcher.engine.settings.engine_watch import EngineWatch
from model_switcher.engine.settings.live import LiveSettings
from model_switcher.engine.surroundings import Surroundings
from model_switcher.places import places

if TYPE_CHECKING:
    from pathlib import Path

EMBEDDED = (sys.executable, "-m", "model_switcher.engine.embedded")


def around(home: Path) -> Surroundings:
    """A computer with the embedded engine and nothing else."""
    return Surroundings(
        platform=sys.platform,
        environment={"PATH": str(home / "bin")},
        home=home,
        program=home / "program" / "model-switcher",
        embedded=EMBEDDED,
        roots=(),
    )


async def test_it_is_told_while_no_engine_runs_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "surroundings", lambda: around(tmp_path))
    monkeypatch.setattr(engine_watch, "LOOK_SECONDS", 0.02)
    broken = tmp_path / "bin" / "llama-server"
    broken.parent.mkdir()
    broken.write_text(
        "#!/bin/sh\necho 'error while loading shared libraries: libcuda.so.1: not there' >&2\nexit 127\n"
    )
    broken.chmod(0o755)
    hub = Hub(Snapshot())
    settings = tmp_path / "settings.toml"
    live = LiveSettings(Settings(server=ServerSettings(engine=str(broken))), settings, hub)
    watch = asyncio.create_task(EngineWatch(live, hub, EngineProber()).run())
    async with asyncio.timeout(30):
        snapshot = await hub.wait_for(lambda s: s.engine_trouble is not None)
        trouble = snapshot.engine_trouble
        assert trouble is not None
        assert trouble.setting == str(broken)
        assert trouble.reason == f"{broken} cannot start: the library libcuda.so.1 is missing"
        assert [(one.setting, one.problem) for one in trouble.found] == [
            (str(broken), trouble.reason),
            ("embedded", None),
        ]
        looked = {place.source: place.folders for place in trouble.searched}
        assert looked["PATH"] == (str(broken.parent),)
        assert str(tmp_path / "Downloads") in looked["a release archive"]
        await live.change({("server", "engine"): "embedded"})
        await hub.wait_for(lambda s: s.engine_trouble is None)
        await live.change({("server", "engine"): str(tmp_path / "gone")})
        snapshot = await hub.wait_for(lambda s: s.engine_trouble is not None)
        assert snapshot.engine_trouble is not None
        assert snapshot.engine_trouble.reason == f"There is no engine at {tmp_path / 'gone'}"
        # It is put there: nobody has to ask for another look.
        broken.rename(tmp_path / "gone")
        (tmp_path / "gone").write_text(
            f'#!/bin/sh\nexec {sys.executable} -m model_switcher.engine.embedded "$@"\n'
        )
        await hub.wait_for(lambda s: s.engine_trouble is None)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_sources_tell_how_many_models_lie_where_and_which_programs_have_none(tmp_path: Path) -> None:
    for folder in ("a", "a/deeper", "b"):
        write_model(tmp_path / folder / f"{folder[-1]}.gguf")
    folders = tuple(str(tmp_path / folder) for folder in ("a", "b", "away"))
    settings = Settings(model_folders=folders, stores=())
    catalog = await catalog_now(settings, places(str(tmp_path / "settings.toml")))
    found = await asyncio.to_thread(stores, settings)
    assert sources_of(found, ("lm-studio",), catalog) == (
        *(
            SourceView(label=folder, root=folder, models=count)
            for folder, count in zip(folders, (2, 1, 0), strict=True)
        ),
        SourceView(label="LM Studio"),
    )
