"""Compares an instance with what is to be the case after an occasion of the fault matrix."""

from __future__ import annotations

from collections.abc import Collection

from fakes.household import Household
from fakes.launches import until
from fakes.occasions import Afterwards


async def check(it: Household, expected: Afterwards, may_fail: Collection[str]) -> None:
    """First while the instance runs, then once it has ended; `may_fail` are models whose engine need not end in order."""
    if expected.runs:
        await _check_running(it, expected)
        await it.quit()
    assert it.traces.living == []
    assert it.traces.recorded is None
    assert not it.places.instance.exists()
    assert it.settings.read_bytes() == it.written
    assert it.traces.remembered == expected.remembered
    assert it.traces.history == list(expected.loads)
    assert it.traces.half_written == []
    assert it.traces.failed <= set(may_fail)


async def _check_running(it: Household, expected: Afterwards) -> None:
    snapshot = await it.settles(expected.serving)
    outcome = snapshot.outcome
    assert outcome is not None
    assert (outcome.result, outcome.target, outcome.serving) == expected.outcome
    assert (snapshot.failure is None) == snapshot.awake == (expected.serving is not None)
    assert snapshot.selected == (expected.serving or outcome.target)
    assert (snapshot.held, snapshot.leases, snapshot.paused) == (0, (), False)
    assert (snapshot.notice or "").startswith(expected.notice or "")
    assert (snapshot.notice is None) == (expected.notice is None)
    await until(lambda: it.traces.recorded == tuple(one.pid for one in snapshot.servers))
    assert it.traces.working == {one.model for one in snapshot.servers}
    for model in it.traces.working:
        assert " ".join(it.traces.command_line(model)).endswith("--ctx-size 512"), (
            "the settings are those of the start"
        )
