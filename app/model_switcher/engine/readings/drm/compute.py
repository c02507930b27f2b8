"""What ROCm's processes hold, by the kernel's compute driver: an allocation of its own kind is in no `fdinfo`.

https://docs.kernel.org/admin-guide/abi-testing-files.html, "sysfs-amdkfd"; the layout of the topology is that of
linux 6.6, drivers/gpu/drm/amd/amdkfd/kfd_topology.c.
"""

from __future__ import annotations

from model_switcher.engine.readings.drm.files import list_folder, read_number, read_text


class ComputeProcesses:
    """Reads /sys/class/kfd.

    Args:
        root: Where /sys lies.
    """

    def __init__(self, root: str) -> None:
        self._folder = f"{root}/sys/class/kfd/kfd"
        self._places: dict[str, str] = {}

    def read(self) -> dict[str, dict[int, int]]:
        """Bytes of the GPU's own memory by the GPU's place on the PCI bus and the pid; empty where there is no ROCm."""
        held: dict[str, dict[int, int]] = {}
        for name in list_folder(f"{self._folder}/proc"):
            if not name.isdecimal():
                continue
            for file in list_folder(f"{self._folder}/proc/{name}"):
                kind, _, gpu = file.partition("_")
                used = read_number(f"{self._folder}/proc/{name}/{file}") if kind == "vram" else None
                place = self._place(gpu) if used is not None else None
                if used is not None and place is not None:
                    held.setdefault(place, {})[int(name)] = used
        return held

    def _place(self, gpu: str) -> str | None:
        if gpu not in self._places:
            self._places = dict(self._nodes())
        return self._places.get(gpu)

    def _nodes(self) -> list[tuple[str, str]]:
        """Each GPU's number in the compute driver, and its place on the PCI bus."""
        nodes: list[tuple[str, str]] = []
        for name in list_folder(f"{self._folder}/topology/nodes"):
            node = f"{self._folder}/topology/nodes/{name}"
            gpu = read_text(f"{node}/gpu_id")
            facts = dict(
                line.rsplit(" ", 1)
                for line in (read_text(f"{node}/properties") or "").splitlines()
                if " " in line
            )
            try:
                location, domain = int(facts["location_id"]), int(facts.get("domain", "0"))
            except (KeyError, ValueError):
                continue
            if gpu is not None and gpu != "0":  # 0 is a processor
                bus, device, function = location >> 8, location >> 3 & 0x1F, location & 0x7
                nodes.append((gpu, f"{domain:04x}:{bus:02x}:{device:02x}.{function:x}"))
        return nodes
