"""Model Switcher: one llama.cpp address, any model behind it.

    from model_switcher import switch_model, switch_and_call, call_orchestrator, Switcher

The names load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_switcher.client.functions import call_orchestrator, switch_and_call, switch_model
    from model_switcher.client.switcher import Switcher
    from model_switcher.domain.errors import SwitcherError

__version__ = "0.1.0"
__all__ = ["Switcher", "SwitcherError", "__version__", "call_orchestrator", "switch_and_call", "switch_model"]

_HOMES = {
    "Switcher": "model_switcher.client.switcher",
    "SwitcherError": "model_switcher.domain.errors",
    "call_orchestrator": "model_switcher.client.functions",
    "switch_and_call": "model_switcher.client.functions",
    "switch_model": "model_switcher.client.functions",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
