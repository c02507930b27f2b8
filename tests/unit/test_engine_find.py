"""Engine binaries are found where people have them, on every platform."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from model_switcher.domain.errors import EngineUnusable, NoEngine
from model_switcher.engine.binaries.find import choose_engine, find_engines
from model_switcher.engine.surroundings import Surroundings, surroundings

if TYPE_CHECKING:
    from pathlib import Path

EMBEDDED = ("python", "-m", "model_switcher.engine.embedded")


def program(path: Path, *, mode: int = 0o755) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"program")
    path.chmod(mode)
    return str(path)


def around(
    folder: Path,
    platform: str = "linux",
    *,
    environment: dict[str, str] | None = None,
    embedded: tuple[str, ...] | None = None,
) -> Surroundings:
    return Surroundings(
        platform=platform,
        environment=environment or {},
        home=folder / "home",
        program=folder / "program" / "model-switcher",
        embedded=embedded,
        roots=(folder / "homebrew", folder / "usr" / "local"),
    )


def commands(where: Surroundings) -> list[tuple[str, ...]]:
    return [engine.command for engine in find_engines("auto", where)]


def test_the_one_beside_the_program_wins_over_path_and_both_over_the_embedded_one(tmp_path: Path) -> None:
    beside = program(tmp_path / "program" / "llama-server")
    on_path = program(tmp_path / "b" / "llama-server")
    (tmp_path / "a").mkdir()
    where = around(tmp_path, environment={"PATH": f"{tmp_path / 'a'}:{tmp_path / 'b'}"}, embedded=EMBEDDED)
    assert commands(where) == [(beside,), (on_path,), EMBEDDED]
    assert [engine.source for engine in find_engines("auto", where)] == [
        "beside this program",
        "PATH",
        "with this program",
    ]
    assert choose_engine("auto", where).command == (beside,)


def test_windows_places_are_searched_in_order(tmp_path: Path) -> None:
    local = tmp_path / "local"
    winget = program(
        local
        / "Microsoft/WinGet/Packages/ggml.llamacpp_Microsoft.Winget.Source_8wekyb3d8bbwe/llama-server.exe"
    )
    links = local / "Microsoft/WinGet/Links/llama-server.exe"
    links.parent.mkdir()
    links.symlink_to(winget)
    scoop = program(tmp_path / "home/scoop/apps/llama.cpp/current/llama-server.exe")
    old = program(tmp_path / "home/Downloads/llama-b999-bin-win-vulkan-x64/llama-server.exe")
    new = program(tmp_path / "home/Downloads/llama-b6123-bin-win-vulkan-x64/llama-server.exe")
    quoted = program(tmp_path / "tools/llama-server.exe")
    program(tmp_path / "tools2/llama-server")  # no .exe: not a program of Windows
    path = f'"{tmp_path / "tools"}";{tmp_path / "tools2"}'
    where = around(tmp_path, "win32", environment={"LOCALAPPDATA": str(local), "PATH": path})
    assert commands(where) == [(quoted,), (winget,), (scoop,), (new,), (old,)]


def test_homebrew_places_are_searched(tmp_path: Path) -> None:
    apple = program(tmp_path / "homebrew/bin/llama-server")
    intel = program(tmp_path / "usr/local/bin/llama-server")
    assert commands(around(tmp_path, "darwin")) == [(apple,), (intel,)]
    custom = program(tmp_path / "brew/bin/llama-server")
    where = around(tmp_path, "darwin", environment={"HOMEBREW_PREFIX": str(tmp_path / "brew")})
    assert commands(where) == [(custom,), (apple,), (intel,)]


def test_a_build_of_ones_own_is_found(tmp_path: Path) -> None:
    built = program(tmp_path / "home/llama.cpp/build/bin/llama-server")
    assert commands(around(tmp_path)) == [(built,)]


def test_one_program_reached_on_two_ways_is_listed_once(tmp_path: Path) -> None:
    real = program(tmp_path / "cellar" / "llama-server")
    link = tmp_path / "homebrew" / "bin" / "llama-server"
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    where = around(tmp_path, environment={"PATH": str(tmp_path / "cellar")})
    assert commands(where) == [(real,)]


def test_what_may_not_be_run_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "a" / "llama-server", mode=0o644)
    (tmp_path / "b" / "llama-server").mkdir(parents=True)
    where = around(tmp_path, environment={"PATH": f"{tmp_path / 'a'}:{tmp_path / 'b'}"})
    assert commands(where) == []


def test_no_engine_says_what_was_looked_for_and_where_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NoEngine) as caught:
        choose_engine("auto", around(tmp_path))
    assert "llama-server" in caught.value.message
    assert "winget install llama.cpp" in caught.value.hint
    assert "brew install llama.cpp" in caught.value.hint
    with pytest.raises(NoEngine, match="embedded"):
        choose_engine("embedded", around(tmp_path))


def test_a_path_is_taken_as_it_is_and_a_folder_means_the_one_in_it(tmp_path: Path) -> None:
    path = program(tmp_path / "home" / "llama" / "llama-server")
    where = around(tmp_path, embedded=EMBEDDED)
    for setting in (path, f'"{path}"', str(tmp_path / "home" / "llama"), "~/llama/llama-server"):
        assert choose_engine(setting, where).command == (path,)
        assert choose_engine(setting, where).source == "settings"


def test_a_path_without_a_program_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineUnusable, match="no engine at"):
        choose_engine(str(tmp_path / "none"), around(tmp_path))
    with pytest.raises(EngineUnusable, match="may be run"):
        choose_engine(program(tmp_path / "text", mode=0o644), around(tmp_path))


def test_the_embedded_engine_is_run_by_this_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_engine("embedded").command == (sys.executable, "-m", "model_switcher.engine.embedded")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert choose_engine("embedded").command == (sys.executable, "--embedded-engine")


def test_the_own_surroundings_are_those_of_the_process() -> None:
    own = surroundings()
    assert own.platform == sys.platform
    assert own.environment is os.environ
    assert "xllamacpp" not in sys.modules or own.embedded is not None
