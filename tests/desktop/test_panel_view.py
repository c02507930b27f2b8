"""What the panel shows, as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes import panel_states as states
from fakes import snapshots
from fakes.panel_rows import fit_of
from fakes.snapshots import GEMMA, LLAMA, NEMOTRON, PHINANCE, QWEN
from model_switcher.desktop.view_state import Command, Control, Tone, panel_view, row_view
from model_switcher.desktop.view_state.memory import Whose
from model_switcher.domain.snapshot import Outcome, Phase, Reason, Result, ScanView, Snapshot
from model_switcher.domain.spill import Sign, Spill
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import GIB


def head(snapshot: Snapshot) -> tuple[str, str, str]:
    header = panel_view(snapshot).header
    return header.title, header.line, header.control.text


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (states.idle(), ("Nemotron Nano 8B", "Ready · Q4_K_M · 16k context · 42 tok/s", "Stop")),
        (snapshots.ready(), ("Nemotron Nano 8B", "Ready · Q4_K_M", "Stop")),
        (
            states.loading(),
            ("Loading Qwen3 8B…", "3.9 of 6.8 GiB · 3 s left · 4 requests waiting", "Cancel"),
        ),
        (snapshots.loading(), ("Loading Qwen3 8B…", "57 %", "Cancel")),
        (snapshots.loading(None), ("Loading Qwen3 8B…", "Starting", "Cancel")),
        (states.switching(), ("Qwen3 8B is next", "2 answers to finish · 1 request waiting", "Cancel")),
        (states.failed(), ("Nothing is served", "Choose another model, or try again", "Start")),
        (states.stopped(), ("Nemotron Nano 8B", "Not loaded · the next request loads it", "Start")),
        (
            replace(states.stopped(), awake=True),
            ("Nemotron Nano 8B", "Stopped unexpectedly · starting it again", "Stop"),
        ),
        (
            replace(states.stopped(), paused=True),
            ("Paused", "The memory is free until you resume", "Resume"),
        ),
        (replace(states.stopped(), selected=None), ("No model is chosen", "Choose one below", "Start")),
        (Snapshot(), ("Nothing is served", "There is no model yet", "Start")),
    ],
)
def test_the_head_says_what_is_served_and_how_it_does(
    snapshot: Snapshot, expected: tuple[str, str, str]
) -> None:
    assert head(snapshot) == expected


def test_a_server_that_answers_is_said_to_and_slow_ones_are_told_to_a_tenth() -> None:
    server = replace(states.idle().servers[0], in_flight=1, tokens_per_second=4.27)
    assert head(replace(states.idle(), servers=(server,)))[1].startswith("Answering")
    assert head(replace(states.idle(), servers=(server,)))[1].endswith("4.3 tok/s")


def test_the_memory_is_split_by_owner_others_first() -> None:
    memory = panel_view(states.idle()).memory
    (bar,) = memory.bars
    assert [piece.text for piece in bar.segments] == [
        "speech: 3.4 GiB",
        "desktop and driver: 2.0 GiB",
        "Nemotron Nano 8B: 5.0 GiB",
    ]
    assert [piece.whose for piece in bar.segments] == [Whose.OTHER, Whose.DESKTOP, Whose.OWN]
    assert sum(piece.part for piece in bar.segments) == pytest.approx(10.4 / 16, abs=0.001)
    assert memory.figures == "10.4 / 16.0 GiB"
    assert [(one.text, one.figure) for one in memory.legend] == [
        ("other apps", "5.4"),
        ("this server", "5.0"),
    ]


def test_a_model_that_fits_beside_what_runs_adds_a_ghost_to_it() -> None:
    memory = panel_view(states.idle(), pointed=PHINANCE.id).memory
    ghost = memory.bars[0].ghost
    assert ghost is not None
    assert (ghost.begin, ghost.length) == pytest.approx((10.4 / 16, 2.3 / 16), abs=0.001)
    assert (memory.legend[-1].text, memory.legend[-1].figure) == ("with Phinance 3B", "+2.3")
    assert memory.spoken == "VRAM: 10.4 / 16.0 GiB; other apps 5.4, this server 5.0, with Phinance 3B +2.3."


def test_a_model_that_comes_instead_has_its_ghost_over_what_goes() -> None:
    memory = panel_view(states.idle(), pointed=QWEN.id).memory
    ghost = memory.bars[0].ghost
    assert ghost is not None
    assert (ghost.begin, ghost.length) == pytest.approx((5.4 / 16, 6.8 / 16), abs=0.001)
    assert (memory.legend[-1].text, memory.legend[-1].figure) == ("Qwen3 8B instead", "6.8")


def test_a_ghost_that_does_not_fit_ends_with_the_memory_and_warns() -> None:
    ghost = panel_view(states.idle(), pointed=LLAMA.id).memory.bars[0].ghost
    assert ghost is not None
    assert ghost.begin + ghost.length == pytest.approx(1.0)
    assert ghost.tone is Tone.BAD
    tight = panel_view(states.idle(), pointed=GEMMA.id).memory.bars[0].ghost
    assert tight is not None
    assert tight.tone is Tone.WARNING


def test_what_runs_and_what_nothing_is_known_of_has_no_ghost() -> None:
    for model in (NEMOTRON.id, "zephyr-1b", "gone"):
        assert panel_view(states.idle(), pointed=model).memory.bars[0].ghost is None


def test_while_a_model_loads_the_ghost_is_what_is_still_to_come() -> None:
    memory = panel_view(states.loading(), pointed=PHINANCE.id).memory
    ghost = memory.bars[0].ghost
    assert ghost is not None
    assert (ghost.begin, ghost.length) == pytest.approx((9.3 / 16, 2.9 / 16), abs=0.001)
    last = memory.legend[-1]
    assert (last.whose, last.text, last.figure, last.rest) == (Whose.LOADING, "loading", "3.9", "/ 6.8")


def test_every_gpu_has_a_bar_with_its_name_and_a_ghost_lies_where_there_is_room() -> None:
    memory = panel_view(states.several_gpus(), pointed=PHINANCE.id).memory
    assert [(bar.name, bar.figures) for bar in memory.bars] == [
        ("RTX 4080", "8.5 / 16.0 GiB"),
        ("RTX 3060", "2.2 / 12.0 GiB"),
    ]
    assert memory.figures == "10.7 / 28.0 GiB"
    lengths = [bar.ghost.length * size for bar, size in zip(memory.bars, (16, 12), strict=True) if bar.ghost]
    assert sum(lengths) == pytest.approx(2.3, abs=0.01)
    assert lengths[0] / lengths[1] == pytest.approx(7.5 / 9.8, abs=0.01)


def test_without_a_gpu_it_is_main_memory_and_the_reason_is_told() -> None:
    memory = panel_view(states.no_gpu()).memory
    assert memory.figures == "9.8 / 32.0 GiB"
    assert memory.note == "No GPU was found"
    assert memory.spoken.startswith("RAM: ")


def test_memory_of_which_nothing_is_known_has_no_bar() -> None:
    assert panel_view(Snapshot()).memory.bars == ()
    readings = replace(states.readings(), gpus=(), ram=None, missing=("RTX 4080",))
    lost = panel_view(replace(states.idle(), readings=readings)).memory
    assert lost.bars == ()
    assert lost.note == "RTX 4080 does not answer; its memory is unknown"


def test_where_the_driver_does_not_tell_whose_memory_it_is_nobody_is_named() -> None:
    silent = replace(states.readings().gpus[0], processes=None)
    memory = panel_view(replace(states.idle(), readings=replace(states.readings(), gpus=(silent,)))).memory
    assert [(one.text, one.figure) for one in memory.legend] == [("in use", "10.4")]
    assert [piece.text for piece in memory.bars[0].segments] == ["other programs: 10.4 GiB"]


def test_an_empty_list_says_why_and_what_to_do() -> None:
    view = panel_view(states.no_models())
    assert view.empty is not None
    assert view.empty.title == "No models found"
    assert [(fact.label, fact.value) for fact in view.empty.facts] == [
        ("Folder of the settings", "D:\\models\nno models"),
        ("LM Studio", "C:\\Users\\anna\\.lmstudio\\models\nno models"),
        ("Not on this computer", "Hugging Face, llama.cpp, Ollama, Jan, GPT4All"),
    ]
    assert [control.text for control in view.empty.controls] == ["Choose a folder…", "Look again"]
    assert view.empty.title not in (view.header.title, view.header.line)
    assert panel_view(Snapshot(scanning=True)).empty != view.empty


def test_the_question_about_running_answers_is_asked_for_a_choice_alone() -> None:
    busy = panel_view(states.switching()).busy
    assert busy is not None
    assert (busy.text, busy.model) == ("2 requests are running", QWEN.id)
    switch = states.switching().switch
    assert switch is not None
    by_request = replace(states.switching(), switch=replace(switch, reason=Reason.REQUEST))
    assert panel_view(by_request).busy is None
    later = replace(states.switching(), switch=replace(switch, phase=Phase.STOP))
    assert panel_view(later).busy is None
    assert panel_view(states.idle()).busy is None


def test_what_went_wrong_is_told_with_its_cause_what_is_served_now_and_one_thing_to_do() -> None:
    (banner,) = panel_view(states.rolled_back()).banners
    assert banner.title == "Qwen3 8B could not be loaded"
    assert banner.text.startswith("The GPU has too little free memory for it. Close other")
    assert banner.text.endswith("Nemotron Nano 8B is back.")
    assert banner.action == Control(Command.TRY_AGAIN, "Try again")
    assert banner.target == QWEN.id
    assert panel_view(states.rolled_back(), put_away={banner.key}).banners == ()
    (failed,) = panel_view(states.failed()).banners
    assert failed.tone is Tone.BAD


def test_a_failure_of_later_is_news_although_one_like_it_was_put_away() -> None:
    first = states.rolled_back()
    (banner,) = panel_view(first).banners
    assert first.outcome is not None
    again = replace(first, outcome=replace(first.outcome, finished=99.0))
    assert len(panel_view(again, put_away={banner.key}).banners) == 1


def test_a_switch_that_went_well_a_notice_and_a_spill() -> None:
    done = Outcome(result=Result.SWITCHED, target=QWEN.id, serving=QWEN.id, seconds=3.0, finished=1.0)
    assert panel_view(replace(states.idle(), outcome=done)).banners == ()
    spill = Spill(model=NEMOTRON.id, sign=Sign.SHARED_MEMORY, since=1.0, amount=GIB)
    texts = [
        banner.text
        for banner in panel_view(
            replace(
                states.idle(),
                notice="The settings are odd",
                memory_notice="2.0 GiB are still held",
                file_notice="It was deleted",
                spill=spill,
            )
        ).banners
    ]
    assert texts[0].startswith("Nemotron Nano 8B does not fit any more: 1.0 GiB of it moved")
    assert texts[1:] == ["The settings are odd", "2.0 GiB are still held", "It was deleted"]


def test_addresses_and_the_hint_of_the_filter() -> None:
    view = panel_view(states.thousand())
    assert (view.endpoint, view.web_ui) == ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/")
    assert view.hint == "Filter 1,000 models…"
    reading = replace(states.thousand(), scanning=True, scan=ScanView(done=230, total=1000))
    assert panel_view(reading).hint == "Filter 1,000 models, 230 of 1,000 read…"
    assert panel_view(states.loading()).web_ui == ""
    assert panel_view(Snapshot()).endpoint == ""


def test_a_server_that_stops_is_said_to_in_head_and_row() -> None:
    stopping = replace(
        states.idle(), servers=(replace(states.idle().servers[0], state=ServerState.STOPPING),)
    )
    assert head(stopping)[1] == "Stopping"
    assert fit_of(stopping, "Nemotron Nano 8B")[1] == "stopping"


@pytest.mark.parametrize("make", states.STATES.values(), ids=states.STATES)
def test_every_state_can_be_read_aloud(make: object) -> None:
    assert callable(make)
    snapshot = make()
    view = panel_view(snapshot, recent=states.RECENT)
    assert view.header.title
    assert view.memory.spoken
    for section in view.sections:
        for key in section.rows:
            found = row_view(snapshot, key)
            assert found is not None
            assert found.spoken.startswith(found.name)
