"""What is shipped: every module, the assets, and nothing that needs Qt where none is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

from fakes.commands import command
from fakes.instance import Instance, write_settings
from model_switcher.engine.demo_models import write_demo_models

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "app" / "model_switcher"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the files in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    source = tmp_path_factory.mktemp("source")  # a build leaves its traces beside the sources
    for name in ("app", "resources"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source],
        check=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def test_every_package_on_the_disk_is_named_in_the_project_file() -> None:
    named = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"])
    on_disk = {
        ".".join(("model_switcher", *folder.parent.relative_to(SOURCE).parts))
        for folder in SOURCE.rglob("__init__.py")
    }
    assert named == on_disk | {"model_switcher.resources"}


def test_the_wheel_holds_every_module_the_marker_of_types_and_the_licence(wheel: list[str]) -> None:
    modules = {f"model_switcher/{path.relative_to(SOURCE).as_posix()}" for path in SOURCE.rglob("*.py")}
    assert modules <= set(wheel)
    assert "model_switcher/py.typed" in wheel
    assert "model_switcher/resources/__init__.py" in wheel
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


def test_the_wheel_holds_nothing_else(wheel: list[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"model_switcher"}
    assert not [name for name in wheel if "tests/" in name or ("/test_" in name and name.endswith(".py"))]


def test_assets_are_reached_through_one_door() -> None:
    assert files("model_switcher.resources").joinpath("__init__.py").is_file()


async def test_serve_needs_no_qt(tmp_path: Path) -> None:
    block = tmp_path / "block"
    block.mkdir()
    (block / "sitecustomize.py").write_text(
        "import sys\n"
        "class NoQt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'PySide6', 'qasync', 'shiboken6'}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, NoQt())\n"
    )
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    environment = {"PYTHONPATH": str(block), "DISPLAY": ":0"}
    async with Instance(settings, "serve", environment=environment) as instance:
        await instance.ready()
        assert (await command(settings, "switch", "demo-birch")).status == 0
    async with Instance(settings, "tray", environment=environment) as instance:
        await instance.ready()
        assert "No tray here: Qt is not installed" in instance.said()


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ["httpx", "aiohttp", "PySide6", "qasync", "pynvml", "psutil", "xllamacpp", "tomlkit", "asyncio"]
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys, model_switcher; print([n for n in {heavy!r} if n in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "[]"


def test_the_command_says_its_version() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "model_switcher", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "model-switcher 0.1.0"
