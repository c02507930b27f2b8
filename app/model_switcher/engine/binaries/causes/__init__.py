"""Why an engine failed, told from its log, its exit code and its file.

The log lines are what llama-server (b6000 to b11434) and xllamacpp (2026.10) write in these cases; tests hold samples
of real ones.
"""

from model_switcher.engine.binaries.causes.engine_rules import is_doomed
from model_switcher.engine.binaries.causes.exits import describe_exit
from model_switcher.engine.binaries.causes.explain import explain

__all__ = ["describe_exit", "explain", "is_doomed"]
