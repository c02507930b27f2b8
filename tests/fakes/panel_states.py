"""A home machine in every state that the panel must show, with figures as they are at home: a GPU of 16 GiB."""

from __future__ import annotations

import math
from dataclasses import replace

from fakes import snapshots
from fakes.blueprints import blueprint
from fakes.searches import NO_LIBRARY, NO_MODELS
from fakes.snapshots import GEMMA, LLAMA, NEMOTRON, PHINANCE, QWEN
from model_switcher.desktop.view_state.shares import shares
from model_switcher.desktop.view_state.trail import Point, Trail
from model_switcher.domain.catalog import Catalog, Rejected
from model_switcher.domain.history import HistoryReport, Record, report
from model_switcher.domain.memory import Gpu, GpuProcess, Ram, Readings
from model_switcher.domain.need import Amount, Fit, FitKind, Need, Source
from model_switcher.domain.owners import OwnerKind
from model_switcher.domain.snapshot import LeaseView, Phase, Reason, Result, Snapshot, SwitchView
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import GIB

NOW = 1_790_000_000.0
SERVER_PID = 4242
RECENT = (NEMOTRON.id, PHINANCE.id, QWEN.id, GEMMA.id, LLAMA.id)
CUT = Rejected(
    path="D:\\models\\mistral-broken.gguf",
    code="model-truncated",
    reason="file ends 1.2 GiB early — download again",
)
USUAL = (
    replace(
        NEMOTRON,
        parameters=8_030_000_000,
        context_length=131072,
        block_count=32,
        chat_template=True,
        tools=True,
        base_model="Llama 3.1 8B",
        license="nvidia-open-model-license",
        blueprint=blueprint(),
    ),
    PHINANCE,
    QWEN,
    replace(GEMMA, vision=True),
    replace(LLAMA, block_count=80, files=(LLAMA.path, LLAMA.path + "2")),
)
CATALOG = Catalog(USUAL + snapshots.many_models(38).models[5:])
FITS = {
    NEMOTRON.id: Fit(kind=FitKind.RESIDENT, need=round(5.0 * GIB)),
    PHINANCE.id: Fit(kind=FitKind.BESIDE, need=round(2.3 * GIB)),
    QWEN.id: Fit(kind=FitKind.ALONE, need=round(6.8 * GIB)),
    GEMMA.id: Fit(kind=FitKind.TIGHT, need=round(10.2 * GIB)),
    LLAMA.id: Fit(kind=FitKind.SHORT, need=round(41.8 * GIB), shortfall=round(31.2 * GIB), n_gpu_layers=14),
}
NEEDS = {
    NEMOTRON.id: (
        Need(
            device=Amount(weights=round(3.9 * GIB), cache=GIB, compute=round(0.1 * GIB)),
            host=Amount(),
            source=Source.MEASURED,
            ctx_size=16384,
            low=5 * GIB,
            high=5 * GIB,
        ),
    )
}
EXPECTED = {NEMOTRON.id: 5.1, PHINANCE.id: 3.0, QWEN.id: 6.2, GEMMA.id: 7.4}


def readings(
    ours: float = 5.0, speech: float = 3.4, desktop: float = 2.0, total: float = 16.0, time: float = NOW
) -> Readings:
    """One GPU on which our server, a speech program and the desktop hold so many GiB."""
    held = ((SERVER_PID, "llama-server", ours), (2001, "speech", speech), (1500, "gnome-shell", desktop))
    processes = tuple(
        GpuProcess(pid=pid, name=name, used=round(size * GIB)) for pid, name, size in held if size
    )
    used = round((ours + speech + desktop) * GIB)
    whole = round(total * GIB)
    card = Gpu(
        index=0,
        name="RTX 4080",
        source="nvml",
        total=whole,
        used=used,
        free=whole - used,
        processes=processes,
        id="GPU-1",
    )
    return Readings(time=time, gpus=(card,), ram=Ram(total=32 * GIB, available=20 * GIB))


