"""What a model will take of memory, told from its header without loading it, by llama.cpp's own rules."""

from __future__ import annotations

from model_switcher.domain.prediction.blueprint import Blueprint
from model_switcher.domain.prediction.limits import largest_context, most_layers
from model_switcher.domain.prediction.load import LoadOptions, load_options
from model_switcher.domain.prediction.predict import predict

__all__ = ["Blueprint", "LoadOptions", "largest_context", "load_options", "most_layers", "predict"]
