"""Linux' /sys and /proc as folders of a test: cards that come and go, processes that hold their memory."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

PCI_IDS = """\
# A comment
1002  Advanced Micro Devices, Inc. [AMD/ATI]
\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX/7900M]
\t\t1002 0e3b  A board of somebody
\t1638  Cezanne [Radeon Vega Series / Radeon Vega Mobile Series]
8086  Intel Corporation
\t56a0  DG2 [Arc A770]
\t744c  Something else of the same number
C 00  A class
"""


class KernelFiles:
    """A folder that stands for the root of the file system."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("sys/class/drm", "sys/devices", "proc", "usr/share/misc"):
            (root / folder).mkdir(parents=True)
        self.write("usr/share/misc/pci.ids", PCI_IDS)

    def write(self, path: str, content: object) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(f"{content}\n", encoding="utf-8")

    def card(
        self,
        index: int = 0,
        *,
        driver: str = "amdgpu",
        place: str = "0000:03:00.0",
        vendor: int = 0x1002,
        device: int = 0x744C,
        metrics_revision: int | None = 1,
        **files: object,
    ) -> str:
        """A card with those further files; returns its folder."""
        folder = f"sys/devices/{place}"
        self.write(f"{folder}/vendor", f"{vendor:#06x}")
        self.write(f"{folder}/device", f"{device:#06x}")
        if metrics_revision is not None:
            self.write(f"{folder}/gpu_metrics", struct.pack("<HBB", 120, metrics_revision, 3))
        for name, content in files.items():
            self.write(f"{folder}/{name}", content)
        drivers = self.root / "sys/drivers" / driver
        drivers.mkdir(parents=True, exist_ok=True)
        _link(self.root / folder / "driver", drivers)
        (self.root / f"sys/class/drm/card{index}").mkdir(exist_ok=True)
        (self.root / f"sys/class/drm/card{index}-DP-1").mkdir(exist_ok=True)
        _link(self.root / f"sys/class/drm/card{index}/device", self.root / folder)
        return folder

    def sensors(self, folder: str, **files: object) -> None:
        """What the card's sensors say."""
        for name, content in files.items():
            self.write(f"{folder}/hwmon/hwmon3/{name}", content)

    def remove_card(self, index: int = 0, place: str = "0000:03:00.0") -> None:
        """It was pulled out, or its driver was unloaded."""
        shutil.rmtree(self.root / f"sys/class/drm/card{index}")
        shutil.rmtree(self.root / f"sys/devices/{place}")

    def process(self, pid: int, *clients: str, files: int = 3) -> None:
        """A process with so many other open files, and GPU devices whose `fdinfo` says that."""
        folder = self.root / f"proc/{pid}"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "fd").mkdir(parents=True)
        for number in range(files):
            (folder / f"fd/{number}").symlink_to("/dev/null")
        for number, text in enumerate(clients, files):
            (folder / f"fd/{number}").symlink_to(f"/dev/dri/renderD{128 + number}")
            self.write(f"proc/{pid}/fdinfo/{number}", f"pos:\t0\nflags:\t02400002\n{text}")

    def end_process(self, pid: int) -> None:
        shutil.rmtree(self.root / f"proc/{pid}")


def client(number: int, vram_kib: int, gtt_kib: int = 0, place: str = "0000:03:00.0") -> str:
    """`fdinfo` as amdgpu writes it (linux 6.6)."""
    return (
        f"drm-driver:\tamdgpu\ndrm-client-id:\t{number}\ndrm-pdev:\t{place}\npasid:\t32770\n"
        f"drm-memory-vram:\t{vram_kib} KiB\ndrm-memory-gtt: \t{gtt_kib} KiB\ndrm-memory-cpu: \t0 KiB\n"
        f"amd-memory-visible-vram:\t128 KiB\ndrm-engine-gfx:\t34298 ns"
    )


def _link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)
