from __future__ import annotations

import json

import pytest

from model_switcher.domain.errors import SwitcherError, SwitchFailed, UnknownModel, UnusableModel
from model_switcher.domain.memory import Gpu, GpuProcess, Ram, Readings
from model_switcher.domain.snapshot import Outcome, Phase, Result, ServerView, Snapshot, SwitchView
from model_switcher.domain.states import Failure, ServerState
from model_switcher.domain.wire import decode_state, encode, error_body, error_from, state

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
                    index=0, name="G", source="nvml", total=16, used=None, free=None,
                    processes=(GpuProcess(pid=1, name=None, used=None),),
                ),
            ),
            ram=Ram(total=8, available=3),
            servers_rss={4: 9},
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
