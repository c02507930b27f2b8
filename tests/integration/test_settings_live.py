"""An instance whose settings change while it runs: by hand in the file, and key by key as a window does it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from fakes.engines import LLAMA_SERVER
from fakes.household import ALDER, BIRCH, Household
from fakes.launches import until
from model_switcher.domain.errors import SettingsError
from model_switcher.domain.option_help import find
from model_switcher.engine.settings import live

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Household]:
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.02)
    async with Household(tmp_path, monkeypatch) as it:
        await it.start()
        await it.settles(ALDER)
        yield it


def by_hand(home: Household, old: str, new: str) -> None:
    text = home.settings.read_text("utf-8")
    assert old in text
    home.write_by_hand(text.replace(old, new).encode())


async def test_a_file_that_is_edited_by_hand_takes_effect(home: Household) -> None:
    by_hand(home, "ctx-size = 512", "ctx-size = 256")
    snapshot = await home.until(lambda s: s.outdated == (ALDER,))
    assert snapshot.settings_notice is None
    await home.runtime.desk.reload(ALDER)
    served = (await home.state()).served
    assert served is not None
    line = psutil.Process(served.pid).cmdline()
    assert line[line.index("--ctx-size") + 1] == "256"


async def test_a_broken_file_changes_nothing_and_is_told_until_it_is_right_again(home: Household) -> None:
    before = home.runtime.settings
    good = home.settings.read_text("utf-8")
    by_hand(home, "[launch]", "[launch")
    snapshot = await home.until(lambda s: s.settings_notice is not None)
    assert "line 1" in str(snapshot.settings_notice)
    assert home.runtime.settings == before
    with pytest.raises(SettingsError):
        await home.runtime.desk.change({("launch", "ctx-size"): 1024})
    assert "[launch\n" in home.settings.read_text("utf-8")
    home.write_by_hand(good.replace('"one at a time"', '"all at once"').encode())
    await home.until(lambda s: "memory" in str(s.settings_notice))
    assert home.runtime.settings == before
    home.write_by_hand(good.encode())
    await home.until(lambda s: s.settings_notice is None)


async def test_a_file_that_is_deleted_changes_nothing_and_is_told(home: Household) -> None:
    before = home.runtime.settings
    text = home.settings.read_bytes()
    home.settings.unlink()
    await home.until(lambda s: "is gone" in str(s.settings_notice))
    assert home.runtime.settings == before
    home.write_by_hand(text.replace(b"ctx-size = 512", b"ctx-size = 256"))
    await home.until(lambda s: s.settings_notice is None)
    assert home.runtime.settings.launch == {"ctx-size": 256}


async def test_a_change_keeps_the_comments_and_wrong_values_are_refused_with_their_keys(
    home: Household,
) -> None:
    state = await home.runtime.desk.change({("memory", "margin"): "1 GiB", ("desktop", "theme"): "dark"})
    assert state.in_force.memory.margin == 1024**3
    assert "# whatever happens, this line stays" in home.settings.read_text("utf-8")
    with pytest.raises(SettingsError) as caught:
        await home.runtime.desk.change({("server", "port"): 0, ("desktop", "theme"): "drak"})
    assert {problem["key"] for problem in caught.value.details["problems"]} == {
        "server.port",
        "desktop.theme",
    }
    assert home.runtime.settings == state.in_force


async def test_folders_and_aliases_take_effect(home: Household, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (tmp_path / "models" / "cedar.gguf").rename(more / "cedar.gguf")
    await until(lambda: home.runtime.snapshot.catalog.get("cedar") is None)
    folders = [str(tmp_path / "models"), str(more)]
    await home.runtime.desk.change({("model-folders",): folders, ("models", BIRCH, "alias"): ["tree"]})
    await until(lambda: home.runtime.snapshot.catalog.named("tree") is not None)
    await until(lambda: home.runtime.snapshot.catalog.get("cedar") is not None)
    assert (await home.ask("tree")) == BIRCH
    await home.runtime.desk.change({("model-folders",): folders[:1]})
    await until(lambda: home.runtime.snapshot.catalog.get("cedar") is None)


async def test_keys_and_origins_take_effect_and_the_address_waits_for_the_next_start(
    home: Household,
) -> None:
    origin = {"Origin": "http://page.example"}
    async with httpx.AsyncClient(base_url=home.address, trust_env=False, verify=False) as client:
        assert (await client.get("/v1/models", headers=origin)).status_code == 403
        await home.runtime.desk.change({("server", "allowed-origins"): ["http://page.example"]})
        assert (await client.get("/v1/models", headers=origin)).status_code == 200
        await home.runtime.desk.change({("server", "unknown-model"): "error"})
        answer = await client.post("/completion", json={"model": "gpt-4o", "prompt": "a"})
        assert answer.json()["error"]["code"] == "unknown-model"
        await home.runtime.desk.change({("server", "hold-bytes"): 10})
        assert (await client.post("/completion", json={"prompt": "a" * 20})).status_code == 413
        state = await home.runtime.desk.change(
            {("server", "port"): 9, ("server", "host"): "0.0.0.0", ("server", "api-keys"): ["secret"]}
        )
        assert state.after_restart == ("server.host", "server.port")
        assert (await client.get("/v1/models")).status_code == 401
        assert (await client.get("/v1/models", headers={"Authorization": "Bearer secret"})).status_code == 200
    state = await home.runtime.desk.change({("server", "host"): None, ("server", "api-keys"): None})
    assert state.in_force.server.api_keys == ()


async def test_memory_policy_and_limits_take_effect(home: Household) -> None:
    before = (await home.state()).served
    await home.runtime.desk.change({("memory", "unload-after-idle"): 0})
    await home.until(lambda s: not s.servers)
    await home.runtime.desk.change(
        {
            ("memory", "unload-after-idle"): None,
            ("memory", "keep-resident"): None,
            ("memory", "warm-up"): False,
        }
    )
    await home.ask(ALDER)
    after = (await home.state()).served
    assert before is not None
    assert after is not None
    assert after.pid != before.pid
    assert home.runtime.settings.memory.keep_resident == "while it fits"
    assert home.runtime._controller._stage._outlook.limits.beside
    assert not home.runtime._anticipation._warm_up.enabled


async def test_the_default_model_is_the_last_fallback_at_once(home: Household) -> None:
    await home.runtime.desk.change({("default-model",): BIRCH})
    await until(lambda: home.runtime._controller._book.default == BIRCH)


async def test_engines_their_options_and_a_trial(home: Household) -> None:
    desk = home.runtime.desk
    await desk.change({("models", BIRCH, "engine"): LLAMA_SERVER.path, ("models", "x", "engine"): "/no/such"})
    found = {engine.setting: engine for engine in await desk.engines()}
    assert found[LLAMA_SERVER.path].version
    assert found[LLAMA_SERVER.path].problem is None
    assert found["embedded"].problem is None
    assert "no engine at" in str(found["/no/such"].problem)
    options = await desk.options(LLAMA_SERVER.path)
    context = find(options, "ctx-size")
    assert context is not None
    assert context.default == "0, 0 = loaded from model"
    before = (await home.state()).served
    await until(lambda: ALDER in home.runtime.snapshot.needs)
    tried = await desk.try_engine(LLAMA_SERVER.path)
    assert tried.engine == f"llama-server {found[LLAMA_SERVER.path].version}"
    assert tried.seconds > 0
    assert tried.ram is not None
    assert tried.ram > 1024**2
    assert (await home.state()).served == before, "what runs is left alone"
    assert not [one for one in psutil.Process().children() if LLAMA_SERVER.path in " ".join(one.cmdline())]


async def test_what_a_model_would_take_changes_with_the_options(home: Household) -> None:
    desk = home.runtime.desk
    await until(lambda: ALDER in home.runtime.snapshot.needs)
    small, large = await asyncio.gather(
        desk.suppose(ALDER, {"ctx-size": 512}, "embedded"),
        desk.suppose(ALDER, {"ctx-size": 65536}, "embedded"),
    )
    assert small.need is not None
    assert large.need is not None
    assert large.need.host.cache > small.need.host.cache
    assert small.fit is not None
    assert home.runtime.settings.launch == {"ctx-size": 512}, "it was only asked"


async def test_an_engine_that_is_gone_is_told_until_the_settings_name_another(home: Household) -> None:
    engine = home.runtime.settings.server.engine
    await home.runtime.desk.change({("server", "engine"): "/gone/llama-server"})
    snapshot = await home.until(lambda s: s.engine_trouble is not None)
    trouble = snapshot.engine_trouble
    assert trouble is not None
    assert (trouble.setting, trouble.reason) == (
        "/gone/llama-server",
        "There is no engine at /gone/llama-server",
    )
    assert "PATH" in [place.source for place in trouble.searched]
    assert [source.models for source in snapshot.sources if source.root is not None] == [
        len(home.runtime.snapshot.catalog.models)
    ]
    await home.runtime.desk.change({("server", "engine"): engine})
    await home.until(lambda s: s.engine_trouble is None)
