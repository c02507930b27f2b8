"""The stores of other programs are found where those put them, on every platform."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from model_switcher.domain.settings import STORES
from model_switcher.engine.stores import Layout, Store, find_stores
from model_switcher.engine.surroundings import Surroundings

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {
    "huggingface": "Hugging Face",
    "llama.cpp": "llama.cpp",
    "lm-studio": "LM Studio",
    "ollama": "Ollama",
    "jan": "Jan",
    "gpt4all": "GPT4All",
    "text-generation-webui": "text-generation-webui",
    "koboldcpp": "KoboldCpp",
}
SUPPORT = "home/Library/Application Support"
EVERYWHERE = [
    ("lm-studio", "home/.lmstudio/models"),
    ("lm-studio", "home/.cache/lm-studio/models"),
    ("huggingface", "home/.cache/huggingface/hub"),
    ("ollama", "home/.ollama/models"),
    ("jan", "home/jan/models"),
    ("gpt4all", "home/.cache/gpt4all"),
    ("text-generation-webui", "home/text-generation-webui/models"),
    ("text-generation-webui", "home/text-generation-webui/user_data/models"),
    ("text-generation-webui", "home/Downloads/text-generation-webui-3.22/user_data/models"),
    ("text-generation-webui", "home/Desktop/oobabooga_windows/text-generation-webui/models"),
    ("koboldcpp", "home/koboldcpp"),
    ("koboldcpp", "home/Documents/koboldcpp-1.99"),
    ("koboldcpp", "usr/koboldcpp"),
]
PLACES = {
    "linux": [
        ("llama.cpp", "home/.cache/llama.cpp"),
        ("ollama", "usr/share/ollama/.ollama/models"),
        ("ollama", "var/lib/ollama"),
        ("jan", "home/.config/Jan/data/llamacpp/models"),
        ("jan", "home/.local/share/Jan/data/models"),
        ("gpt4all", "home/.local/share/nomic.ai/GPT4All"),
    ],
    "win32": [
        ("llama.cpp", "local/llama.cpp"),
        ("jan", "roaming/Jan/data/llamacpp/models"),
        ("gpt4all", "local/nomic.ai/GPT4All"),
    ],
    "darwin": [
        ("llama.cpp", "home/Library/Caches/llama.cpp"),
        ("jan", f"{SUPPORT}/Jan/data/llamacpp/models"),
        ("gpt4all", f"{SUPPORT}/nomic.ai/GPT4All"),
    ],
}


def around(folder: Path, platform: str = "linux", **environment: str) -> Surroundings:
    if platform == "win32":
        local, roaming = str(folder / "local"), str(folder / "roaming")
        environment = {"LOCALAPPDATA": local, "APPDATA": roaming} | environment
    return Surroundings(
        platform=platform,
        environment=environment,
        home=folder / "home",
        program=folder / "program" / "model-switcher",
        embedded=None,
        roots=(folder / "usr",),
    )


def roots(stores: list[Store]) -> list[tuple[str, str]]:
    return [(store.name, store.root) for store in stores]


@pytest.mark.parametrize("platform", PLACES)
def test_each_store_is_found_where_its_program_puts_it(tmp_path: Path, platform: str) -> None:
    expected = EVERYWHERE + PLACES[platform]
    other = {path for places in PLACES.values() for _, path in places} - {path for _, path in expected}
    for _, path in [*expected, *(("", path) for path in other)]:
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
    found = find_stores(STORES, [], around(tmp_path, platform))
    assert sorted(roots(found)) == sorted((name, str(tmp_path / path)) for name, path in expected)
    assert {store.name: store.label for store in found} == NAMES
    for store in found:
        special = {"huggingface": Layout.HUGGING_FACE, "ollama": Layout.OLLAMA}
        assert store.layout == special.get(store.name, Layout.FOLDERS)


@pytest.mark.parametrize("platform", PLACES)
def test_each_store_can_be_switched_off(tmp_path: Path, platform: str) -> None:
    for name, path in EVERYWHERE + PLACES[platform]:
        (tmp_path / path).mkdir(parents=True)
        others = [other for other in STORES if other != name]
        assert name not in {store.name for store in find_stores(others, [], around(tmp_path, platform))}
    assert find_stores([], [], around(tmp_path, platform)) == []
    assert find_stores(["no such store"], [], around(tmp_path, platform)) == []


def test_a_machine_without_any_has_none(tmp_path: Path) -> None:
    assert find_stores(STORES, [], around(tmp_path)) == []


@pytest.mark.parametrize(
    ("name", "variable", "below"),
    [
        ("huggingface", "HF_HUB_CACHE", ""),
        ("huggingface", "HUGGINGFACE_HUB_CACHE", ""),
        ("huggingface", "HF_HOME", "hub"),
        ("huggingface", "XDG_CACHE_HOME", "huggingface/hub"),
        ("llama.cpp", "LLAMA_CACHE", ""),
        ("llama.cpp", "XDG_CACHE_HOME", "llama.cpp"),
        ("ollama", "OLLAMA_MODELS", ""),
        ("jan", "XDG_CONFIG_HOME", "Jan/data/models"),
        ("gpt4all", "XDG_DATA_HOME", "nomic.ai/GPT4All"),
    ],
)
def test_variables_of_the_environment_move_a_store(
    tmp_path: Path, name: str, variable: str, below: str
) -> None:
    for place in ("home/.cache/huggingface/hub", "home/.cache/llama.cpp", "home/.ollama/models"):
        (tmp_path / place).mkdir(parents=True)
    moved = tmp_path / "elsewhere" / below
    moved.mkdir(parents=True)
    where = around(tmp_path, **{variable: str(tmp_path / "elsewhere")})
    assert roots(find_stores([name], [], where)) == [(name, str(moved))]


def test_variables_may_be_quoted_or_name_the_home_folder(tmp_path: Path) -> None:
    (tmp_path / "home" / "m").mkdir(parents=True)
    expected = [("ollama", str(tmp_path / "home" / "m"))]
    assert roots(find_stores(["ollama"], [], around(tmp_path, OLLAMA_MODELS="~/m"))) == expected
    quoted = f'"{tmp_path / "home" / "m"}"'
    assert roots(find_stores(["ollama"], [], around(tmp_path, OLLAMA_MODELS=quoted))) == expected


def test_folders_that_the_user_chose_inside_other_programs_are_found(tmp_path: Path) -> None:
    chosen = tmp_path / "big-drive" / "lm"
    jan = tmp_path / "big-drive" / "jan"
    for folder in (
        chosen,
        jan / "llamacpp" / "models",
        tmp_path / "home/.lmstudio",
        tmp_path / "home/.config/Jan",
    ):
        folder.mkdir(parents=True)
    settings = tmp_path / "home" / ".lmstudio" / "settings.json"
    settings.write_text("\ufeff" + json.dumps({"downloadsFolder": str(chosen)}), "utf-8")
    (tmp_path / "home/.config/Jan/settings.json").write_text(json.dumps({"data_folder": str(jan)}))
    found = find_stores(STORES, [], around(tmp_path))
    assert roots(found) == [("lm-studio", str(chosen)), ("jan", str(jan / "llamacpp" / "models"))]


def test_lm_studio_s_home_may_be_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "moved" / "models").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".lmstudio-home-pointer").write_text(f"{tmp_path / 'moved'}\n")
    assert roots(find_stores(["lm-studio"], [], around(tmp_path))) == [
        ("lm-studio", str(tmp_path / "moved" / "models"))
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"downloadsFolder": 5}', "[" * 100_000, "\0"])
def test_damaged_settings_of_other_programs_are_passed_over(tmp_path: Path, text: str) -> None:
    models = tmp_path / "home" / ".lmstudio" / "models"
    models.mkdir(parents=True)
    (models.parent / "settings.json").write_text(text)
    assert roots(find_stores(["lm-studio"], [], around(tmp_path))) == [("lm-studio", str(models))]


def test_a_settings_file_that_is_a_pipe_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "home" / ".lmstudio").mkdir(parents=True)
    os.mkfifo(tmp_path / "home" / ".lmstudio" / "settings.json")
    assert find_stores(["lm-studio"], [], around(tmp_path)) == []


def test_folders_of_the_settings_come_first_and_need_not_exist(tmp_path: Path) -> None:
    studio = tmp_path / "home" / ".lmstudio" / "models"
    studio.mkdir(parents=True)
    (tmp_path / "link").symlink_to(studio)
    gone = str(tmp_path / "gone")
    found = find_stores(STORES, [gone, str(tmp_path / "link")], around(tmp_path))
    assert found == [
        Store("folder", gone, gone),
        Store("folder", str(tmp_path / "link"), str(tmp_path / "link")),
    ]


def test_a_folder_of_the_settings_that_is_ollama_s_is_known_as_such(tmp_path: Path) -> None:
    for name in ("manifests", "blobs"):
        (tmp_path / "service" / name).mkdir(parents=True)
    (store,) = find_stores([], [str(tmp_path / "service")], around(tmp_path))
    assert (store.name, store.layout) == ("folder", Layout.OLLAMA)
