"""What a search for models and engines found on a computer with Windows."""

from __future__ import annotations

from model_switcher.domain.engines import EngineTrouble, FoundEngine, Searched
from model_switcher.domain.snapshot import SourceView

NO_MODELS = (
    SourceView(label="D:\\models", root="D:\\models"),
    SourceView(label="LM Studio", root="C:\\Users\\anna\\.lmstudio\\models"),
    *(SourceView(label=label) for label in ("Hugging Face", "llama.cpp", "Ollama", "Jan", "GPT4All")),
)

BROKEN = "C:\\llama\\llama-server.exe"
_FOUND = (
    FoundEngine(
        setting=BROKEN, kind="llama-server", source="PATH", chosen_by_auto=True,
        problem=f"{BROKEN} cannot start: the library cudart64_12.dll is missing",
    ),
    FoundEngine(setting="embedded", kind="embedded", source="with this program", version="xllamacpp 0.2.6"),
)  # fmt: skip
_SEARCHED = (
    Searched(source="beside this program", folders=("C:\\Program Files\\Model Switcher",)),
    Searched(source="PATH", folders=("C:\\Windows\\System32", "C:\\llama")),
    Searched(source="winget", folders=("C:\\Users\\anna\\AppData\\Local\\Microsoft\\WinGet\\Links",)),
    Searched(source="scoop", folders=("C:\\Users\\anna\\scoop\\shims",)),
    Searched(source="a release archive", folders=("C:\\Users\\anna", "C:\\Users\\anna\\Downloads")),
)
NO_LIBRARY = EngineTrouble(setting="auto", reason=str(_FOUND[0].problem), found=_FOUND, searched=_SEARCHED)
