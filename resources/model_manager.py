"""For programs that were written for the old module of this name: put this file beside them.

from model_manager import switch_model, switch_and_call
"""

from model_switcher import call_orchestrator, switch_and_call, switch_model

__all__ = ["call_orchestrator", "switch_and_call", "switch_model"]
