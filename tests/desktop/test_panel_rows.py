"""The rows of the panel's list and their groups, as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes import panel_states as states
from fakes.panel_rows import fit_of, listed, row
from fakes.snapshots import GEMMA, LLAMA, NEMOTRON, PHINANCE, QWEN
from model_switcher.desktop.view_state import Glyph, Tone, panel_view, row_view
from model_switcher.domain.catalog import Catalog, Kind
from model_switcher.domain.need import Fit, FitKind
from model_switcher.domain.snapshot import WarmUpView
from model_switcher.domain.units import GIB


def test_models_stand_in_groups_and_each_in_one_of_them() -> None:
    groups = listed(states.idle())
    assert list(groups) == ["In memory", "Recent", "All other models"]
    assert groups["In memory"] == ["Nemotron Nano 8B"]
    assert groups["Recent"] == ["Phinance 3B", "Qwen3 8B", "Gemma 3 12B", "Llama 3.3 70B"]
    assert groups["All other models"][:2] == ["Zephyr 1B", "Zephyr 2B"]
    assert sum(map(len, groups.values())) == 38


def test_a_fresh_start_has_no_recent_models() -> None:
    view = panel_view(replace(states.stopped(), selected=None))
    assert [section.title for section in view.sections] == ["All models"]


def test_borrowed_models_stand_first_with_who_has_them_and_broken_files_last_with_the_reason() -> None:
    groups = listed(states.borrowed())
    assert list(groups)[:2] == ["Borrowed", "In memory"]
    lent = [row_view(states.borrowed(), key) for key in panel_view(states.borrowed()).sections[0].rows]
    assert [one and (one.note, one.fit.text, one.fit.note) for one in lent] == [
        ("lent to budget.py (31415)", "for 12 s", "then Nemotron Nano 8B again"),
        ("research.ipynb (27182) waits for it", "waits 3 s", ""),
    ]
    assert list(listed(states.loading()))[-1] == "Cannot be loaded"
    broken = row(states.loading(), "mistral-broken.gguf")
    assert (broken.glyph, broken.fit.text, broken.model) == (Glyph.BROKEN, "cannot load", None)
    assert broken.note == "file ends 1.2 GiB early — download again"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Nemotron Nano 8B", (Tone.PLAIN, "serving now", "")),
        ("Phinance 3B", (Tone.GOOD, "fits beside it", "no downtime · ~3 s")),
        ("Qwen3 8B", (Tone.GOOD, "fits", "replaces · ~6 s")),
        ("Gemma 3 12B", (Tone.WARNING, "tight", "0.4 GiB to spare")),
        ("Llama 3.3 70B", (Tone.BAD, "31.2 GiB short", "would run on 14/80 layers")),
        ("Zephyr 1B", (Tone.DIM, "", "")),
    ],
)
def test_each_row_says_whether_the_model_fits_and_how_long_it_takes(
    name: str, expected: tuple[Tone, str, str]
) -> None:
    assert fit_of(states.idle(), name) == expected


def test_what_is_not_known_of_a_fit_is_left_out() -> None:
    fits = {
        PHINANCE.id: Fit(kind=FitKind.BESIDE),
        QWEN.id: Fit(kind=FitKind.ALONE),
        GEMMA.id: Fit(kind=FitKind.TIGHT),
        LLAMA.id: Fit(kind=FitKind.SHORT),
    }
    bare = replace(states.idle(), fits=fits, expected={})
    assert fit_of(bare, "Phinance 3B")[1:] == ("fits beside it", "no downtime")
    assert fit_of(bare, "Qwen3 8B")[1:] == ("fits", "replaces")
    assert fit_of(bare, "Gemma 3 12B")[1:] == ("tight", "")
    assert fit_of(bare, "Llama 3.3 70B")[1:] == ("too large", "")
    smaller = Fit(kind=FitKind.SHORT, shortfall=GIB, ctx_size=8192)
    assert fit_of(replace(bare, fits={LLAMA.id: smaller}), "Llama 3.3 70B")[2] == "fits with 8k context"
    assert fit_of(states.stopped(), "Qwen3 8B")[1:] == ("fits", "~6 s")
    timed = replace(bare, fits={}, expected={QWEN.id: 95.0})
    assert fit_of(timed, "Qwen3 8B") == (Tone.DIM, "", "~2 min")


def test_a_load_is_followed_in_its_row_and_what_comes_back_is_said_in_the_other() -> None:
    loading = row(states.loading(), "Qwen3 8B")
    assert (loading.glyph, loading.progress, loading.cancel) == (Glyph.LOADING, 0.57, True)
    assert (loading.fit.text, loading.fit.note) == ("57 %", "3 s left")
    assert loading.spoken == "Qwen3 8B, Q6_K, 57 %, 3 s left"
    assert row(states.loading(), "Nemotron Nano 8B").note == "comes back if this load fails"


def test_a_model_beside_the_served_one_is_marked_in_another_way() -> None:
    assert row(states.borrowed(), "Nemotron Nano 8B").glyph is Glyph.SERVING
    beside = [
        row_view(states.borrowed(), key)
        for section in panel_view(states.borrowed()).sections
        if section.title == "In memory"
        for key in section.rows
    ][1]
    assert beside is not None
    assert (beside.glyph, beside.fit.text, beside.fit.note) == (Glyph.RESIDENT, "ready", "1 request")


def test_a_model_whose_drive_is_away_cannot_be_chosen() -> None:
    away = replace(QWEN, available=False)
    found = row(replace(states.idle(), catalog=Catalog((NEMOTRON, away))), "Qwen3 8B")
    assert (found.glyph, found.model) == (Glyph.AWAY, None)
    assert (found.fit.text, found.fit.note) == ("not there", "its drive is away")


def test_a_model_that_is_waited_for_or_read_ahead_says_so() -> None:
    waited = replace(states.idle(), held_by_model={QWEN.id: 2})
    assert row(waited, "Qwen3 8B").note == "2 requests waiting"
    ahead = replace(states.idle(), warm_up=WarmUpView(model=QWEN.id, fraction=0.4))
    assert row(ahead, "Qwen3 8B").note == "is read ahead: 40 %"
    assert row(ahead, "Phinance 3B").note == "2.0 GiB file · D:\\models"


def test_tags_tell_what_a_model_is() -> None:
    kinds = (
        replace(GEMMA, vision=True),
        replace(QWEN, kind=Kind.EMBEDDING),
        replace(LLAMA, files=("a", "b", "c")),
        replace(PHINANCE, id="phinance-copy"),
        PHINANCE,
    )
    snapshot = replace(states.stopped(), catalog=Catalog(kinds))
    assert row(snapshot, "Gemma 3 12B").tags == ("Q4_K_M", "vision")
    assert row(snapshot, "Qwen3 8B").tags == ("Q6_K", "embedding")
    assert row(snapshot, "Llama 3.3 70B").tags == ("Q4_K_M", "3 parts")
    assert row(snapshot, "Phinance 3B").tags[-1] in ("phinance-3b", "phinance-copy")


def test_the_filter_wants_every_word_somewhere_and_knows_places_and_quantisations() -> None:
    assert listed(states.idle(), "qwen") == {"Recent": ["Qwen3 8B"]}
    assert listed(states.idle(), "hugging") == {"Recent": ["Qwen3 8B"]}
    assert listed(states.idle(), "  GEMMA q4_k ") == {"Recent": ["Gemma 3 12B"]}
    assert listed(states.loading(), "broken") == {"Cannot be loaded": ["mistral-broken.gguf"]}
    nothing = panel_view(states.idle(), pattern="mixtral")
    assert nothing.sections == ()
    assert nothing.empty is not None
    assert (nothing.empty.title, nothing.empty.text) == (
        "Nothing matches “mixtral”",
        "Escape shows all again",
    )
    assert nothing.empty.controls == ()
