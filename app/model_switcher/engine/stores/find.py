"""Finds the stores that exist on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from model_switcher.engine.catalog.walk import absolute
from model_switcher.engine.stores import places
from model_switcher.engine.stores.store import Layout, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from model_switcher.engine.surroundings import Surroundings


class _Program(NamedTuple):
    label: str
    places: Callable[[Surroundings], Iterator[Path]]
    layout: Layout = Layout.FOLDERS


_PROGRAMS = {
    "huggingface": _Program("Hugging Face", places.hugging_face, Layout.HUGGING_FACE),
    "llama.cpp": _Program("llama.cpp", places.llama_cpp),
    "lm-studio": _Program("LM Studio", places.lm_studio),
    "ollama": _Program("Ollama", places.ollama, Layout.OLLAMA),
    "jan": _Program("Jan", places.jan),
    "gpt4all": _Program("GPT4All", places.gpt4all),
    "text-generation-webui": _Program("text-generation-webui", places.text_generation_webui),
    "koboldcpp": _Program("KoboldCpp", places.koboldcpp),
}


def find_stores(names: Sequence[str], folders: Sequence[str], around: Surroundings) -> list[Store]:
    """The settings' folders, and the stores of other programs that exist. Blocks: for a worker thread.

    Args:
        names: Stores to look for, as the settings spell them; others are left out.
        folders: Folders or single files of the settings; they are listed whether they exist or not.
        around: Where to look.
    """
    found: dict[tuple[str, Layout], Store] = {}
    for folder in folders:
        root = absolute(folder)
        store = Store("folder", root, root, Layout.OLLAMA if _is_ollama(Path(root)) else Layout.FOLDERS)
        found.setdefault((os.path.realpath(root), store.layout), store)
    for name in names:
        program = _PROGRAMS.get(name)
        for place in program.places(around) if program else ():
            if program is not None and is_there(place):
                store = Store(name, absolute(place), program.label, program.layout)
                found.setdefault((os.path.realpath(place), store.layout), store)
    return list(found.values())


def label_of(name: str) -> str:
    """What people call the store of that name; the name itself where none is known by it."""
    program = _PROGRAMS.get(name)
    return name if program is None else program.label


def is_there(place: Path) -> bool:
    """Whether there is a folder at `place`; one that this user may not look into counts, so that it can be told."""
    try:
        return place.is_dir()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False


def _is_ollama(root: Path) -> bool:
    """Whether a folder that the user named is one of Ollama's, whose service may keep it anywhere."""
    try:
        return (root / "manifests").is_dir() and (root / "blobs").is_dir()
    except (OSError, ValueError):
        return False
