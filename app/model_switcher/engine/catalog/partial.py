"""Downloads that are not finished, which lie beside models under names of their own."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from model_switcher.domain.units import format_size

if TYPE_CHECKING:
    import os

# Browsers and download managers; llama.cpp (".downloadInProgress"); huggingface_hub (".incomplete"); Ollama ("-partial").
_ENDINGS = (
    ".part", ".partial", "-partial", ".incomplete", ".download", ".downloadinprogress", ".crdownload",
    ".tmp", ".opdownload", ".!qb", ".filepart", ".aria2",
)  # fmt: skip
_BEGINNINGS = ("incomplete-",)  # GPT4All
_MAGIC = b"GGUF"


def may_be_partial(name: str) -> bool:
    """Whether a file of that name may be an unfinished download."""
    lower = name.lower()
    return lower.endswith(_ENDINGS) or lower.startswith(_BEGINNINGS)


def is_partial_model(path: str, status: os.stat_result) -> bool:
    """Whether an unfinished download is one of a model, by its name or by how it begins.

    Args:
        path: A file whose name `may_be_partial`.
        status: What `stat` says of it.
    """
    if not stat.S_ISREG(status.st_mode):
        return False
    lower = path.lower()
    if ".gguf" in lower:
        return not lower.endswith(".aria2")  # that one is a list of what is missing, beside the file itself
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - os.fsdecode()d names need no Path
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False  # nobody can say what it is going to be


def so_far(status: os.stat_result) -> str:
    """Such as "download not finished yet (1.2 GiB so far)"; space that was only set aside does not count."""
    blocks = getattr(status, "st_blocks", None)  # in units of 512 bytes; Windows has none
    written = status.st_size if blocks is None else min(status.st_size, blocks * 512)
    return f"download not finished yet ({format_size(written)} so far)"
