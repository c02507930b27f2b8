"""Makes the one-folder build a second time and compares it with the first, file by file.

PYTHONHASHSEED=0 python tests/packaging/reproducible.py dist/model-switcher
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Differences are named, and end it with status 1."""
    assert os.environ.get("PYTHONHASHSEED") == "0", "builds are the same with PYTHONHASHSEED=0 alone"
    first = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "ERROR",
                "--workpath", f"{folder}/work", "--distpath", f"{folder}/dist", "build.spec",
            ],
            cwd=ROOT, check=True,
        )  # fmt: skip
        one, other = sums(first), sums(Path(folder) / "dist" / first.name)
    different = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    if different:
        raise SystemExit(f"{len(different)} of {len(one)} files differ: {', '.join(different[:10])}")
    print(f"two builds are the same, byte for byte: {len(one)} files")


def sums(folder: Path) -> dict[str, str]:
    """The checksum of each file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


if __name__ == "__main__":
    main()
