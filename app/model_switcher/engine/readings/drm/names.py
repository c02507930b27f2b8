"""Names of GPUs, by the list of PCI devices that most distributions bring (https://pci-ids.ucw.cz)."""

from __future__ import annotations

import re

_LISTS = ("/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids")
_VENDORS = {0x1002: "AMD", 0x8086: "Intel"}


def gpu_name(vendor: int | None, device: int | None, root: str = "") -> str:
    """What people call it: "AMD Radeon RX 7900 XT/7900 XTX"; its numbers where no list knows it."""
    maker = _VENDORS.get(vendor or 0)
    if vendor is None or device is None:
        return f"{maker or 'Unknown'} GPU"
    for path in _LISTS:
        try:
            with open(f"{root}{path}", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - root is a text
                listed = _find(file.read(), vendor, device)
        except OSError:
            continue
        if listed:
            return f"{maker} {listed}" if maker and not listed.startswith(maker) else listed
    return f"{maker or 'PCI'} {vendor:04x}:{device:04x}"


def _find(text: str, vendor: int, device: int) -> str | None:
    """A device's name. Vendors begin a line, their devices follow after a tab; in brackets is the name for buyers."""
    start = re.search(rf"^{vendor:04x} ", text, re.MULTILINE)
    if start is None:
        return None
    end = re.compile(r"^[0-9a-fA-F]", re.MULTILINE).search(text, start.end())
    line = re.compile(rf"^\t{device:04x}  (.+)$", re.MULTILINE).search(
        text, start.end(), end.start() if end else len(text)
    )
    if line is None:
        return None
    bought = re.search(r"\[(.+)\]", line[1])
    return bought[1] if bought else line[1].strip()
