"""Where in the settings file a launch option stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model_switcher.domain.errors import EngineUnusable, NoEngine, Paused, UnsupportedOption, UnusableModel
from model_switcher.domain.failures import failure_of
from model_switcher.domain.remedies import Remedy, RemedyKind
from model_switcher.domain.states import Failure
from model_switcher.engine.settings_lines import Spot, find_option, with_line

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
# ctx-size = 1
model-folders = [
    "ctx-size = 2",
]

[server]
port = 8080

[launch] # for all
ctx-size = 16384
"flash-attn" = "on"
no-mmap = true

[ models . "Phinance" ]
ctx-size = 8192
alias = ["finance"]

[models.'other one']
temp = 0.5

[models."phinance.gguf"]
ctx-size = 4096
"""


@pytest.mark.parametrize(
    ("option", "names", "spot"),
    [
        ("ctx-size", (), Spot(10, "launch")),
        ("flash-attn", (), Spot(11, "launch")),
        ("mmap", (), Spot(12, "launch")),
        ("ctx-size", ("PHINANCE",), Spot(15, 'models . "Phinance"')),
        ("ctx-size", ("phinance", "phinance.gguf"), Spot(22, 'models."phinance.gguf"')),
        ("temp", ("other one",), Spot(19, "models.'other one'")),
        ("temp", ("phinance",), None),
        ("port", (), None),
        ("bogus", (), None),
    ],
)
def test_the_line_that_counts_for_a_model_is_found(
    option: str, names: tuple[str, ...], spot: Spot | None
) -> None:
    assert find_option(TEXT, option, names) == spot


def test_options_without_a_table_of_their_own_are_found() -> None:
    assert find_option('launch.ctx-size = 5\nmodels."a.b".temp = 1', "ctx-size", ()) == Spot(1, "")
    assert find_option('launch.ctx-size = 5\nmodels."a.b".temp = 1', "temp", ("a.b",)) == Spot(2, "")


@pytest.mark.parametrize(
    "text", ["", "[", "[launch", "= 5", "[launch]\nctx-size", "[[launch]]\nctx-size = 1", "\0"]
)
def test_a_file_that_is_no_toml_has_no_line(text: str) -> None:
    assert find_option(text, "ctx-size", ()) is None


def test_a_failure_names_file_line_and_table(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(TEXT)
    error = UnsupportedOption("Unknown", hint="Take it out.", details={"options": ["ctx-size"]})
    failure = with_line(failure_of(error), settings, ("phinance",))
    assert failure.hint == 'It stands in line 15 of settings.toml ([models . "Phinance"]). Take it out.'
    assert failure.action == Remedy(
        action=RemedyKind.EDIT_SETTINGS, option="ctx-size", line=15, path=str(settings)
    )


def test_a_failure_stays_as_it_is_where_there_is_no_line(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    failure = failure_of(UnsupportedOption("Unknown", details={"options": ["bogus"]}))
    assert with_line(failure, settings, ()) is failure
    settings.write_text(TEXT)
    assert with_line(failure, settings, ()) is failure
    other = Failure(cause="engine-exited", sentence="It ended")
    assert with_line(other, settings, ()) is other


def test_errors_of_this_program_become_failures_with_an_action() -> None:
    unreadable = UnusableModel.because("model-unreadable", "It is gone", hint="Put it back.")
    assert failure_of(unreadable) == Failure(
        cause="model-unreadable",
        sentence="It is gone",
        hint="Put it back.",
        action=Remedy(action=RemedyKind.RESCAN),
    )
    for error in (NoEngine("None"), EngineUnusable("Broken")):
        assert failure_of(error).action == Remedy(action=RemedyKind.GET_ENGINE)
    assert failure_of(Paused("Paused")).action is None
