from __future__ import annotations

import pytest

from model_switcher.domain.states import ENDED, IllegalMoveError, ServerState, move

LEGAL = {
    ("starting", "loading"), ("starting", "ready"), ("starting", "stopping"), ("starting", "failed"),
    ("loading", "ready"), ("loading", "stopping"), ("loading", "failed"),
    ("ready", "stopping"), ("ready", "failed"),
    ("stopping", "stopped"), ("stopping", "failed"),
}  # fmt: skip


@pytest.mark.parametrize("to", ServerState)
@pytest.mark.parametrize("current", ServerState)
def test_only_the_moves_of_the_table_are_legal(current: ServerState, to: ServerState) -> None:
    if (current, to) in LEGAL:
        assert move(current, to) is to
    else:
        with pytest.raises(IllegalMoveError):
            move(current, to)


def test_what_has_ended_stays_so() -> None:
    assert {current for current, _ in LEGAL}.isdisjoint(ENDED)
