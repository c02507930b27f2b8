"""Snapshots of a home machine in each state that a view must show."""

from __future__ import annotations

from dataclasses import replace

from model_switcher.domain.catalog import Catalog, Model
from model_switcher.domain.memory import Gpu, Ram, Readings
from model_switcher.domain.snapshot import Outcome, Phase, Result, ServerView, Snapshot, SwitchView
from model_switcher.domain.states import COMING_UP, Failure, ServerState
from model_switcher.domain.units import GIB

OUT_OF_MEMORY = Failure(
    cause="out-of-memory",
    sentence="The GPU has too little free memory for it",
    hint="Close other programs that use the GPU, or set a smaller ctx-size.",
)


def model(name: str, quantization: str | None, gib: float, folder: str = "D:\\models") -> Model:
    """A model called `name`; its id is the name in lower case with hyphens."""
    model_id = name.casefold().replace(" ", "-")
    separator = "\\" if "\\" in folder else "/"
    path = f"{folder}{separator}{model_id}.gguf"
    return Model(
        id=model_id,
        name=name,
        path=path,
        files=(path,),
        size=round(gib * GIB),
        architecture="llama",
        quantization=quantization,
    )


NEMOTRON = model("Nemotron Nano 8B", "Q4_K_M", 4.6)
PHINANCE = model("Phinance 3B", "Q4_K_M", 2.0)
QWEN = model(
    "Qwen3 8B",
    "Q6_K",
    6.3,
    "C:\\Users\\ada\\.cache\\huggingface\\hub\\models--Qwen--Qwen3-8B\\snapshots\\1a2b",
)
GEMMA = model("Gemma 3 12B", "Q4_K_M", 7.3, "C:\\Users\\ada\\.lmstudio\\models\\google")
LLAMA = model("Llama 3.3 70B", "Q4_K_M", 39.6)
USUAL = (NEMOTRON, PHINANCE, QWEN, GEMMA, LLAMA)


def gpu_readings(used_gib: float = 10.4, total_gib: float = 16.0) -> Readings:
    """One GPU, so much of it in use."""
    used, total = round(used_gib * GIB), round(total_gib * GIB)
    gpu = Gpu(index=0, name="RTX", source="nvml", total=total, used=used, free=total - used)
    return Readings(time=0.0, gpus=(gpu,), ram=Ram(total=32 * GIB, available=20 * GIB))


def ram_readings(used_gib: float = 6.4, total_gib: float = 16.0) -> Readings:
    """No GPU, and so much main memory in use."""
    ram = Ram(total=round(total_gib * GIB), available=round((total_gib - used_gib) * GIB))
    return Readings(time=0.0, gpu_problem="no GPU was found", ram=ram)


def server(
    held: Model = NEMOTRON, state: ServerState = ServerState.READY, *, progress: float | None = None
) -> ServerView:
    return ServerView(
        model=held.id,
        state=state,
        engine="llama-server b10434",
        pid=4242,
        alias="a1",
        progress=progress,
        load_seconds=None if state in COMING_UP else 2.0,
    )


def many_models(count: int = 38) -> Catalog:
    """The usual models, and invented ones up to `count`."""
    more = tuple(
        model(f"Zephyr {number}B", "Q5_K_M", 5.1, "E:\\more models")
        for number in range(1, count - len(USUAL) + 1)
    )
    return Catalog(USUAL + more)


def ready() -> Snapshot:
    return Snapshot(
        number=1,
        address="http://127.0.0.1:8080",
        selected=NEMOTRON.id,
        servers=(server(),),
        readings=gpu_readings(),
        catalog=Catalog(USUAL),
    )


def loading(progress: float | None = 0.57) -> Snapshot:
    """A switch from Nemotron to Qwen in its load."""
    return replace(
        ready(),
        number=2,
        selected=QWEN.id,
        servers=(server(QWEN, ServerState.LOADING, progress=progress),),
        switch=SwitchView(
            target=QWEN.id, source=NEMOTRON.id, phase=Phase.START, started=0.0, progress=progress
        ),
        readings=gpu_readings(9.3),
    )


def stopped() -> Snapshot:
    return replace(ready(), number=3, servers=(), awake=False, readings=gpu_readings(5.4))


def nearly_full() -> Snapshot:
    return replace(ready(), number=4, readings=gpu_readings(15.1))


def failed() -> Snapshot:
    """Nothing came up."""
    outcome = Outcome(
        result=Result.NOTHING_LEFT,
        target=QWEN.id,
        serving=None,
        seconds=4.0,
        finished=9.0,
        failure=OUT_OF_MEMORY,
    )
    return replace(stopped(), number=5, awake=True, selected=QWEN.id, failure=OUT_OF_MEMORY, outcome=outcome)


def rolled_back() -> Snapshot:
    """Qwen did not come up, Nemotron is back."""
    outcome = Outcome(
        result=Result.ROLLED_BACK,
        target=QWEN.id,
        serving=NEMOTRON.id,
        seconds=6.0,
        finished=10.0,
        failure=OUT_OF_MEMORY,
    )
    return replace(ready(), number=6, outcome=outcome)


def without_gpu() -> Snapshot:
    return replace(ready(), number=7, readings=ram_readings())


STATES = {
    "ready 65 %": ready,
    "loading": loading,
    "stopped": stopped,
    "nearly full": nearly_full,
    "failed": failed,
    "no GPU (RAM)": without_gpu,
}
