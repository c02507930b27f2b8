"""The graphics kernel's list of adapters, by gdi32.dll, as the Task Manager reads it.

Structures: https://learn.microsoft.com/windows-hardware/drivers/ddi/d3dkmthk/. The list has what DXGI's does not: the
place on the PCI bus, by which an adapter is found in NVIDIA's own driver.
"""

from __future__ import annotations

import ctypes
import sys

from model_switcher.engine.readings.windows.ports import Adapter

_MOST_ADAPTERS = 64
# KMTQUERYADAPTERINFOTYPE
_SEGMENT_SIZE, _ADDRESS, _REGISTRY, _TYPE = 3, 6, 8, 15
# D3DKMT_ADAPTERTYPE
_SOFTWARE_DEVICE, _HYBRID_INTEGRATED = 1 << 2, 1 << 5
_NAME_LENGTH = 260


class Luid(ctypes.Structure):
    """LUID."""

    _fields_ = (("low", ctypes.c_uint32), ("high", ctypes.c_int32))


class AdapterInfo(ctypes.Structure):
    """D3DKMT_ADAPTERINFO."""

    _fields_ = (
        ("handle", ctypes.c_uint32),
        ("luid", Luid),
        ("sources", ctypes.c_uint32),
        ("precise_regions", ctypes.c_int32),
    )


class EnumAdapters(ctypes.Structure):
    """D3DKMT_ENUMADAPTERS2."""

    _fields_ = (("count", ctypes.c_uint32), ("adapters", ctypes.POINTER(AdapterInfo)))


class QueryAdapterInfo(ctypes.Structure):
    """D3DKMT_QUERYADAPTERINFO."""

    _fields_ = (
        ("handle", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint32),
    )


class SegmentSize(ctypes.Structure):
    """D3DKMT_SEGMENTSIZEINFO."""

    _fields_ = (
        ("dedicated_video", ctypes.c_uint64),
        ("dedicated_system", ctypes.c_uint64),
        ("shared_system", ctypes.c_uint64),
    )


class Address(ctypes.Structure):
    """D3DKMT_ADAPTERADDRESS."""

    _fields_ = (("bus", ctypes.c_uint32), ("device", ctypes.c_uint32), ("function", ctypes.c_uint32))


class RegistryInfo(ctypes.Structure):
    """D3DKMT_ADAPTERREGISTRYINFO: four names in UTF-16, of which the adapter's own is the first."""

    _fields_ = (("adapter", ctypes.c_uint16 * _NAME_LENGTH), ("others", ctypes.c_uint16 * (3 * _NAME_LENGTH)))


class AdapterType(ctypes.Structure):
    """D3DKMT_ADAPTERTYPE."""

    _fields_ = (("bits", ctypes.c_uint32),)


if sys.platform == "win32":

    def list_adapters(library: str = "gdi32") -> list[Adapter]:
        """All adapters, now; empty where they cannot be listed.

        Args:
            library: The DLL.
        """
        gdi = ctypes.WinDLL(library)
        entries = (AdapterInfo * _MOST_ADAPTERS)()
        listing = EnumAdapters(count=_MOST_ADAPTERS, adapters=entries)
        try:
            status: int = gdi.D3DKMTEnumAdapters2(ctypes.byref(listing))
        except AttributeError:  # Windows 8 and older
            return []
        if status != 0:
            return []
        found: list[Adapter] = []
        for entry in entries[: listing.count]:
            found.append(_adapter(gdi, entry))
            handle = ctypes.c_uint32(entry.handle)  # D3DKMT_CLOSEADAPTER
            gdi.D3DKMTCloseAdapter(ctypes.byref(handle))
        return found

    def _adapter(gdi: ctypes.WinDLL, entry: AdapterInfo) -> Adapter:
        kind, size, address, registry = AdapterType(), SegmentSize(), Address(), RegistryInfo()
        bits = kind.bits if _query(gdi, entry, _TYPE, kind) else 0
        sized = _query(gdi, entry, _SEGMENT_SIZE, size)
        placed = _query(gdi, entry, _ADDRESS, address)
        named = _query(gdi, entry, _REGISTRY, registry)
        name = bytes(registry.adapter).decode("utf-16-le", "replace").partition("\0")[0] if named else ""
        return Adapter(
            luid=(entry.luid.high & 0xFFFFFFFF, entry.luid.low),
            name=name or "GPU",
            dedicated=size.dedicated_video if sized else None,
            place=(address.bus, address.device, address.function) if placed else None,
            software=bool(bits & _SOFTWARE_DEVICE),
            integrated=bool(bits & _HYBRID_INTEGRATED),
        )

    def _query(gdi: ctypes.WinDLL, entry: AdapterInfo, kind: int, answer: ctypes.Structure) -> bool:
        """Fill `answer`; whether the adapter gave it."""
        question = QueryAdapterInfo(
            handle=entry.handle,
            type=kind,
            data=ctypes.cast(ctypes.byref(answer), ctypes.c_void_p),
            size=ctypes.sizeof(answer),
        )
        return bool(gdi.D3DKMTQueryAdapterInfo(ctypes.byref(question)) == 0)
