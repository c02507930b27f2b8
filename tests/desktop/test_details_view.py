"""The details of a model and the last five minutes, as text; numbers and words in other languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QLocale

from fakes import panel_states as states
from fakes.snapshots import GEMMA, NEMOTRON, PHINANCE, QWEN
from model_switcher.desktop import language
from model_switcher.desktop.qt_language import QtLanguage
from model_switcher.desktop.view_state import panel_view
from model_switcher.desktop.view_state.details import details_view
from model_switcher.desktop.view_state.trail import GAP, SPAN, Trail
from model_switcher.domain.catalog import Catalog
from model_switcher.domain.need import Amount, Source
from model_switcher.domain.prediction.load import load_options
from model_switcher.domain.prediction.predict import predict
from model_switcher.domain.snapshot import Snapshot
from model_switcher.domain.units import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTIONS = {"ctx-size": 16384, "flash-attn": True, "n-gpu-layers": "auto"}


@pytest.fixture
def _english_again() -> Iterator[None]:
    yield
    language.speak(language.English())


def test_the_facts_of_the_header_are_told_as_far_as_they_are_known() -> None:
    view = details_view(states.idle(), NEMOTRON.id, OPTIONS)
    assert view is not None
    assert {fact.label: fact.value for fact in view.facts} == {
        "File": "4.6 GiB · D:\\models",
        "Weights": "8.0 billion · Q4_K_M",
        "Architecture": "llama · 32 layers",
        "Trained for": "131,072 tokens of context",
        "Good for": "chat, tool calls",
        "Made from": "Llama 3.1 8B",
        "License": "nvidia-open-model-license",
        "Takes": "5.0 GiB on the GPU · 16k context · measured",
        "Loads in": "about 5 s",
    }
    assert [(fact.label, fact.value) for fact in view.options] == [
        ("--ctx-size", "16384"),
        ("--flash-attn", "on"),
        ("--n-gpu-layers", "auto"),
    ]
    assert (view.id, view.path, view.loadable) == (NEMOTRON.id, NEMOTRON.path, False)


def test_what_it_takes_is_told_with_where_that_is_known_from() -> None:
    guess = predict(states.blueprint(), load_options(OPTIONS), gpu=True)
    assert guess is not None
    measured = replace(guess, source=Source.MEASURED, device=Amount(weights=5 * GIB), host=Amount())
    view = details_view(replace(states.idle(), needs={NEMOTRON.id: (measured, guess)}), NEMOTRON.id, OPTIONS)
    assert view is not None
    (told,) = [fact.value for fact in view.facts if fact.label == "Takes"]
    first, second = told.split("; ")
    assert first == "5.0 GiB on the GPU · 16k context · measured"
    assert second.endswith("· 16k context · predicted")


def test_of_a_bare_model_little_is_told_and_it_can_be_loaded() -> None:
    view = details_view(states.idle(), QWEN.id, {})
    assert view is not None
    assert [fact.label for fact in view.facts] == ["File", "Weights", "Architecture", "Loads in"]
    assert (view.plot, view.options, view.loadable) == (None, (), True)
    assert view.fit.text == "fits"
    away = replace(states.idle(), catalog=Catalog((replace(QWEN, available=False),)))
    gone = details_view(away, QWEN.id, {})
    assert gone is not None
    assert not gone.loadable
    assert details_view(states.idle(), "gone", {}) is None


def test_the_plot_shows_what_the_prediction_says_by_context_beside_what_there_is() -> None:
    view = details_view(replace(states.idle(), needs={}), NEMOTRON.id, OPTIONS)
    assert view is not None
    assert view.plot is not None
    columns = view.plot.columns
    assert [column.context for column in columns] == ["4k", "8k", "16k", "32k", "64k", "128k"]
    assert [column.current for column in columns] == [False, False, True, False, False, False]
    need = predict(states.blueprint(), load_options({**OPTIONS, "ctx-size": 65536}), gpu=True)
    assert need is not None
    assert columns[4].size == f"{need.device.total / 2**30:.1f}"
    # 16 GiB in all, of which other programs hold 5.4.
    assert [column.fits for column in columns] == [True, True, True, True, False, False]
    assert [line.text for line in view.plot.lines] == ["16.0 GiB in all", "10.6 GiB beside other programs"]
    heights = [column.weights + column.cache + column.compute for column in columns]
    assert heights == sorted(heights)
    assert max(heights) < 1
    assert view.plot.spoken.startswith("Memory by context: 4.5 GiB with 4k, ")


def test_a_context_between_the_usual_ones_has_a_column_of_its_own() -> None:
    view = details_view(states.idle(), NEMOTRON.id, {"ctx-size": 20480})
    assert view is not None
    assert view.plot is not None
    assert [column.context for column in view.plot.columns if column.current] == ["20k"]


def test_the_plot_has_what_was_measured_where_that_is_known() -> None:
    view = details_view(states.idle(), NEMOTRON.id, OPTIONS)
    assert view is not None
    assert view.plot is not None
    assert [column.size for column in view.plot.columns if column.current] == ["5.0"]
    guessed = details_view(replace(states.idle(), needs={}), NEMOTRON.id, OPTIONS)
    assert guessed is not None
    assert guessed.plot is not None
    assert [column.size for column in guessed.plot.columns if column.current] != ["5.0"]


def test_the_last_loads_are_told_the_newest_first_with_what_they_have_in_common() -> None:
    view = details_view(states.idle(), NEMOTRON.id, OPTIONS, states.history())
    assert view is not None
    assert view.loads is not None
    assert view.loads.summary == "4 of 5 succeeded, usually 5 s, 12 s from the disk"
    assert [how for _, how in view.loads.lines] == [
        "4.9 s · for a request",
        "5.1 s",
        "The GPU has too little free memory for it",
        "5.3 s · came back",
        "11.8 s from the disk",
    ]
    local = datetime.fromtimestamp(states.NOW - 12 * 60).astimezone()
    before = datetime.fromtimestamp(states.NOW - 86_400).astimezone()
    assert view.loads.lines[0][0] == f"{local:%H:%M}"
    assert view.loads.lines[3][0] == f"{before:%Y-%m-%d %H:%M}"


def test_of_a_model_that_was_never_loaded_and_of_a_history_that_is_not_known_nothing_is_told() -> None:
    for history, model in ((states.history(), GEMMA.id), (None, NEMOTRON.id)):
        view = details_view(states.idle(), model, OPTIONS, history)
        assert view is not None
        assert view.loads is None


def recorded(trail: Trail, *times: float) -> None:
    for time in times:
        trail.record(replace(states.idle(), readings=states.readings(time=time)))


def test_the_trail_keeps_five_minutes_of_shares_and_each_reading_once() -> None:
    trail = Trail()
    trail.record(Snapshot())
    assert trail.end is None
    recorded(trail, 10.0, 10.0, 11.0, 12.0)
    ((first, *rest),) = trail.runs()
    assert (first.time, len(rest)) == (10.0, 2)
    assert (first.others, first.ours) == pytest.approx((5.4 / 16, 5.0 / 16), abs=0.001)
    recorded(trail, *(12.0 + second for second in range(1, 400)))
    points = [point for run in trail.runs() for point in run]
    assert points[0].time >= 411.0 - SPAN
    assert trail.end == 411.0


def test_a_gap_breaks_the_line_and_a_clock_that_is_set_back_begins_it_anew() -> None:
    trail = Trail()
    recorded(trail, 1.0, 2.0, 2.0 + GAP + 1, 9.0)
    assert [[point.time for point in run] for run in trail.runs()] == [[1.0, 2.0], [8.0, 9.0]]
    recorded(trail, 3.0)
    assert [[point.time for point in run] for run in trail.runs()] == [[3.0]]


class Spy(language.English):
    """Another language: every text in capitals, and one form for every number of things."""

    def translated(self, text: str, comment: str, count: int) -> str:
        return super().translated(text.replace("(s)", ""), comment, count).replace("waiting", "WARTEN")


@pytest.mark.usefixtures("_english_again")
def test_words_pass_the_door_where_they_are_translated() -> None:
    language.speak(Spy())
    assert panel_view(states.loading()).header.line.endswith("4 request WARTEN")


@pytest.mark.usefixtures("_english_again", "qapp")
def test_numbers_are_written_as_the_user_writes_them() -> None:
    language.speak(QtLanguage(QLocale(QLocale.Language.German, QLocale.Country.Germany)))
    assert panel_view(states.thousand()).hint == "Filter 1.000 models…"
    memory = panel_view(states.thousand(), pointed=PHINANCE.id).memory
    assert (memory.figures, memory.legend[-1].figure) == ("10,4 / 16,0 GiB", "+2,3")
    view = details_view(states.idle(), NEMOTRON.id, {})
    assert view is not None
    assert view.facts[1].value == "8,0 billion · Q4_K_M"


def test_one_and_several_have_forms_of_their_own() -> None:
    assert language.tr("%n request(s) waiting", "", 1) == "1 request waiting"
    assert language.tr("%n request(s) waiting", "", 1200) == "1,200 requests waiting"
    assert language.tr("100 %n", "") == "100 %n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (5.6, "6 s"), (59.9, "60 s"), (61.0, "1 min"), (200.0, "3 min")]
)
def test_expected_times_are_no_finer_than_they_are_known(seconds: float, text: str) -> None:
    assert language.about(seconds) == text
