"""What a terminal shows while headers are read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from model_switcher.cli.progress import reading, reading_shown
from model_switcher.cli.render import models_line
from model_switcher.cli.tables import print_catalog
from model_switcher.domain.catalog import Catalog
from model_switcher.domain.snapshot import ScanView, Snapshot
from model_switcher.engine.library import Progress

if TYPE_CHECKING:
    import pytest

UNDER_WAY = Snapshot(scanning=True, scan=ScanView(done=230, total=1000))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_how_far_it_is_is_told_in_numbers_once_there_are_any() -> None:
    assert reading(Progress(0, 0)) == "Looking for models…"
    assert reading(Progress(230, 1000)) == "Reading models: 230 of 1,000"


def test_a_terminal_shows_it_and_is_clean_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with reading_shown() as show:
        show(Progress(1, 2))
        assert terminal.getvalue().endswith("Reading models: 1 of 2")
    assert terminal.getvalue().endswith("\r\033[K")


def test_what_is_no_terminal_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr("sys.stderr", file)
    with reading_shown() as show:
        show(Progress(1, 2))
    assert file.getvalue() == ""


def test_status_and_list_say_that_a_running_instance_still_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert models_line(Snapshot(), Catalog()) == "0, and 0 that cannot be served"
    assert models_line(UNDER_WAY, Catalog()).endswith("(Reading models: 230 of 1,000)")
    print_catalog(Catalog(), {}, UNDER_WAY)
    assert capsys.readouterr().out.endswith("Reading models: 230 of 1,000\n")
    print_catalog(Catalog(), {}, Snapshot())
    assert "Reading" not in capsys.readouterr().out
