"""Every fault of an engine on every occasion: the failure's code, what is served and remembered, and that nothing is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.household import Household
from fakes.launches import QUICK
from fakes.occasions import EXITS, OCCASIONS, Fault, culprits
from fakes.verdict import check
from model_switcher.domain.plan import restarts
from model_switcher.domain.states import Cause

FAULTS = {
    "exits at once": Fault(engine=("--exit-at-once", "1"), code=Cause.EXITED),
    "exits while loading": Fault(
        engine=("--load-seconds", "0.02", "--exit-while-loading", "7"), code=Cause.EXITED
    ),
    "never becomes ready": Fault(
        engine=("--never-ready",), code=Cause.NOT_READY_IN_TIME, deadlines=replace(QUICK, stall=0.5)
    ),
    "becomes ready then dies": Fault(
        engine=("--exit-after-ready", "0.05"), code=Cause.CRASHED, lost=True, restarts=1
    ),
    "hangs": Fault(engine=("--hang",), code=Cause.HANGS, lost=True, deadlines=replace(QUICK, beat=0.2)),
    "answers for another model": Fault(engine=("--wrong-alias",), code=Cause.ANOTHER_SERVER),
    "ignores termination": Fault(engine=("--ignore-termination",)),
    "leaves a child holding the port": Fault(engine=("--leave-child-on-port",)),
    "exits and leaves a child holding the port": Fault(
        engine=("--leave-child-on-port", *EXITS), code=Cause.EXITED
    ),
    "floods its log with 200 MB": Fault(engine=("--flood-mib", "200"), at_start=True),
    "writes garbage": Fault(engine=("--garbage",)),
}
CELLS = [
    pytest.param(fault, occasion, id=f"{name}-{occasion}-{fault.told(occasion)}")
    for name, fault in FAULTS.items()
    for occasion in OCCASIONS
]


@pytest.mark.parametrize(("fault", "occasion"), CELLS)
async def test_a_fault_of_the_engine(
    fault: Fault, occasion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarts, "RESTART_LIMIT", fault.restarts)
    async with Household(tmp_path, monkeypatch, deadlines=fault.deadlines) as it:
        await check(it, await OCCASIONS[occasion](it, fault), culprits(occasion, fault))
