"""Where each program keeps its models, on each platform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model_switcher.engine.surroundings import Surroundings

_LARGEST_SETTINGS = 1024 * 1024


def hugging_face(around: Surroundings) -> Iterator[Path]:
    """The hub cache, by the rules of huggingface_hub's `constants.py`, which llama.cpp's `-hf` follows too."""
    named = _variable(around, "HF_HUB_CACHE") or _variable(around, "HUGGINGFACE_HUB_CACHE")
    home = _variable(around, "HF_HOME") or _cache(around) / "huggingface"
    yield named or home / "hub"


def llama_cpp(around: Surroundings) -> Iterator[Path]:
    """`fs_get_cache_directory` of llama.cpp's common/common.cpp."""
    named = _variable(around, "LLAMA_CACHE")
    if named is not None:
        yield named
    elif around.platform == "win32":
        yield _local(around) / "llama.cpp"
    elif around.platform == "darwin":
        yield around.home / "Library" / "Caches" / "llama.cpp"
    else:
        yield _cache(around) / "llama.cpp"


def lm_studio(around: Surroundings) -> Iterator[Path]:
    """https://lmstudio.ai/docs/app/basics/import-model; up to version 0.3.4 it was ~/.cache/lm-studio.

    Its home may be moved; `~/.lmstudio-home-pointer` then says where to. `downloadsFolder` in settings.json is the
    folder that the user chose for models.
    """
    pointed = _first_line(around.home / ".lmstudio-home-pointer")
    homes = [around.home / ".lmstudio", around.home / ".cache" / "lm-studio"]
    if pointed:
        homes.insert(0, _expanded(around, pointed))
    for home in homes:
        yield home / "models"
    for folder in (*homes, _settings_home(around) / "LM Studio"):
        chosen = _setting(folder / "settings.json", "downloadsFolder")
        if chosen:
            yield _expanded(around, chosen)


def ollama(around: Surroundings) -> Iterator[Path]:
    """https://docs.ollama.com/faq, "Where are models stored?"; on Linux the service has a home of its own."""
    named = _variable(around, "OLLAMA_MODELS")
    if named is not None:
        yield named
        return
    yield around.home / ".ollama" / "models"
    for root in around.roots if around.platform == "linux" else ():
        yield root / "share" / "ollama" / ".ollama" / "models"
        if root.name == "usr":
            yield root.parent / "var" / "lib" / "ollama"  # the package of Arch Linux


def jan(around: Surroundings) -> Iterator[Path]:
    """https://jan.ai/docs/desktop/data-folder; `data_folder` in settings.json is the folder that the user chose."""
    homes = [_settings_home(around) / "Jan"]
    if around.platform == "linux":
        homes.append(_data(around) / "Jan")
    folders = [home / "data" for home in homes]
    folders += [
        _expanded(around, chosen)
        for home in homes
        if (chosen := _setting(home / "settings.json", "data_folder"))
    ]
    for folder in (*folders, around.home / "jan"):  # ~/jan up to version 0.5
        yield folder / "llamacpp" / "models"
        yield folder / "models"


def gpt4all(around: Surroundings) -> Iterator[Path]:
    """https://docs.gpt4all.io/gpt4all_desktop/settings.html; the Python package has a folder of its own."""
    base = _local(around) if around.platform == "win32" else _data(around)
    yield base / "nomic.ai" / "GPT4All"
    yield around.home / ".cache" / "gpt4all"


def text_generation_webui(around: Surroundings) -> Iterator[Path]:
    """https://github.com/oobabooga/text-generation-webui: `models`, since version 3 `user_data/models`."""
    for folder in _unpacked(
        around, "text-generation-webui*", "textgen-*", "oobabooga*/text-generation-webui"
    ):
        yield folder / "user_data" / "models"
        yield folder / "models"


def koboldcpp(around: Surroundings) -> Iterator[Path]:
    """It has no folder of its own: people keep models in the one that they unpacked it to."""
    yield from _unpacked(around, "koboldcpp*", "KoboldCpp*")


def _unpacked(around: Surroundings, *patterns: str) -> Iterator[Path]:
    """Folders of programs that have no installer."""
    home = around.home
    parents = [home, home / "Downloads", home / "Desktop", home / "Documents", home / "AI", *around.roots]
    for parent in parents:
        for pattern in patterns:
            try:
                yield from sorted(folder for folder in parent.glob(pattern) if folder.is_dir())
            except OSError:
                continue  # what this user may not read holds no models of theirs


def _variable(around: Surroundings, name: str) -> Path | None:
    value = around.environment.get(name, "").strip().strip('"')
    return _expanded(around, value) if value else None


def _expanded(around: Surroundings, path: str) -> Path:
    return around.home / path[2:] if path.startswith(("~/", "~\\")) else Path(path)


def _cache(around: Surroundings) -> Path:
    return _variable(around, "XDG_CACHE_HOME") or around.home / ".cache"


def _local(around: Surroundings) -> Path:
    return _variable(around, "LOCALAPPDATA") or around.home / "AppData" / "Local"


def _data(around: Surroundings) -> Path:
    if around.platform == "darwin":
        return around.home / "Library" / "Application Support"
    return _variable(around, "XDG_DATA_HOME") or around.home / ".local" / "share"


def _settings_home(around: Surroundings) -> Path:
    if around.platform == "win32":
        return _variable(around, "APPDATA") or around.home / "AppData" / "Roaming"
    if around.platform == "darwin":
        return around.home / "Library" / "Application Support"
    return _variable(around, "XDG_CONFIG_HOME") or around.home / ".config"


def _first_line(path: Path) -> str:
    lines = _text(path).splitlines()
    return lines[0].strip() if lines else ""


def _setting(path: Path, key: str) -> str | None:
    """A text out of another program's settings; None where there is none that can be read."""
    try:
        value = json.loads(_text(path)).get(key)
    except (ValueError, AttributeError, RecursionError):
        return None
    return value if isinstance(value, str) and value.strip() else None


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_LARGEST_SETTINGS).decode("utf-8", "replace").removeprefix("\ufeff")
    except OSError:
        return ""
