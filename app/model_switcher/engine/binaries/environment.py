"""The environment that an engine is started with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.engine.embedded.parent import PARENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.domain.engines import EngineBinary

_LIBRARIES = ("libllama*.so*", "libggml*.so*")
_SEARCH_PATH = "LD_LIBRARY_PATH"


def dropped_variables(base: Mapping[str, str]) -> list[str]:
    """Names of the variables in `base` that would change what an engine does, and are kept from it."""
    return sorted(name for name in base if _changes_engines(name.upper()))


def child_environment(
    binary: EngineBinary, *, base: Mapping[str, str] = os.environ, key: str
) -> dict[str, str]:
    """The environment to start `binary` with.

    Args:
        binary: The engine.
        base: The environment to begin with.
        key: The API key that the engine shall ask of its clients; the environment does not show in process lists.
    """
    drop = set(dropped_variables(base))
    environment = {name: value for name, value in base.items() if name not in drop}
    if binary.kind == "embedded":
        environment[PARENT] = str(os.getpid())
    else:
        _undo_frozen_search_path(environment)
        _find_own_libraries(environment, Path(binary.path).parent)
    environment["LLAMA_API_KEY"] = key
    # Set to anything, it makes llama-server report its state to its parent and end with it
    # (llama.cpp, tools/server/server-models.cpp).
    environment["LLAMA_SERVER_ROUTER_PORT"] = "1"
    # Where gdb is installed, an engine that aborts would have it print a backtrace for a second or two before it is gone
    # (ggml, src/ggml.c: ggml_print_backtrace).
    environment.setdefault("GGML_NO_BACKTRACE", "1")
    return environment


def _changes_engines(name: str) -> bool:
    return name.startswith("LLAMA_ARG_") or name in {"LLAMA_API_KEY", "LLAMA_SERVER_CHILD_MODE"}


def _undo_frozen_search_path(environment: dict[str, str]) -> None:
    """Give a foreign program its own libraries back: PyInstaller puts ours first and keeps what was there
    (https://pyinstaller.org/en/stable/runtime-information.html).
    """
    if not getattr(sys, "frozen", False):
        return
    original = environment.pop(f"{_SEARCH_PATH}_ORIG", None)
    environment.pop(_SEARCH_PATH, None)
    if original:
        environment[_SEARCH_PATH] = original


def _find_own_libraries(environment: dict[str, str], folder: Path) -> None:
    if any(next(folder.glob(pattern), None) for pattern in _LIBRARIES):
        rest = environment.get(_SEARCH_PATH)
        environment[_SEARCH_PATH] = os.pathsep.join((str(folder), rest)) if rest else str(folder)
