"""Windows' performance counters, by pdh.dll (https://learn.microsoft.com/windows/win32/perfctrs/using-the-pdh-functions-to-consume-counter-data)."""

from __future__ import annotations

import ctypes
import sys
import time
from typing import TYPE_CHECKING

from model_switcher.engine.readings.windows.ports import PATHS

if TYPE_CHECKING:
    from collections.abc import Callable

RETRY_SECONDS = 30.0
_MORE_DATA = 0x800007D2
_FORMAT_LARGE = 0x00000400  # PDH_FMT_LARGE
_VALID = (0, 1)  # PDH_CSTATUS_VALID_DATA, PDH_CSTATUS_NEW_DATA


class CounterValue(ctypes.Structure):
    """PDH_FMT_COUNTERVALUE, its union as the one member that is used."""

    _fields_ = (("status", ctypes.c_uint32), ("large", ctypes.c_int64))


class CounterItem(ctypes.Structure):
    """PDH_FMT_COUNTERVALUE_ITEM_W."""

    _fields_ = (("name", ctypes.c_wchar_p), ("value", CounterValue))


if sys.platform == "win32":

    class WindowsCounters:
        """A query with the counters of `ports`, opened when first read, and again after it failed.

        Args:
            clock: Seconds of a clock that never goes back.
            library: The DLL.
        """

        def __init__(self, clock: Callable[[], float] = time.monotonic, library: str = "pdh") -> None:
            self._clock = clock
            self._pdh = ctypes.WinDLL(library)
            for name in ("PdhOpenQueryW", "PdhAddEnglishCounterW", "PdhCollectQueryData", "PdhCloseQuery"):
                getattr(self._pdh, name).restype = ctypes.c_uint32
            self._pdh.PdhGetFormattedCounterArrayW.restype = ctypes.c_uint32
            self._pdh.PdhGetFormattedCounterArrayW.argtypes = (
                ctypes.c_void_p,
                ctypes.c_uint32,
                ctypes.POINTER(ctypes.c_uint32),
                ctypes.POINTER(ctypes.c_uint32),
                ctypes.c_void_p,
            )
            self._query: ctypes.c_void_p | None = None
            self._counters: dict[str, ctypes.c_void_p] = {}
            self._next_attempt = 0.0

        def read(self) -> dict[str, dict[str, int]]:
            """By path and instance, now; a path that this Windows does not have, or cannot read now, is left out."""
            if self._query is None and self._clock() >= self._next_attempt:
                self._open()
            if self._query is None:
                return {}
            if self._pdh.PdhCollectQueryData(self._query) != 0:
                self.close()
                self._next_attempt = self._clock() + RETRY_SECONDS
                return {}
            found = {path: self._array(counter) for path, counter in self._counters.items()}
            return {path: instances for path, instances in found.items() if instances is not None}

        def close(self) -> None:
            """End the query; a later reading opens it again."""
            if self._query is not None:
                self._pdh.PdhCloseQuery(self._query)
                self._query = None
                self._counters = {}

        def _open(self) -> None:
            self._next_attempt = self._clock() + RETRY_SECONDS
            query = ctypes.c_void_p()
            if self._pdh.PdhOpenQueryW(None, ctypes.c_void_p(), ctypes.byref(query)) != 0:
                return
            self._query = query
            for path in PATHS:
                counter = ctypes.c_void_p()
                added = self._pdh.PdhAddEnglishCounterW(
                    query, ctypes.c_wchar_p(path), ctypes.c_void_p(), ctypes.byref(counter)
                )
                if added == 0:
                    self._counters[path] = counter
            if not self._counters:
                self.close()

        def _array(self, counter: ctypes.c_void_p) -> dict[str, int] | None:
            """All instances of one counter; they may become more between the two calls."""
            size, count = ctypes.c_uint32(0), ctypes.c_uint32(0)
            for _ in range(4):
                buffer = ctypes.create_string_buffer(size.value)
                status = self._pdh.PdhGetFormattedCounterArrayW(
                    counter,
                    _FORMAT_LARGE,
                    ctypes.byref(size),
                    ctypes.byref(count),
                    buffer if size.value else None,
                )
                if status == 0:
                    items = (CounterItem * count.value).from_buffer(buffer)
                    return {
                        item.name: item.value.large
                        for item in items
                        if item.name and item.value.status in _VALID
                    }
                if status != _MORE_DATA:
                    return None
            return None
