"""The instance file of a running instance: kept right for those who look for it, and for the next start after a crash."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from model_switcher import __version__
from model_switcher.domain.instance import InstanceRecord
from model_switcher.engine.instance import write_record
from model_switcher.engine.settings_file import stamp
from model_switcher.processes import is_same_process, process_created

if TYPE_CHECKING:
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.places import Places


class InstanceFile:
    """Says where this instance is, and which engine processes a crash would leave behind.

    A file that could not be written, because the disk was full, or that somebody else damaged or removed, is written
    anew at the next change of anything. A process that has ended does no harm in it, for its creation time is there
    too: it goes when another begins. One that will not end stays.

    Args:
        places: Where it lies.
        key: Opens the control routes.
        mode: "tray" or "headless".
    """

    def __init__(self, places: Places, *, key: str, mode: str) -> None:
        self._places = places
        self._key = key
        self._mode = mode
        self._created = process_created(os.getpid()) or 0.0
        self._servers: tuple[tuple[int, float], ...] = ()
        self._listed: tuple[tuple[int, float], ...] = ()
        self._written: tuple[int, int, int] | None = None
        self.problem: str | None = None

    def keep(self, snapshot: Snapshot) -> None:
        """Write it, if what it is to say has changed, or if it is not as it was written."""
        known = dict(self._servers)
        pids = [server.pid for server in snapshot.servers if server.pid is not None]
        created = {pid: known.get(pid) or process_created(pid) for pid in pids}
        self._servers = tuple((pid, born) for pid, born in created.items() if born is not None)
        new = set(self._servers) - set(self._listed)
        if not new and self._written is not None and self._written == stamp(self._places.instance):
            return
        lingering = [one for one in self._listed if one not in self._servers and is_same_process(*one)]
        self._listed = (*self._servers, *lingering)
        self._write(snapshot.address)

    def _write(self, address: str) -> None:
        record = InstanceRecord(
            pid=os.getpid(),
            created=self._created,
            address=address,
            key=self._key,
            mode=self._mode,
            version=__version__,
            servers=self._listed,
        )
        try:
            write_record(self._places, record)
        except OSError as error:  # it must not end the program
            self._written = None
            self.problem = (
                f"Other programs cannot find this instance: {self._places.instance} cannot be written "
                f"({error.strerror or error})"
            )
        else:
            self._written = stamp(self._places.instance)
            self.problem = None
