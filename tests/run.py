"""Runs all tests on a fresh machine: makes a virtual environment, installs what the tests need, and starts pytest.

    python3 tests/run.py [--prepare EXTRA …] [pytest arguments]

With `--prepare` it installs the test requirements and those extras, and stops there. On Debian and Ubuntu the system
packages below are installed too (as root, or through sudo); elsewhere their counterparts must be there already.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

MOST_WORKERS = 4

# Qt's platform plugin, a virtual screen with a session bus, a window manager and a panel whose tray the tests click; a
# compiler, and software Vulkan, which tests/fakes/fake_gpu.c makes a graphics card.
DEBIAN_PACKAGES = """
    python3-venv dbus imagemagick lxsession openbox systemd trayer xauth xdotool xfce4-panel xvfb x11-utils
    libdbus-1-3 libegl1 libfontconfig1 libgl1 libglib2.0-0 libvulkan1 libx11-xcb1 libxcb-cursor0 libxcb-icccm4
    libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-render0 libxcb-shape0 libxcb-shm0
    libxcb-sync1 libxcb-util1 libxcb-xfixes0 libxcb-xkb1 libxkbcommon-x11-0
    fish zsh fonts-dejavu-core gcc libc6-dev libvulkan-dev mesa-vulkan-drivers util-linux
""".split()  # noqa: SIM905 - forty names read better so
# What only the long lane needs, by the word that `--prepare` takes.
MORE_DEBIAN_PACKAGES = {
    "browser": ["chromium", "chromium-driver"],  # what the tests in tests/browser drive
    "wine": ["wine", "wine64", "gcc-mingw-w64-x86-64-win32"],
    "installs": ["desktop-file-utils"],
    "rivals": ["copyq", "qlipper"],
}
NOT_OF_PYTHON = {"wine", "installs", "rivals"}


def main(arguments: list[str]) -> int:
    extras = ["test"]
    if arguments[:1] == ["--prepare"]:
        extras += arguments[1:]
    if shutil.which("apt-get") and shutil.which("dpkg-query"):
        more = [package for extra in extras for package in MORE_DEBIAN_PACKAGES.get(extra, [])]
        install_debian_packages(DEBIAN_PACKAGES + more)
    install_python_packages([extra for extra in extras if extra not in NOT_OF_PYTHON])
    if arguments[:1] == ["--prepare"]:
        return 0
    return subprocess.call([PYTHON, "-m", "pytest", *side_by_side(), *arguments], cwd=ROOT)


def side_by_side() -> list[str]:
    """Most tests wait for another process: files of tests run beside each other, those within a file in order."""
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    return ["--numprocesses", str(workers), "--dist", "loadfile"] if workers > 1 else []


def install_debian_packages(packages: list[str]) -> None:
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Status}\\n", *packages],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    installed = {line.split()[0] for line in query.stdout.splitlines() if line.endswith(" installed")}
    missing = [package for package in packages if package not in installed]
    if not missing:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*sudo, "apt-get", "update", "-qq"], check=True, env=environment)
    subprocess.run(
        [*sudo, "apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing],
        check=True, env=environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def install_python_packages(extras: list[str]) -> None:
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run(
        [
            PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--constraint", ROOT / "tests" / "constraints.txt", "--editable", f"{ROOT}[{','.join(extras)}]",
        ],
        check=True,
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
