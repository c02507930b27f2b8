"""Where things lie: the settings file, and beside it the runtime, log and cache folders of its instance.

`--config FILE` makes a separate instance: its runtime folder is derived from the path of the settings file.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from platformdirs import PlatformDirs

_dirs = PlatformDirs("model-switcher", appauthor=False, ensure_exists=False)


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one instance.

    Attributes:
        settings: The TOML file; it need not exist.
        runtime: Folder of the lock and the instance file, readable by the user only.
        cache: Folder of what can be made again.
        logs: Folder of log files.
        state: Folder of what is remembered from one run to the next.
    """

    settings: Path
    runtime: Path
    cache: Path
    logs: Path
    state: Path

    @property
    def lock(self) -> Path:
        return self.runtime / "instance.lock"

    @property
    def instance(self) -> Path:
        return self.runtime / "instance.json"


def places(config: str | os.PathLike[str] | None = None) -> Places:
    """The places of the instance that belongs to the settings file `config` (the user's own if None)."""
    default = Path(_dirs.user_config_path) / "settings.toml"
    settings = default if config is None else Path(os.path.abspath(os.path.expanduser(config)))  # noqa: PTH100, PTH111 - resolve() would follow links
    name = (
        "default"
        if settings == default
        else hashlib.sha256(os.fsencode(os.path.normcase(settings))).hexdigest()[:16]
    )
    return Places(
        settings=settings,
        runtime=_runtime_folder() / name,
        cache=Path(_dirs.user_cache_path) / name,
        logs=Path(_dirs.user_log_path) / name,
        state=Path(_dirs.user_state_path) / name,
    )


def _runtime_folder() -> Path:
    """The same folder for a login session and for what runs outside of one, such as a service or a cron job.

    Those have no `XDG_RUNTIME_DIR`, and must find the session's instance all the same.
    """
    if sys.platform == "linux" and "XDG_RUNTIME_DIR" not in os.environ:
        of_session = Path("/run/user") / str(os.getuid())
        return of_session / "model-switcher" if of_session.is_dir() else Path(_dirs.user_state_path) / "run"
    return Path(_dirs.user_runtime_path)
