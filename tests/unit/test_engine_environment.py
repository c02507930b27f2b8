"""What an engine is given as its environment."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from model_switcher.domain.engines import EngineBinary
from model_switcher.engine.binaries.environment import child_environment, dropped_variables
from model_switcher.engine.embedded.parent import PARENT

if TYPE_CHECKING:
    from pathlib import Path

USERS = {"LLAMA_ARG_CTX_SIZE": "64", "LLAMA_API_KEY": "theirs", "LLAMA_CACHE": "/cache", "PATH": "/bin"}


def server(folder: Path) -> EngineBinary:
    return EngineBinary(kind="llama-server", command=(str(folder / "llama-server"),), source="PATH")


def embedded() -> EngineBinary:
    return EngineBinary(kind="embedded", command=(sys.executable,), source="with this program")


def test_what_would_change_the_engine_is_dropped_and_named(tmp_path: Path) -> None:
    environment = child_environment(server(tmp_path), base=USERS, key="ours")
    assert environment == {
        "LLAMA_API_KEY": "ours",
        "LLAMA_SERVER_ROUTER_PORT": "1",
        "GGML_NO_BACKTRACE": "1",
        "LLAMA_CACHE": "/cache",
        "PATH": "/bin",
    }
    assert dropped_variables(USERS) == ["LLAMA_API_KEY", "LLAMA_ARG_CTX_SIZE"]
    assert dropped_variables({}) == []


def test_libraries_beside_the_engine_are_found_first(tmp_path: Path) -> None:
    (tmp_path / "libllama.so.0").touch()
    environment = child_environment(server(tmp_path), base={"LD_LIBRARY_PATH": "/theirs"}, key="k")
    assert environment["LD_LIBRARY_PATH"] == f"{tmp_path}{os.pathsep}/theirs"
    assert child_environment(server(tmp_path), base={}, key="k")["LD_LIBRARY_PATH"] == str(tmp_path)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ({"LD_LIBRARY_PATH": "/frozen", "LD_LIBRARY_PATH_ORIG": "/theirs"}, "/theirs"),
        ({"LD_LIBRARY_PATH": "/frozen"}, None),
    ],
)
def test_a_foreign_engine_does_not_see_the_libraries_of_a_frozen_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: dict[str, str], expected: str | None
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    environment = child_environment(server(tmp_path), base=base, key="k")
    assert environment.get("LD_LIBRARY_PATH") == expected
    assert "LD_LIBRARY_PATH_ORIG" not in environment
    assert child_environment(embedded(), base=base, key="k")["LD_LIBRARY_PATH"] == "/frozen"


def test_the_embedded_engine_is_told_who_its_parent_is(tmp_path: Path) -> None:
    assert child_environment(embedded(), base={}, key="k")[PARENT] == str(os.getpid())
    assert PARENT not in child_environment(server(tmp_path), base={}, key="k")