def idle() -> Snapshot:
    """Nemotron serves, as in the picture of the design."""
    server = replace(snapshots.server(), pid=SERVER_PID, ctx_size=16384, tokens_per_second=42.3)
    return replace(
        snapshots.ready(),
        time=NOW,
        servers=(server,),
        readings=readings(),
        catalog=CATALOG,
        fits=FITS,
        needs=NEEDS,
        expected=EXPECTED,
    )


def loading() -> Snapshot:
    """Qwen comes up instead of Nemotron, and four requests wait for it; one file is broken."""
    server = replace(snapshots.server(QWEN, ServerState.LOADING, progress=0.57), pid=SERVER_PID)
    switch = SwitchView(
        target=QWEN.id,
        source=NEMOTRON.id,
        phase=Phase.START,
        started=NOW - 4,
        progress=0.57,
        seconds_left=3.0,
    )
    fits = {**FITS, NEMOTRON.id: Fit(kind=FitKind.ALONE, need=round(5.0 * GIB))}
    fits[PHINANCE.id] = Fit(kind=FitKind.ALONE, need=round(2.3 * GIB))
    return replace(
        idle(),
        selected=QWEN.id,
        servers=(server,),
        switch=switch,
        held=4,
        readings=readings(3.9),
        catalog=Catalog(CATALOG.models, (CUT,)),
        fits=fits,
    )


def switching() -> Snapshot:
    """Qwen was chosen while Nemotron answers two requests."""
    switch = SwitchView(target=QWEN.id, source=NEMOTRON.id, phase=Phase.DRAIN, started=NOW - 2)
    server = replace(idle().servers[0], in_flight=2, draining=True)
    return replace(idle(), selected=QWEN.id, servers=(server,), switch=switch, held=1)


def failed() -> Snapshot:
    """Nothing came up."""
    empty = readings(0.0)
    return replace(
        snapshots.failed(),
        time=NOW,
        readings=empty,
        catalog=CATALOG,
        fits=_nothing_loaded(),
        expected=EXPECTED,
    )


def rolled_back() -> Snapshot:
    """Qwen did not come up, Nemotron is back."""
    return replace(idle(), outcome=snapshots.rolled_back().outcome)


def borrowed() -> Snapshot:
    """A program has borrowed Phinance beside Nemotron, another waits for Qwen."""
    lent = replace(snapshots.server(PHINANCE), pid=4300, alias="a2", in_flight=1)
    leases = (
        LeaseView(
            id="a81f",
            model=PHINANCE.id,
            model_name=PHINANCE.name,
            owner="budget.py",
            pid=31415,
            since=NOW - 12,
            granted=True,
            returns_to=NEMOTRON.id,
        ),
        LeaseView(
            id="c02e",
            model=QWEN.id,
            model_name=QWEN.name,
            owner="research.ipynb",
            pid=27182,
            since=NOW - 3,
            granted=False,
            returns_to=NEMOTRON.id,
        ),
    )
    card = readings().gpus[0]
    assert card.processes is not None
    more = GpuProcess(pid=4300, name="llama-server", used=round(2.3 * GIB))
    card = replace(
        card,
        used=round(12.7 * GIB),
        free=round(3.3 * GIB),
        processes=(*card.processes, more),
    )
    return replace(
        idle(),
        servers=(*idle().servers, lent),
        leases=leases,
        readings=replace(readings(), gpus=(card,)),
    )


def stopped() -> Snapshot:
    """Nothing is loaded until a request comes."""
    return replace(idle(), servers=(), awake=False, readings=readings(0.0), fits=_nothing_loaded())


def thousand() -> Snapshot:
    """A thousand models."""
    catalog = Catalog(USUAL + snapshots.many_models(1000).models[5:])
    fits = {model.id: Fit(kind=FitKind.ALONE, need=round(model.size * 1.1)) for model in catalog.models}
    return replace(idle(), catalog=catalog, fits={**fits, **FITS})


def no_models() -> Snapshot:
    """A fresh machine."""
    return replace(
        Snapshot(),
        number=9,
        time=NOW,
        address="http://127.0.0.1:8080",
        readings=readings(0.0, 0.0, 1.1),
        sources=NO_MODELS,
    )


