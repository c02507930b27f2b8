"""What the command line prints reaches every output, and does nothing but be read there."""

from __future__ import annotations

import io
import json

import pytest

from model_switcher.cli.tables import print_catalog
from model_switcher.cli.terminal import prepare_output, shown
from model_switcher.domain.catalog import Catalog, Model, Rejected


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_every_character_can_be_written_whatever_the_output_takes(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding))
    prepare_output()
    text = "Größe 模型 \N{GRINNING FACE}"
    print(json.dumps(text, ensure_ascii=False), flush=True)
    assert json.loads(written.getvalue().decode(encoding)) == text


def test_names_of_files_do_nothing_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    bad = "/m/a\x1b[31m\nb\N{RIGHT-TO-LEFT OVERRIDE}c"
    model = Model(id="a", name="A", path=f"{bad}/a.gguf", files=(), size=1)
    print_catalog(
        Catalog((model,), (Rejected(path=bad, code="model-empty", reason="it is empty"),)), {}, None
    )
    said = capsys.readouterr().out
    assert said.count(r"/m/a\u001b[31m\u000ab\u202ec") == 2
    assert "\x1b" not in said


def test_names_in_every_script_are_shown_as_they_are() -> None:
    for text in ("Größe", "模型", "मॉडल", "a b", ""):
        assert shown(text) == text
