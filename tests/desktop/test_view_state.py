"""What the tray shows, as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes import snapshots
from model_switcher.desktop.view_state import (
    Centre,
    Command,
    Control,
    IconView,
    ModelEntry,
    Ring,
    remember,
    view_state,
)
from model_switcher.domain.catalog import Catalog, Rejected
from model_switcher.domain.memory import Gpu, Readings
from model_switcher.domain.snapshot import Phase, ScanView, Snapshot, SwitchView
from model_switcher.domain.states import Failure, ServerState
from model_switcher.domain.units import GIB

FREE = "Free the memory until resumed"
CUT = Rejected(path="/models/cut.gguf", code="model-truncated", reason="The file ends 1.2 GiB early")


def switching(phase: Phase, *, in_flight: int = 0) -> Snapshot:
    switch = SwitchView(target=snapshots.QWEN.id, source=snapshots.NEMOTRON.id, phase=phase, started=0.0)
    server = replace(snapshots.server(), in_flight=in_flight)
    return replace(snapshots.ready(), switch=switch, servers=(server,))


def draining() -> Snapshot:
    """Stopped by the user while it answers two requests."""
    server = replace(snapshots.server(), in_flight=2, draining=True)
    return replace(snapshots.ready(), servers=(server,), awake=False)


@pytest.mark.parametrize(
    ("snapshot", "header"),
    [
        (snapshots.ready(), "Nemotron Nano 8B — ready"),
        (snapshots.loading(), "Loading Qwen3 8B… 57 %"),
        (snapshots.loading(None), "Loading Qwen3 8B…"),
        (replace(snapshots.loading(), held=4), "Loading Qwen3 8B… 57 % · 4 requests waiting"),
        (replace(snapshots.loading(), held=1), "Loading Qwen3 8B… 57 % · 1 request waiting"),
        (replace(snapshots.loading(), switch=None), "Loading Qwen3 8B… 57 %"),
        (switching(Phase.PREFLIGHT), "Checking Qwen3 8B…"),
        (switching(Phase.DRAIN, in_flight=1), "Qwen3 8B is next — 1 answer to finish"),
        (switching(Phase.DRAIN, in_flight=3), "Qwen3 8B is next — 3 answers to finish"),
        (switching(Phase.STOP), "Qwen3 8B is next — freeing memory"),
        (snapshots.stopped(), "Nemotron Nano 8B — stopped until the next request"),
        (
            replace(snapshots.stopped(), awake=True),
            "Nemotron Nano 8B stopped unexpectedly — starting it again",
        ),
        (replace(snapshots.stopped(), paused=True), "Paused — the memory is free until you resume"),
        (snapshots.failed(), "Nothing is served — The GPU has too little free memory for it"),
        (replace(snapshots.stopped(), selected=None), "Choose a model"),
        (Snapshot(scanning=True), "Looking for models…"),
        (Snapshot(scanning=True, scan=ScanView(done=230, total=1000)), "Reading models: 230 of 1,000"),
        (Snapshot(), "No models found"),
        (Snapshot(catalog=Catalog(rejected=(CUT,))), "No model that can be served"),
    ],
)
def test_the_header_says_in_one_line_what_the_server_does(snapshot: Snapshot, header: str) -> None:
    assert view_state(snapshot).header == header


def test_while_the_old_model_comes_back_the_header_names_it() -> None:
    coming_back = snapshots.server(snapshots.NEMOTRON, ServerState.LOADING, progress=0.2)
    snapshot = replace(snapshots.loading(None), servers=(coming_back,))
    assert view_state(snapshot).header == "Loading Nemotron Nano 8B… 20 %"


def test_a_server_that_stops_is_said_to_stop() -> None:
    snapshot = replace(snapshots.ready(), servers=(snapshots.server(state=ServerState.STOPPING),))
    assert view_state(snapshot).header == "Nemotron Nano 8B — stopping"
    assert view_state(snapshot).control == Control(Command.STOP, "Stop server", enabled=False)


def test_the_gauge_is_a_line_of_text_with_a_bar() -> None:
    assert view_state(snapshots.ready()).gauge == "VRAM 10.4 of 16.0 GiB  ▰▰▰▰▰▰▱▱▱"
    assert view_state(snapshots.without_gpu()).gauge == "RAM 6.4 of 16.0 GiB  ▰▰▰▰▱▱▱▱▱"


def test_unknown_memory_is_said_to_be_unknown_and_never_nought() -> None:
    silent = Gpu(index=0, name="RTX", source="nvml", total=None, used=None, free=None)
    half_silent = replace(silent, used=5 * GIB)
    for gpu, line in ((silent, "VRAM unknown"), (half_silent, "VRAM 5.0 GiB in use")):
        view = view_state(replace(snapshots.ready(), readings=Readings(time=0.0, gpus=(gpu,))))
        assert view.gauge == line
        assert view.icon.level is None
    assert view_state(Snapshot()).gauge == "Memory unknown"


def test_the_tooltip_is_one_short_line_however_long_the_reason() -> None:
    assert view_state(snapshots.ready()).tooltip == "Nemotron Nano 8B — ready · VRAM 10.4 of 16.0 GiB"
    wordy = replace(snapshots.failed(), failure=Failure(cause="engine-exited", sentence="so it is " * 40))
    tooltip = view_state(wordy).tooltip
    assert len(tooltip) < 120
    assert "\n" not in tooltip
    assert tooltip.endswith("… · VRAM 5.4 of 16.0 GiB")


@pytest.mark.parametrize(
    ("snapshot", "icon"),
    [
        (snapshots.ready(), IconView(Centre.READY, Ring.VRAM, 31)),
        (snapshots.loading(), IconView(Centre.LOADING, Ring.VRAM, 28, 7)),
        (snapshots.loading(None), IconView(Centre.LOADING, Ring.VRAM, 28, None)),
        (snapshots.stopped(), IconView(Centre.STOPPED, Ring.STOPPED, 16)),
        (snapshots.nearly_full(), IconView(Centre.READY, Ring.NEARLY_FULL, 45)),
        (snapshots.failed(), IconView(Centre.FAILED, Ring.FAILED, 16)),
        (snapshots.without_gpu(), IconView(Centre.READY, Ring.RAM, 19)),
        (Snapshot(), IconView(Centre.STOPPED, Ring.STOPPED, None)),
    ],
)
def test_the_icon_follows_the_server_and_the_memory(snapshot: Snapshot, icon: IconView) -> None:
    assert view_state(snapshot).icon == icon


def test_a_reading_that_moves_by_less_than_a_step_does_not_change_the_icon() -> None:
    nearly_the_same = replace(snapshots.ready(), readings=snapshots.gpu_readings(10.42))
    assert view_state(nearly_the_same).icon == view_state(snapshots.ready()).icon


def test_the_chosen_model_comes_first_then_recent_ones_then_the_rest_by_name() -> None:
    view = view_state(snapshots.ready(), recent=(snapshots.NEMOTRON.id, snapshots.QWEN.id, "gone"))
    assert [entry.name for entry in view.models] == [
        "Nemotron Nano 8B",
        "Qwen3 8B",
        "Gemma 3 12B",
        "Llama 3.3 70B",
        "Phinance 3B",
    ]
    assert view.models[0] == ModelEntry("nemotron-nano-8b", "Nemotron Nano 8B", "Q4_K_M", chosen=True)
    assert [entry.chosen for entry in view.models] == [True, False, False, False, False]
    assert view.all_models == ()


def test_while_switching_the_mark_is_on_the_new_model_which_shows_its_progress() -> None:
    view = view_state(snapshots.loading())
    assert view.models[0] == ModelEntry("qwen3-8b", "Qwen3 8B", "57 %", chosen=True)
    assert sum(entry.chosen for entry in view.models) == 1


def test_many_models_are_listed_whole_by_place_and_numbers_sort_as_numbers() -> None:
    view = view_state(replace(snapshots.ready(), catalog=snapshots.many_models(38)))
    assert len(view.models) == 8
    assert view.total == 38
    assert [(place.place, len(place.models)) for place in view.all_models] == [
        ("D:\\models", 3),
        ("E:\\more models", 33),
        ("Hugging Face cache", 1),
        ("LM Studio", 1),
    ]
    numbered = [entry.name for entry in view.all_models[1].models]
    assert numbered[0] == "Zephyr 1B"
    assert numbered[9] == "Zephyr 10B"


def test_namesakes_are_told_apart_by_their_size() -> None:
    other = replace(snapshots.model("Phinance 3B", "Q4_K_M", 2.1, "E:\\other"), id="phinance-2")
    bare = snapshots.model("Bare", None, 1.5)
    view = view_state(Snapshot(catalog=Catalog((snapshots.PHINANCE, other, bare))))
    assert [(entry.name, entry.detail) for entry in view.models] == [
        ("Bare", "1.5 GiB"),
        ("Phinance 3B", "Q4_K_M, 2.0 GiB"),
        ("Phinance 3B", "Q4_K_M, 2.1 GiB"),
    ]


def test_namesakes_of_one_size_are_told_apart_by_their_id() -> None:
    twin = replace(snapshots.PHINANCE, id="phinance-3b@copy")
    view = view_state(Snapshot(catalog=Catalog((snapshots.PHINANCE, twin))))
    assert [entry.detail for entry in view.models] == ["Q4_K_M, phinance-3b", "Q4_K_M, phinance-3b@copy"]


@pytest.mark.parametrize(
    ("snapshot", "control"),
    [
        (snapshots.ready(), Control(Command.STOP, "Stop server")),
        (replace(snapshots.loading(), switch=None), Control(Command.STOP, "Stop server")),
        (replace(snapshots.stopped(), awake=True), Control(Command.STOP, "Stop server")),
        (draining(), Control(Command.STOP, "Stop server", enabled=False)),
        (snapshots.loading(), Control(Command.CANCEL, "Cancel")),
        (switching(Phase.DRAIN), Control(Command.CANCEL, "Cancel")),
        (snapshots.stopped(), Control(Command.START, "Start server")),
        (replace(snapshots.stopped(), paused=True), Control(Command.STOP, "Stop server", enabled=False)),
        (Snapshot(), Control(Command.START, "Start server", enabled=False)),
    ],
)
def test_one_button_stops_cancels_or_starts(snapshot: Snapshot, control: Control) -> None:
    assert view_state(snapshot).control == control


@pytest.mark.parametrize(
    ("snapshot", "pause"),
    [
        (snapshots.ready(), Control(Command.PAUSE, FREE)),
        (snapshots.loading(), Control(Command.PAUSE, FREE)),
        (snapshots.stopped(), Control(Command.PAUSE, FREE)),
        (replace(snapshots.stopped(), paused=True), Control(Command.RESUME, "Resume")),
        (replace(draining(), paused=True), Control(Command.RESUME, "Resume")),
        (Snapshot(), Control(Command.PAUSE, FREE, enabled=False)),
    ],
)
def test_another_frees_the_memory_until_it_is_pressed_again(snapshot: Snapshot, pause: Control) -> None:
    assert view_state(snapshot).pause == pause


def test_a_server_that_finishes_its_answers_before_it_stops_is_not_called_ready() -> None:
    assert view_state(draining()).header == "Nemotron Nano 8B is stopping — 2 answers to finish"


def test_when_all_is_well_there_are_no_messages() -> None:
    for snapshot in (snapshots.ready(), snapshots.loading(), snapshots.stopped(), Snapshot()):
        assert view_state(snapshot).messages == ()


def test_why_nothing_is_served_is_told_whole_although_the_header_is_one_line() -> None:
    hint = "Close other programs that use the GPU, or set a smaller ctx-size."
    assert " ".join(view_state(snapshots.failed()).messages) == hint
    wordy = Failure(cause="engine-exited", sentence="The engine ended with exit code 1" + ", and so on" * 5)
    view = view_state(replace(snapshots.failed(), failure=wordy))
    assert view.header.endswith("…")
    assert " ".join(view.messages) == f"{wordy.sentence}."
    assert all(len(line) <= 72 for line in view.messages)


def test_a_model_that_could_not_be_loaded_is_told_until_the_next_switch() -> None:
    told = " ".join(view_state(snapshots.rolled_back()).messages)
    assert told.startswith("Qwen3 8B could not be loaded: The GPU has too little free memory for it. Close")
    switch = snapshots.loading().switch
    assert view_state(replace(snapshots.rolled_back(), switch=switch)).messages == ()


def test_a_notice_about_the_instance_stands_in_menu_and_tooltip() -> None:
    problem = "The settings file /home/ada/settings.toml has problems: server.port must be a number"
    view = view_state(replace(snapshots.ready(), notice=problem))
    assert " ".join(view.messages) == problem
    assert view.tooltip.startswith("Nemotron Nano 8B — ready · VRAM 10.4 of 16.0 GiB · The settings file")
    assert len(view.tooltip) < 120


def test_a_long_message_ends_after_some_lines() -> None:
    lines = view_state(replace(snapshots.ready(), notice="and so on " * 100)).messages
    assert len(lines) == 4
    assert lines[-1].endswith("…")


def test_files_that_cannot_be_served_are_named_with_their_reason() -> None:
    other = Rejected(path="D:\\models\\none.gguf", code="model-empty", reason="The file is empty")
    view = view_state(replace(snapshots.ready(), catalog=Catalog(snapshots.USUAL, (CUT, other))))
    assert view.rejected == ("cut.gguf: The file ends 1.2 GiB early", "none.gguf: The file is empty")


def test_addresses_are_offered_only_while_they_lead_somewhere() -> None:
    assert view_state(snapshots.ready()).endpoint == "http://127.0.0.1:8080/v1"
    assert view_state(snapshots.ready()).web_ui == "http://127.0.0.1:8080/"
    assert view_state(snapshots.stopped()).endpoint == "http://127.0.0.1:8080/v1"
    assert view_state(snapshots.stopped()).web_ui == ""
    assert view_state(Snapshot()).endpoint == ""


def test_why_the_list_is_empty_is_said_once_in_the_header_or_in_its_place() -> None:
    for snapshot, why in ((Snapshot(scanning=True), "Looking for models…"), (Snapshot(), "No models found")):
        assert (view_state(snapshot).header, view_state(snapshot).empty) == (why, "")
    paused = view_state(Snapshot(paused=True))
    assert paused.header.startswith("Paused")
    assert paused.empty == "No models found"
    assert view_state(snapshots.ready()).empty == ""


def test_chosen_models_are_remembered_the_latest_first() -> None:
    recent = remember((), snapshots.ready())
    recent = remember(recent, snapshots.loading())
    assert recent == ("qwen3-8b", "nemotron-nano-8b")
    assert remember(recent, snapshots.ready()) == ("nemotron-nano-8b", "qwen3-8b")
    assert remember(recent, Snapshot()) == recent
