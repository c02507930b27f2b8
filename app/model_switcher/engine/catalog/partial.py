"""Downloads that are not finished, which lie beside models under names of their own."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from model_switcher.domain.units import format_size
from model_switcher.engine.gguf import HeaderError, read_header

if TYPE_CHECKING:
    import os

# Browsers and download managers; llama.cpp (".downloadInProgress"); huggingface_hub (".incomplete"); Ollama ("-partial").
_ENDINGS = (
    ".part", ".partial", "-partial", ".incomplete", ".download", ".downloadinprogress", ".crdownload",
    ".tmp", ".opdownload", ".!qb", ".filepart", ".aria2",
)  # fmt: skip
_BEGINNINGS = ("incomplete-",)  # GPT4All
_MAGIC = b"GGUF"
_MOST_KNOWN = 256
# Of each unfinished file, by path, device and inode, the bytes that it is going to have: its header tells, once it is
# there, and does not change any more.
_whole_sizes: dict[tuple[str, int, int], int] = {}


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


def so_far(path: str, status: os.stat_result) -> str:
    """Such as "download not finished yet (1.2 GiB so far, 3.5 GiB missing)"; space only set aside does not count.

    What is missing is known once the header is there.
    """
    blocks = getattr(status, "st_blocks", None)  # in units of 512 bytes; Windows has none
    written = status.st_size if blocks is None else min(status.st_size, blocks * 512)
    whole = _whole_size(path, status)
    missing = "" if whole is None or whole <= written else f", {format_size(whole - written)} missing"
    return f"download not finished yet ({format_size(written)} so far{missing})"


def _whole_size(path: str, status: os.stat_result) -> int | None:
    key = (path, status.st_dev, status.st_ino)
    if key in _whole_sizes:
        return _whole_sizes[key]
    try:
        read_header(path)
        whole = status.st_size  # all of its space was set aside at once
    except HeaderError as error:
        if error.whole_size is None:
            return None
        whole = error.whole_size
    except OSError:
        return None
    if len(_whole_sizes) >= _MOST_KNOWN:
        _whole_sizes.clear()
    _whole_sizes[key] = whole
    return whole
