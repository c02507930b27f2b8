"""Collects the licences of everything that a packaged program contains, for build.spec.

A distribution brings its own licence files. Qt for Python names its licence (LGPL 3) without its text, which therefore
lies beside this file. Libraries of a Debian system come with the notice of their package.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = Path(__file__).resolve().parent
PROGRAM = "model-switcher"
BUILT_WITH = "pyinstaller"  # its loader is part of the program

_WANTED = re.compile(r"(^|/)(licen[cs]e|copying|notice|authors)[^/]*$|/licenses/", re.IGNORECASE)
_NAME = re.compile(r"^[A-Za-z0-9._-]+")

Entry = tuple[str, str]


def notices(binaries: Iterable[str], into: str = "licenses") -> list[Entry]:
    """Files with licences as (source, folder) pairs, in a settled order.

    Args:
        binaries: Paths of the libraries that go into the program.
        into: The folder for them all.

    Raises:
        LookupError: A distribution has neither a licence file nor one that lies beside this file.
    """
    found: list[Entry] = [(str(HERE.parent / "LICENSE"), f"{into}/{PROGRAM}")]
    found += [(str(path), f"{into}/python") for path in _of_python()]
    for one in sorted(_closure(PROGRAM) | {BUILT_WITH}):
        files = list(_of_distribution(distribution(one)))
        if not files:
            raise LookupError(f"{one} has no licence file: name its licence in {__file__}")
        found += [(str(path), f"{into}/{one}") for path in files]
    if shutil.which("dpkg-query"):
        found += [(str(path), f"{into}/system/{package}") for package, path in _of_debian(binaries)]
    return found


def _of_python() -> Iterator[Path]:
    library = Path(sysconfig.get_path("stdlib"))
    for folder in (library, Path(sys.base_prefix), Path("/usr/share/doc") / f"python{sys.version[:4]}"):
        for name in ("LICENSE.txt", "LICENSE", "copyright"):
            if (folder / name).is_file():
                yield folder / name
                return


def _closure(name: str) -> set[str]:
    """What is installed of everything that the program needs, directly or not."""
    found: set[str] = set()
    waiting = _needs(distribution(name))
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        try:
            waiting |= _needs(distribution(one))
        except PackageNotFoundError:
            continue  # of another platform
        found.add(one)
    return found


def _needs(one: Distribution) -> set[str]:
    lines = [line for line in one.requires or () if "extra ==" not in line]
    return {match[0].lower().replace("_", "-") for line in lines if (match := _NAME.match(line))}


def _of_distribution(one: Distribution) -> Iterator[Path]:
    own = [file for file in sorted(one.files or (), key=str) if "dist-info" in str(file)]
    texts = [file for file in own if _WANTED.search(file.as_posix())]
    named = _licence(one)
    if "LGPL" in named:
        yield HERE / "licenses" / "LGPL-3.0.txt"
        yield HERE / "licenses" / "GPL-3.0.txt"  # of which the other is a supplement
    elif not texts and named:
        texts = [file for file in own if file.name == "METADATA"]  # which names it
    yield from (Path(str(file.locate())) for file in texts)


def _licence(one: Distribution) -> str:
    """What a distribution says of its licence; empty if it says nothing."""
    said = [str(one.metadata.get(key) or "") for key in ("License-Expression", "License")]
    said += [line for line in one.metadata.get_all("Classifier") or () if line.startswith("License ::")]
    return " ".join(filter(None, said))


def _of_debian(binaries: Iterable[str]) -> Iterator[tuple[str, Path]]:
    paths = sorted({str(Path(path).resolve()) for path in binaries if path.startswith(("/lib", "/usr/lib"))})
    if not paths:
        return
    # dpkg knows a file by the name under which it was installed: with or without /usr.
    asked = [*paths, *(path.removeprefix("/usr") for path in paths)]
    said = subprocess.run(["dpkg-query", "--search", *asked], capture_output=True, text=True, check=False)
    packages = {line.split(":")[0] for line in said.stdout.splitlines() if ": /" in line}
    for package in sorted(packages):
        notice = Path("/usr/share/doc") / package / "copyright"
        if notice.is_file():
            yield package, notice
