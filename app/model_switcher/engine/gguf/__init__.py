"""GGUF files: a bounded header reader and a small writer, standard library only.

Source of the format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from model_switcher.engine.gguf.header import Header, HeaderError, Scalar, Tensor, Value
from model_switcher.engine.gguf.reader import read_header

__all__ = ["Header", "HeaderError", "Scalar", "Tensor", "Value", "read_header"]
