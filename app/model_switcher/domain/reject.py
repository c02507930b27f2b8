"""Why a file is not served."""

from __future__ import annotations

from enum import StrEnum


class Reject(StrEnum):
    """Why a file is not served: stable codes, part of the public interface."""

    EMPTY = "model-empty"
    NOT_A_FILE = "model-not-a-file"
    NOT_GGUF = "model-not-gguf"
    UNREADABLE = "model-unreadable"
    VERSION = "model-version"
    DAMAGED = "model-damaged"
    TRUNCATED = "model-truncated"
    PARTIAL = "model-partial"
    INCOMPLETE = "model-shards-missing"
    NOT_A_MODEL = "model-not-a-model"