def no_engine() -> Snapshot:
    """Models, and a llama-server that lacks a library; the embedded engine would run."""
    fresh = replace(idle(), servers=(), selected=None, readings=readings(0.0, 0.0, 1.1))
    return replace(fresh, engine_trouble=NO_LIBRARY)


def no_gpu() -> Snapshot:
    """Main memory alone."""
    ram = replace(snapshots.ram_readings(9.8, 32.0), time=NOW, servers_rss={SERVER_PID: round(5.2 * GIB)})
    return replace(idle(), readings=ram, fits=_with_room())


def several_gpus() -> Snapshot:
    """Two GPUs, of which the server uses both."""
    first = readings(3.1, 3.4, 2.0).gpus[0]
    second = replace(readings(2.2, 0.0, 0.0, 12.0).gpus[0], index=1, name="RTX 3060", id="GPU-2")
    ram = readings().ram
    return replace(idle(), readings=Readings(time=NOW, gpus=(first, second), ram=ram), fits=_with_room())


def _with_room() -> dict[str, Fit]:
    """More memory than the usual 16 GiB."""
    return {**FITS, GEMMA.id: replace(FITS[GEMMA.id], kind=FitKind.BESIDE)}


def _nothing_loaded() -> dict[str, Fit]:
    alone = {one: replace(fit, kind=FitKind.ALONE) for one, fit in FITS.items()}
    return {**alone, GEMMA.id: FITS[GEMMA.id], LLAMA.id: FITS[LLAMA.id]}


def history() -> HistoryReport:
    """What was loaded in the last days: Nemotron often, and once in vain."""
    minute, day = 60.0, 86_400.0
    size = 5 * GIB

    def load(ago: float, seconds: float, *, cold: bool, reason: Reason = Reason.CHOICE) -> Record:
        return Record(
            finished=NOW - ago,
            model=NEMOTRON.id,
            result=Result.SWITCHED,
            seconds=seconds + 0.4,
            reason=reason,
            serving=NEMOTRON.id,
            size=size,
            load_seconds=seconds,
            cold=cold,
        )

    failed = Record(
        finished=NOW - 52 * minute,
        model=NEMOTRON.id,
        result=Result.ROLLED_BACK,
        seconds=2.1,
        serving=PHINANCE.id,
        cause="gpu-memory",
        sentence="The GPU has too little free memory for it",
    )
    other = replace(failed, model=QWEN.id, finished=NOW - 30 * minute)
    return report(
        [
            load(2 * day, 11.8, cold=True),
            load(day, 5.3, cold=False, reason=Reason.RETURN),
            failed,
            load(40 * minute, 5.1, cold=False),
            other,
            load(12 * minute, 4.9, cold=False, reason=Reason.REQUEST),
        ]
    )


STATES = {
    "idle": idle,
    "loading": loading,
    "switching": switching,
    "failed": failed,
    "rolled back": rolled_back,
    "borrowed": borrowed,
    "stopped": stopped,
    "thousand": thousand,
    "no engine": no_engine,
    "no models": no_models,
    "no GPU": no_gpu,
    "several GPUs": several_gpus,
}


def trail_of(snapshot: Snapshot) -> Trail:
    """Five minutes that end with `snapshot`: another model was there before, and programs came and went."""
    trail, known = Trail(), shares(snapshot)
    if not known.splits:
        return trail
    total = sum(one.total for one in known.splits)
    ours = known.of(OwnerKind.SERVER) / total
    others = known.used / total - ours
    loading = snapshot.switch is not None and snapshot.switch.phase is Phase.START
    changed = 6 if loading else 110
    for ago in range(300, 0, -1):
        came = min(1.0, (changed - ago) / 5) if ago < changed else 0.0
        before = 0.31 if ago > changed + 3 and len(snapshot.catalog.models) else 0.0
        moved = 0.03 * math.sin(ago / 17) if ago > 20 else 0.0
        trail._points.append(Point(snapshot.time - ago, others + moved, max(before, ours * came)))
    trail.record(snapshot)
    return trail
