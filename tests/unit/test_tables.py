from __future__ import annotations

import pytest

from fakes.snapshots import GEMMA, LLAMA, NEMOTRON, PHINANCE, QWEN, server
from model_switcher.cli.tables import fit_text, print_catalog, print_needs, print_owners
from model_switcher.domain.catalog import Catalog, Rejected
from model_switcher.domain.need import Amount, Fit, FitKind, Need, Source
from model_switcher.domain.owners import Owner, OwnerKind, Split
from model_switcher.domain.snapshot import Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import GIB

SHORT = Fit(kind=FitKind.SHORT, need=9 * GIB, shortfall=3 * GIB)


@pytest.mark.parametrize(
    ("fit", "text"),
    [
        (None, ""),
        (Fit(kind=FitKind.UNKNOWN), ""),
        (Fit(kind=FitKind.BESIDE, need=1), "fits beside"),
        (Fit(kind=FitKind.ALONE, need=1, ctx_size=46848), "fits alone with 46848 tokens"),
        (Fit(kind=FitKind.TIGHT, need=1, n_gpu_layers=28), "tight with 28 layers"),
        (SHORT, "short by 3.0 GiB"),
        (
            Fit(kind=FitKind.SHORT, need=1, shortfall=GIB, ctx_size=8192, n_gpu_layers=20),
            "short by 1.0 GiB (8192 tokens or 20 layers would fit)",
        ),
    ],
)
def test_a_fit_is_told_with_the_way_out(fit: Fit | None, text: str) -> None:
    assert fit_text(fit) == text


def test_the_list_tells_what_each_model_is_up_to(capsys: pytest.CaptureFixture[str]) -> None:
    state = Snapshot(selected=NEMOTRON.id, servers=(server(NEMOTRON), server(PHINANCE, ServerState.LOADING)))
    catalog = Catalog(
        (NEMOTRON, PHINANCE, LLAMA, GEMMA),
        (Rejected(path="/x.gguf", code="model-empty", reason="It is empty"),),
    )
    fits = {
        NEMOTRON.id: SHORT,
        PHINANCE.id: SHORT,
        LLAMA.id: SHORT,
    }
    print_catalog(catalog, fits, state)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "QUANT", "SIZE", "CONTEXT", "FIT", "FOLDER"]
    assert rows[0].startswith("*")
    assert "resident" in rows[0], "a server that runs, whatever was said of the model"
    assert "loading" in rows[1]
    assert "short by 3.0 GiB" in rows[2]
    assert "fit" not in rows[3]
    assert "It is empty" in rows[-1]


def test_who_holds_the_memory_is_told_with_few_of_the_programs(capsys: pytest.CaptureFixture[str]) -> None:
    programs = [
        Owner(kind=OwnerKind.PROGRAM, used=(9 - number) * GIB, name=f"program {number}", pids=(number,))
        for number in range(8)
    ]
    split = Split(
        device="GPU-1", name="RTX", total=64 * GIB, source="nvml",
        owners=(
            Owner(kind=OwnerKind.SERVER, used=5 * GIB, name="nemotron", pids=(42,)),
            *programs,
            Owner(kind=OwnerKind.DESKTOP, used=GIB),
            Owner(kind=OwnerKind.FREE, used=14 * GIB),
        ),
    )  # fmt: skip
    print_owners([split])
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line]
    assert lines == [
        "RTX: 50.0 of 64.0 GiB in use (told by nvml)",
        "nemotron (42) 5.0 GiB",
        "program 0 (0) 9.0 GiB",
        "program 1 (1) 8.0 GiB",
        "program 2 (2) 7.0 GiB",
        "program 3 (3) 6.0 GiB",
        "program 4 (4) 5.0 GiB",
        "other programs 9.0 GiB",
        "desktop and driver 1.0 GiB",
        "free 14.0 GiB",
    ]


def test_what_runs_is_told_as_measured_and_as_predicted(capsys: pytest.CaptureFixture[str]) -> None:
    rules = Need(
        device=Amount(weights=4 * GIB),
        host=Amount(),
        source=Source.RULES,
        ctx_size=8192,
        low=4 * GIB,
        high=5 * GIB,
    )
    measured = Need(
        device=Amount(weights=4 * GIB), host=Amount(), source=Source.MEASURED, ctx_size=8192, n_gpu_layers=20,
        low=4 * GIB, high=4 * GIB, driver=GIB // 2,
    )  # fmt: skip
    print_needs(Snapshot(servers=(server(QWEN),), needs={QWEN.id: (measured, rules)}))
    head, *rows = [line for line in capsys.readouterr().out.splitlines() if line]
    assert head.split() == ["MODEL", "CONTEXT", "LAYERS", "GPU", "RAM", "SOURCE"]
    assert " ".join(rows[0].split()) == "qwen3-8b 8192 20 4.5 GiB 0 KiB measured"
    assert " ".join(rows[1].split()) == "qwen3-8b 8192 all 4.0 GiB to 5.0 GiB 0 KiB rules"
    print_needs(Snapshot(needs={QWEN.id: (measured,)}))
    assert capsys.readouterr().out == ""
