"""What the settings window says, as text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes import settings_states as states
from model_switcher.desktop.view_state import panel_view, view_state
from model_switcher.desktop.view_state.settings import Draft, Editor, FieldView, PageId, typed, window_view
from model_switcher.desktop.view_state.settings.draft import document_of, typed_option
from model_switcher.desktop.view_state.settings.fields import Effect, labels
from model_switcher.desktop.view_state.settings.options import best_offer
from model_switcher.desktop.view_state.tones import Tone
from model_switcher.domain.errors import EngineUnusable
from model_switcher.domain.need import FitKind
from model_switcher.domain.option_help import find
from model_switcher.domain.settings import Problem, Settings
from model_switcher.domain.settings_form import parse
from model_switcher.domain.settings_rules import MODEL_RULES, RULES


def draft(**changes: Any) -> Draft:
    made = Draft(states.state())
    for key, value in changes.items():
        made.set(tuple(part.replace("_", "-") for part in key.split("__")), value)
    return made


def fields(view: object) -> dict[tuple[str, ...], FieldView]:
    return {
        one.key: one
        for page in view.pages  # type: ignore[attr-defined]
        for section in page.sections
        for one in section.fields
    }


def test_every_setting_is_on_a_page_with_a_label() -> None:
    view = window_view(draft(), states.sources())
    keys = {(rule.table, rule.key) if rule.table else (rule.key,) for rule in RULES}
    shown = set(fields(view)) | {("server", "engine")}
    assert shown == keys
    own = {field.key[-1] for field in view.model.fields}
    assert own == {rule.key for rule in MODEL_RULES}
    named = {key if key[0] != "models" else ("models", key[-1]) for key in labels()}
    assert keys | {("models", rule.key) for rule in MODEL_RULES} == named
    assert all(field.label and field.about for field in (*fields(view).values(), *view.model.fields))


def test_the_document_of_settings_reads_back_as_the_same_settings() -> None:
    assert document_of(Settings()) == {}
    settings = states.settings()
    assert parse(document_of(settings)) == (settings, [])


def test_a_change_is_counted_and_says_when_it_counts() -> None:
    made = draft(desktop__theme="dark")
    view = window_view(made, states.sources())
    assert (view.foot.text, view.foot.can_save) == ("1 change not saved · counts at once", True)
    assert [page.id for page in view.pages if page.changed] == [PageId.DESKTOP]
    made.set(("launch", "ctx-size"), 8192)
    made.set(("server", "port"), 9090)
    assert window_view(made, states.sources()).foot.text == (
        "3 changes not saved · models that run have to be loaded again for it, "
        "the program has to be started again for it"
    )
    made.discard()
    assert window_view(made, states.sources()).foot.text == ""


def test_the_value_of_the_file_again_is_no_change() -> None:
    made = draft(launch__ctx_size=8192)
    made.set(("launch", "ctx-size"), 16384)
    assert made.changes == {}
    made.set(("memory", "warm-up"), True)
    assert made.changes == {("memory", "warm-up"): True}, "written out, as it stands nowhere yet"


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        (("server", "port"), 99999, "99999 is not a port between 1 and 65535"),
        (("memory", "margin"), "768 MIB or so", "'768 MIB or so' is not a size such as '768 MiB' or '2 GiB'"),
        (("server", "hold-timeout"), "soon", "'soon' is not a duration such as '10 s', '5 min' or 'never'"),
        (
            ("server", "host"),
            "0.0.0.0",
            '"0.0.0.0" can be reached by other computers, and there is no key; set [server] api-keys, or listen on "127.0.0.1"',
        ),
        (("launch", "ctx-sise"), 1, "The engine has no such option; did you mean ctx-size?"),
        (("launch", "ctx-size"), "big", "big is not a number"),
        (("launch", "flash-attn"), "onn", "onn is none of on, off, auto; did you mean on?"),
        (("launch", "cache-type-k"), "", "A value is missing: TYPE"),
        (("launch", "kv-offload"), "yes", "This is on or off"),
        (("launch", "port"), 1, "This cannot be set here, because a server takes a free port; set [server] port for the address that clients use"),
        (("models", "phinance-3b", "port"), 8080, "8080 is the port of [server] already"),
        (("models", "phinance-3b", "n-gpu-layers"), "al", "al is not a number"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_at_its_field(key: tuple[str, ...], value: object, problem: str) -> None:
    made = Draft(states.state())
    made.set(key, value)
    checked = made.check(states.options())
    assert checked.problems == {key: problem}
    view = window_view(made, states.sources())
    assert view.foot.text == "1 value to correct first"
    assert not view.foot.can_save
    assert sum(page.problems for page in view.pages) == 1


@pytest.mark.parametrize("value", ["auto", "all", 20])
def test_words_that_the_help_names_are_values(value: object) -> None:
    made = Draft(states.state())
    made.set(("launch", "n-gpu-layers"), value)
    assert made.check(states.options()).problems == {}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("ctx-size", "8192", 8192), ("temp", "0.7", 0.7), ("kv-offload", "off", False), ("swa-full", "on", True), ("rpc", "a:1", "a:1")],
)  # fmt: skip
def test_what_is_typed_becomes_the_value_that_it_is(name: str, text: str, value: object) -> None:
    assert typed_option(text, find(states.options(), name)) == value


def test_options_of_a_model_with_an_engine_of_its_own_are_not_judged_by_another_engine() -> None:
    made = Draft(states.state())
    made.set(("models", "phinance-3b", "of-another-build"), 1)
    assert made.check(states.options()).problems
    made.set(("models", "phinance-3b", "engine"), "D:/another/llama-server.exe")
    assert not made.check(states.options()).problems


def test_fields_show_the_file_or_the_default_and_take_what_is_typed() -> None:
    found = fields(window_view(draft(), states.sources()))
    assert found["model-folders",].value == ("D:/models", "~/models")
    assert found["model-folders",].editor is Editor.FOLDERS
    assert found["server", "port"].value == "8080"
    assert found["memory", "margin"].value == "768 MiB"
    assert found["memory", "unload-after-idle"].value == "never"
    assert found["memory", "warm-up"].value is True
    assert found["server", "api-keys"].editor is Editor.SECRETS
    assert [choice.label for choice in found["desktop", "theme"].choices] == [
        "as the system",
        "light",
        "dark",
    ]
    assert found["default-model",].choices[0].label == "the one of last time"
    assert typed(found["server", "port"], "9000") == 9000
    assert typed(found["server", "port"], "nine") == "nine"
    assert typed(found["server", "port"], " ") is None
    assert typed(found["stores",], ("ollama",)) == ["ollama"]
    assert typed(found["memory", "warm-up"], False) is False
    assert found["server", "port"].effect is Effect.NEXT_START


def test_launch_options_have_the_engines_own_words() -> None:
    view = window_view(draft(), states.sources()).launch
    rows = {row.name: row for row in view.rows}
    assert list(rows) == ["cache-type-k", "ctx-size", "flash-attn"]
    assert rows["ctx-size"].help.startswith("size of the prompt context")
    assert rows["ctx-size"].default == "0, 0 = loaded from model"
    assert rows["flash-attn"].choices == ("on", "off", "auto")
    offers = {offer.name: offer for offer in view.offers}
    assert "ctx-size" not in offers
    assert "port" not in offers
    assert offers["n-gpu-layers"].first == "auto"
    assert offers["batch-size"].first == 2048
    assert offers["kv-offload"].first is False, "it is on by default: who adds it wants it off"
    assert len(offers) > 200


@pytest.mark.parametrize(
    ("typed_text", "name"),
    [("--n-gpu-layers", "n-gpu-layers"), ("n-gpu", "n-gpu-layers"), ("gpu-layers", "n-gpu-layers"), ("Physical max", "ubatch-size"), ("no such thing", "no such thing")],
)  # fmt: skip
def test_enter_takes_the_option_that_is_most_likely_meant(typed_text: str, name: str) -> None:
    assert best_offer(window_view(draft(), states.sources()).launch.offers, typed_text) == name


def test_engines_tell_what_they_are_and_what_became_of_a_trial() -> None:
    view = window_view(
        draft(),
        states.sources(tried={"auto": states.TRIED, states.VULKAN: EngineUnusable("It fails", hint="So.")}),
    )
    auto, cuda, vulkan, embedded, old = view.engines
    assert (auto.chosen, auto.text) == (True, "the first that is found: llama-server from winget · b10434")
    assert auto.result == "Phinance 3B was ready after 1.4 s · 2.0 GiB on the GPU · 0.5 GiB of main memory"
    assert auto.result_tone is Tone.GOOD
    assert cuda.text.startswith("b10434 · CUDA0: NVIDIA GeForce RTX 4080 · C:/")
    assert (vulkan.result, vulkan.result_tone) == ("It fails. So.", Tone.BAD)
    assert embedded.text == "xllamacpp 2026.10 · processor only"
    assert (old.can_try, old.tone) == (False, Tone.BAD)
    trying = window_view(draft(), states.sources(trying="auto"))
    assert trying.engines[0].result == "Loading a model…"
    assert not any(engine.can_try for engine in trying.engines)
    other = window_view(draft(server__engine="E:/new"), states.sources())
    assert [engine.title for engine in other.engines if engine.chosen] == ["E:/new"]


def test_a_model_shows_its_own_settings_and_what_it_would_take() -> None:
    model = window_view(draft(), states.sources(model="phinance-3b")).model
    assert (model.id, model.name) == ("phinance-3b", "phinance-3b")
    assert model.inherited == "From all models: cache-type-k q8_0, flash-attn on"
    assert model.options is not None
    assert [row.name for row in model.options.rows] == ["ctx-size"]
    assert model.supposed is not None
    assert model.supposed.total == "2.8 GiB on the GPU + 0.2 GiB of main memory"
    assert model.supposed.fit == "fits beside what runs"
    assert "8k context" in model.supposed.parts
    noted = {choice.value: choice.note for choice in model.models}
    assert noted["phinance-3b"] == "own settings"
    assert noted["qwen3-8b"] == ""
    short = states.supposed(65536, FitKind.SHORT)
    short = replace(short, fit=replace(short.fit, shortfall=3 * 1024**3) if short.fit else None)
    told = window_view(draft(), states.sources(supposed=short)).model.supposed
    assert told is not None
    assert (told.fit, told.tone) == ("3.0 GiB short", Tone.BAD)


def test_a_broken_file_keeps_everything_from_being_saved_and_is_told() -> None:
    made = draft(desktop__theme="dark")
    made.rebase(replace(states.state(), problems=(Problem("", "line 3, column 1: no value"),)))
    foot = window_view(made, states.sources()).foot
    assert foot.broken == "line 3, column 1: no value"
    assert not foot.can_save


def test_what_runs_with_older_settings_and_what_waits_for_a_start_is_told() -> None:
    state = states.state({**states.DOCUMENT, "server": {"port": 9090}})
    made = Draft(replace(state, in_force=states.settings()))
    outdated = states.snapshot(outdated=("nemotron-nano-8b",))
    foot = window_view(made, states.sources(snapshot=outdated)).foot
    assert foot.outdated_text == "Nemotron Nano 8B runs with older settings."
    assert foot.restart == "The address in the file counts from the next start of Model Switcher on."


def test_a_file_that_changes_meanwhile_keeps_what_was_changed_here() -> None:
    made = draft(desktop__theme="dark", memory__margin="1 GiB")
    made.rebase(
        states.state({**states.DOCUMENT, "desktop": {"theme": "dark"}, "memory": {"margin": "2 GiB"}})
    )
    assert made.changes == {("memory", "margin"): "1 GiB"}


def test_a_broken_file_is_told_in_menu_tooltip_and_panel() -> None:
    told = "The settings in x have a problem"
    broken = states.snapshot(settings_notice=told)
    assert told in view_state(broken).messages
    assert told in view_state(broken).tooltip
    banners = panel_view(broken).banners
    assert [banner.text for banner in banners if banner.title == "The settings file"] == [told]
