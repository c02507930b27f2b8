"""One place with models."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Layout(StrEnum):
    """How models lie in a store."""

    FOLDERS = "files in folders"
    HUGGING_FACE = "snapshots with links to blobs"
    OLLAMA = "manifests that name blobs"


@dataclass(frozen=True, slots=True)
class Store:
    """One place with models.

    Attributes:
        name: "folder" for one of the settings' own, else the store's name as the settings spell it.
        root: Its folder, an absolute path. A folder of the settings need not exist, and may be a single file.
        label: For people ("LM Studio"); of a folder its path.
        layout: How models lie in it.
    """

    name: str
    root: str
    label: str
    layout: Layout = Layout.FOLDERS
