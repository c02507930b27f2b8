"""Finding models on the disk: walk the folders, read the headers, put together what belongs together."""

from __future__ import annotations

from model_switcher.engine.catalog.headers import HeaderReader
from model_switcher.engine.catalog.scan import scan, scan_file

__all__ = ["HeaderReader", "scan", "scan_file"]
