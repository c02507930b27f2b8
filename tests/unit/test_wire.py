from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from model_switcher.domain.catalog import Catalog, Model
from model_switcher.domain.errors import SwitcherError, SwitchFailed, UnknownModel, UnusableModel
from model_switcher.domain.memory import Gpu, GpuProcess, Ram, Readings
from model_switcher.domain.need import Amount, Fit, FitKind, Need, Source
from model_switcher.domain.owners import Owner, OwnerKind, Split
from model_switcher.domain.prediction.blueprint import Blueprint
from model_switcher.domain.remedies import Remedy, RemedyKind
from model_switcher.domain.snapshot import Outcome, Phase, Result, ServerView, Snapshot, SwitchView
from model_switcher.domain.spill import Sign, Spill
from model_switcher.domain.states import Failure, ServerState
from model_switcher.domain.wire import decode_state, encode, error_body, error_from, fits, models, state

FAILURE = Failure(cause="engine-exited", sentence="It ended", exit_code=1, log=("a", "b"))


def test_a_snapshot_survives_the_wire_without_its_catalog() -> None:
    snapshot = Snapshot(
        number=7,
        selected="a",
        servers=(ServerView(model="a", state=ServerState.READY, engine="embedded", pid=4, progress=1.0),),
        switch=SwitchView(target="b", source="a", phase=Phase.DRAIN, started=1.0),
        outcome=Outcome(
            result=Result.ROLLED_BACK, target="b", serving="a", seconds=1.5, finished=2.0, failure=FAILURE
        ),
        readings=Readings(
            time=1.0,
            gpus=(
                Gpu(
                    index=0, name="G", source="nvml", total=16, used=None, free=None, integrated=True,
                    id="GPU-1", pci="0000:01:00.0", process_source="nvml", shared_used=2,
                    processes=(GpuProcess(pid=1, name=None, used=None, shared=3),),
                ),
            ),
            missing=("H",),
            ram=Ram(total=8, available=3),
            servers_rss={4: 9},
            kin={5: 4},
            busy=12.5,
        ),
        owners=(
            Split(
                device="GPU-1", name="G", total=16, source="nvml",
                owners=(Owner(kind=OwnerKind.SERVER, used=16, name="a", pids=(4,)),),
            ),
        ),
        spill=Spill(
            model="a", sign=Sign.SPEED, since=1.0, before=40.0, now=8.0,
            action=Remedy(action=RemedyKind.RELOAD, ctx_size=8192),
        ),
    )  # fmt: skip
    assert decode_state(encode(state(snapshot))) == snapshot


@pytest.mark.parametrize("kind", list(SwitcherError.tree()))
def test_every_error_survives_the_wire(kind: type[SwitcherError]) -> None:
    error = kind("A sentence", hint="A hint", details={"near": ["a"]})
    back = error_from(encode(error_body(error)))
    assert type(back).code == type(error).code
    assert (back.code, back.message, back.hint, back.details) == (
        error.code, "A sentence", "A hint", {"near": ["a"]},
    )  # fmt: skip


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in SwitcherError.tree() if "code" in vars(kind)]
    assert len(codes) == len(set(codes))


def test_a_reason_of_a_file_survives_the_wire() -> None:
    back = error_from(encode(error_body(UnusableModel.because("model-truncated", "too short"))))
    assert isinstance(back, UnusableModel)
    assert back.code == "model-truncated"


def test_errors_have_openais_shape() -> None:
    body = json.loads(encode(error_body(UnknownModel("No such model"))))
    assert set(body) == {"error"}
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["message"] == "No such model"


@pytest.mark.parametrize("serving", ["a", None])
def test_a_failed_switch_tells_by_its_exit_status_whether_anything_is_serving(serving: str | None) -> None:
    assert SwitchFailed("No", details={"serving": serving}).exit_status == (5 if serving else 6)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 1}', b'{"error": {"message": "x"}}'])
def test_an_answer_of_another_form_is_an_error_all_the_same(body: bytes) -> None:
    assert type(error_from(body)) is SwitcherError


NEED = Need(
    device=Amount(weights=5, cache=4, compute=3), host=Amount(weights=2), source=Source.MEASURED,
    ctx_size=4096, low=12, high=12, driver=7,
)  # fmt: skip
FITS = {
    "a": Fit(kind=FitKind.RESIDENT, need=19),
    "b": Fit(kind=FitKind.SHORT, need=90, shortfall=30, ctx_size=8192, n_gpu_layers=20),
    "c": Fit(kind=FitKind.UNKNOWN),
}


def model(name: str) -> Model:
    return Model(
        id=name, name=name, path=f"/{name}", files=(f"/{name}",), size=1, blueprint=Blueprint(b"packed")
    )


def test_the_state_tells_of_memory_only_for_the_models_that_it_is_about() -> None:
    snapshot = Snapshot(
        servers=(ServerView(model="a", state=ServerState.READY, engine="e"),),
        switch=SwitchView(target="b", source="a", phase=Phase.DRAIN, started=1.0),
        fits=FITS,
        needs={"a": (NEED,), "c": (NEED,)},
    )
    back = decode_state(encode(state(snapshot)))
    assert back.fits == {"a": FITS["a"], "b": FITS["b"]}
    assert back.needs == {"a": (NEED,)}
    assert decode_state(encode(state(replace(snapshot, selected="c")))).needs == {"a": (NEED,), "c": (NEED,)}


def test_every_model_is_listed_with_its_fit_and_without_its_blueprint() -> None:
    catalog = Catalog((model("a"), model("b"), model("d")))
    form = json.loads(encode(models(Snapshot(catalog=catalog, fits=FITS, needs={"a": (NEED,)}))))
    first, second, third = form["models"]
    assert "blueprint" not in first
    assert (first["fit"], first["need"], first["needs"][0]["source"]) == ("resident", 19, "measured")
    assert (second["fit"], second["shortfall"]) == ("short", 30)
    assert (second["fitting_ctx_size"], second["fitting_n_gpu_layers"], second["needs"]) == (8192, 20, [])
    assert (third["fit"], third["need"]) == (None, None)
    assert fits(form) == {"a": FITS["a"], "b": FITS["b"]}
    assert [found.id for found in msgspec.convert(form, Catalog).models] == ["a", "b", "d"]
