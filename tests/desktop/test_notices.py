"""What the user is told of changes: once for each event, and only what was asked for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import qasync

from fakes import panel_states, snapshots
from fakes.stand_in import StandIn, StandInThread
from model_switcher.desktop.ask import Ask
from model_switcher.desktop.bridge import Bridge
from model_switcher.desktop.notices import Notice, notices
from model_switcher.desktop.panel_host import PanelHost
from model_switcher.desktop.presenter import Presenter
from model_switcher.desktop.tray import Tray
from model_switcher.desktop.view_state import Command, view_state
from model_switcher.desktop.windows import Windows
from model_switcher.domain.low_memory import LowMemory
from model_switcher.domain.remedies import Remedy, RemedyKind
from model_switcher.domain.settings import NOTIFICATIONS, DesktopSettings
from model_switcher.domain.snapshot import Outcome, Result, Snapshot
from model_switcher.domain.spill import Sign, Spill
from model_switcher.domain.states import Failure, ServerState
from model_switcher.domain.units import GIB, MIB

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
USUAL = DesktopSettings().notifications
WHY = (
    "The GPU has too little free memory for it. "
    "Close other programs that use the GPU, or set a smaller ctx-size."
)
LOG = "Click to show the log."
CRASH = Failure(cause="engine-crashed", sentence="The engine was killed by SIGKILL")


def switched(result: Result = Result.SWITCHED, *, failure: Failure | None = None) -> Snapshot:
    outcome = Outcome(
        result=result,
        target=snapshots.QWEN.id,
        serving=snapshots.NEMOTRON.id,
        seconds=3.2,
        finished=10.0,
        failure=failure,
    )
    return replace(snapshots.ready(), outcome=outcome)


def test_a_switch_that_was_rolled_back_is_told_with_cause_hint_and_what_is_served() -> None:
    told = notices(snapshots.loading(), snapshots.rolled_back(), USUAL)
    text = f"{WHY} Nemotron Nano 8B is back."
    assert told == [
        Notice("rolled back", "Qwen3 8B could not be loaded", text, click=LOG, action=Command.SHOW_LOG),
    ]


def test_a_switch_after_which_nothing_is_served_is_told_once() -> None:
    told = notices(snapshots.loading(), snapshots.failed(), USUAL)
    text = f"{WHY} Nothing is served now."
    assert told == [
        Notice(
            "failed",
            "Qwen3 8B could not be loaded",
            text,
            click="Click to try again.",
            action=Command.TRY_AGAIN,
            target=snapshots.QWEN.id,
        )
    ]


def test_the_same_event_is_not_told_twice_when_failure_and_outcome_come_one_after_the_other() -> None:
    failure_only = replace(snapshots.failed(), outcome=None)
    first = notices(snapshots.loading(), failure_only, USUAL)
    second = notices(failure_only, snapshots.failed(), USUAL)
    third = notices(snapshots.failed(), replace(snapshots.failed(), number=99), USUAL)
    assert (len(first), second, third) == (1, [], [])


def test_a_failure_within_a_switch_waits_for_the_outcome() -> None:
    during = replace(snapshots.loading(), failure=snapshots.OUT_OF_MEMORY)
    assert notices(snapshots.loading(), during, USUAL) == []
    assert len(notices(during, snapshots.failed(), USUAL)) == 1


def test_the_same_failure_of_a_second_try_is_told_again() -> None:
    again = snapshots.failed()
    assert again.outcome is not None
    again = replace(again, outcome=replace(again.outcome, finished=50.0))
    assert len(notices(snapshots.failed(), again, USUAL)) == 1


def test_a_refused_switch_says_that_the_old_model_keeps_running() -> None:
    told = notices(snapshots.ready(), switched(Result.REFUSED, failure=snapshots.OUT_OF_MEMORY), USUAL)
    text = f"{WHY} Nemotron Nano 8B keeps running."
    assert told == [Notice("failed", "Qwen3 8B was not loaded", text, click=LOG, action=Command.SHOW_LOG)]


def test_a_switch_that_succeeds_is_told_only_on_request() -> None:
    assert notices(snapshots.loading(), switched(), USUAL) == []
    assert notices(snapshots.loading(), switched(), ("switched",)) == [
        Notice("switched", "Qwen3 8B is ready", "Loaded in 3.2 s.", warning=False)
    ]


def test_what_the_user_did_himself_is_no_news() -> None:
    for result in (Result.CANCELLED, Result.ALREADY):
        assert notices(snapshots.loading(), switched(result), USUAL) == []
    assert notices(snapshots.ready(), snapshots.stopped(), USUAL) == []


def test_a_crash_is_told_when_its_server_is_seen_to_have_failed() -> None:
    dead = replace(snapshots.ready(), servers=(snapshots.server(state=ServerState.FAILED),), failure=CRASH)
    told = notices(snapshots.ready(), dead, USUAL)
    assert told == [
        Notice(
            "crashed",
            "Nemotron Nano 8B stopped unexpectedly",
            "The engine was killed by SIGKILL.",
            click=LOG,
            action=Command.SHOW_LOG,
        )
    ]
    assert notices(dead, replace(dead, servers=()), USUAL) == []


def test_a_crash_is_told_when_its_server_was_seen_to_stop_first_and_that_it_is_started_again() -> None:
    stopping = replace(snapshots.ready(), servers=(snapshots.server(state=ServerState.STOPPING),))
    dead = replace(snapshots.ready(), servers=(snapshots.server(state=ServerState.FAILED),))
    assert notices(snapshots.ready(), stopping, USUAL) == []
    assert notices(stopping, dead, USUAL) == [
        Notice(
            "crashed",
            "Nemotron Nano 8B stopped unexpectedly",
            "It is started again.",
            click=LOG,
            action=Command.SHOW_LOG,
        )
    ]
    assert notices(dead, replace(dead, number=9), USUAL) == []


def test_a_server_that_fails_while_it_is_meant_to_stop_is_no_crash() -> None:
    dead = replace(snapshots.stopped(), servers=(snapshots.server(state=ServerState.FAILED),))
    assert notices(snapshots.ready(), dead, USUAL) == []


def test_a_crash_is_told_when_the_dead_server_was_never_seen() -> None:
    gone = replace(snapshots.ready(), servers=(), failure=CRASH)
    assert [notice.kind for notice in notices(snapshots.ready(), gone, USUAL)] == ["crashed"]


def test_kinds_that_the_settings_leave_out_are_not_told() -> None:
    assert notices(snapshots.loading(), snapshots.rolled_back(), ("crashed",)) == []
    assert notices(snapshots.loading(), snapshots.failed(), ("crashed",)) == []


def test_the_first_snapshot_tells_what_went_wrong_before_it() -> None:
    assert [notice.kind for notice in notices(None, snapshots.failed(), USUAL)] == ["failed"]
    assert notices(None, snapshots.ready(), USUAL) == []


def test_a_notice_about_the_instance_is_told_once_whatever_the_settings_say() -> None:
    noted = replace(snapshots.ready(), notice="The settings file has 2 problems.")
    assert notices(snapshots.ready(), noted, ()) == [
        Notice("instance", "Model Switcher", "The settings file has 2 problems.")
    ]
    assert notices(noted, replace(noted, number=50), ()) == []


SPILL = Spill(
    model=snapshots.NEMOTRON.id,
    sign=Sign.SHARED_MEMORY,
    since=5.0,
    amount=2 * GIB,
    action=Remedy(action=RemedyKind.RELOAD, ctx_size=8192),
)
LOW = LowMemory(
    device="GPU-1", name="RTX 4080", free=150 * MIB, total=16 * GIB, since=7.0, holder="firefox", held=3 * GIB
)
EVERY = NOTIFICATIONS


def test_a_damaged_file_is_shown_at_a_click() -> None:
    damaged = Failure(
        cause="model-damaged",
        sentence="The file is damaged",
        action=Remedy(action=RemedyKind.SHOW_FILE, path="/models/qwen.gguf"),
    )
    (notice,) = notices(snapshots.loading(), switched(Result.ROLLED_BACK, failure=damaged), USUAL)
    assert (notice.action, notice.target) == (Command.SHOW_FILE, "/models/qwen.gguf")
    assert notice.click == "Click to show the file."


def test_a_file_that_is_gone_is_looked_for_at_a_click() -> None:
    gone = Failure(cause="model-missing", sentence="It is gone", action=Remedy(action=RemedyKind.RESCAN))
    (notice,) = notices(snapshots.loading(), switched(Result.ROLLED_BACK, failure=gone), USUAL)
    assert notice.action is Command.RESCAN
    assert notice.click == "Click to look for models again."


def test_a_model_that_is_lent_is_told_when_it_is_there_for_its_owner_and_only_on_request() -> None:
    lent, idle = panel_states.borrowed(), panel_states.idle()
    waiting = replace(lent, leases=tuple(replace(lease, granted=False) for lease in lent.leases))
    assert notices(idle, waiting, EVERY) == []
    assert notices(waiting, lent, USUAL) == []
    assert notices(waiting, lent, EVERY) == [
        Notice(
            "borrowed",
            "budget.py has borrowed Phinance 3B",
            "Nemotron Nano 8B comes back when it is given back.",
            warning=False,
        )
    ]
    assert notices(lent, replace(lent, number=99), EVERY) == []
    assert notices(lent, idle, EVERY) == []


def test_a_spill_is_told_once_for_each_start_of_a_server() -> None:
    spilled = replace(snapshots.ready(), spill=SPILL)
    assert notices(snapshots.ready(), spilled, USUAL) == [
        Notice(
            "spill",
            "Out of GPU memory",
            "Nemotron Nano 8B does not fit any more: 2.0 GiB of it moved to main memory. "
            "Reload it at 8k context, or close other programs that use the GPU.",
        )
    ]
    assert notices(spilled, replace(spilled, number=9), USUAL) == []
    again = replace(spilled, spill=replace(SPILL, since=99.0))
    assert len(notices(spilled, again, USUAL)) == 1
    assert notices(snapshots.ready(), spilled, ("failed",)) == []


def test_low_memory_is_told_with_who_holds_it() -> None:
    low = replace(snapshots.ready(), low_memory=LOW)
    assert notices(snapshots.ready(), low, USUAL) == [
        Notice(
            "low memory",
            "Memory is nearly full",
            "RTX 4080 has 0.1 GiB of 16.0 GiB left; firefox holds 3.0 GiB. "
            "Close other programs that use the GPU, or answers become many times slower.",
        )
    ]
    assert notices(low, replace(low, number=9), USUAL) == []
    assert notices(snapshots.ready(), low, ("spill",)) == []


def test_a_spill_and_a_full_gpu_are_one_event() -> None:
    both = replace(snapshots.ready(), low_memory=LOW, spill=SPILL)
    assert [notice.kind for notice in notices(snapshots.ready(), both, EVERY)] == ["spill"]
    spilled = replace(both, low_memory=None)
    assert notices(spilled, both, EVERY) == []
    ram = replace(both, low_memory=replace(LOW, device="ram", name=""))
    assert [notice.kind for notice in notices(spilled, ram, EVERY)] == ["low memory"]


def test_every_kind_of_the_settings_can_be_told_and_turned_off() -> None:
    """Each of the changes below is told as one kind, and not at all when the settings leave that kind out."""
    ready, idle = snapshots.ready(), panel_states.idle()
    changes = {
        "switched": (snapshots.loading(), switched()),
        "failed": (snapshots.loading(), snapshots.failed()),
        "rolled back": (snapshots.loading(), snapshots.rolled_back()),
        "crashed": (ready, replace(ready, servers=(), failure=CRASH)),
        "borrowed": (idle, panel_states.borrowed()),
        "spill": (ready, replace(ready, spill=SPILL)),
        "low memory": (ready, replace(ready, low_memory=LOW)),
    }
    assert set(changes) == set(NOTIFICATIONS)
    for kind, (before, now) in changes.items():
        assert [notice.kind for notice in notices(before, now, EVERY)] == [kind]
        assert notices(before, now, [one for one in EVERY if one != kind]) == []


@pytest.mark.parametrize(
    ("notice", "done"),
    [
        (Notice("failed", "a", "b", action=Command.TRY_AGAIN, target="qwen3-8b"), "select qwen3-8b"),
        (Notice("failed", "a", "b", action=Command.RESCAN), "rescan"),
        (Notice("crashed", "a", "b", action=Command.SHOW_LOG), "log"),
        (Notice("spill", "a", "b"), "panel"),
    ],
)
def test_a_click_on_a_notice_does_its_one_thing_or_opens_the_panel(
    qapp: QApplication, notice: Notice, done: str
) -> None:
    """With a stand-in for the engine behind the real bridge; what shows the message is the system's own."""
    happened: list[str] = []
    windows = Windows()
    windows.add(Ask.LOG, lambda: happened.append("log"))
    thread = StandInThread(StandIn(happened.append))

    async def main() -> None:
        settings = DesktopSettings()
        tray = Tray(theme="dark", offered=(), first=view_state(Snapshot()))
        panel = PanelHost(theme="dark", offered=(), options=lambda _: {})
        presenter = Presenter(tray, panel, settings, windows=windows, quit_=lambda: None, quiet=True)
        bridge = Bridge(thread.loop, thread.intentions)
        presenter.connect(bridge)
        await bridge.open()
        tray._told = notice
        tray._message_clicked()
        while not happened:
            if panel.window is not None and panel.window.isVisible():
                happened.append("panel")
            await asyncio.sleep(0.005)
        panel.close()
        await presenter.close()
        await bridge.close()

    try:
        with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(qapp)) as runner:
            runner.run(asyncio.wait_for(main(), 20))
    finally:
        thread.request_stop()
        thread.join()
    assert happened == [done]


def test_a_settings_file_with_problems_is_told_once() -> None:
    broken = replace(snapshots.ready(), settings_notice="The settings in x have a problem")
    assert [notice.text for notice in notices(snapshots.ready(), broken, ())] == [
        "The settings in x have a problem"
    ]
    assert notices(broken, broken, ()) == []
