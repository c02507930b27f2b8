"""The log as text: how grave a line is, what passes the filter, and what a bug report says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fakes import panel_states as states
from fakes import snapshots
from model_switcher.desktop.view_state.log_lines import LogFilter, LogLevel, LogLines, level_of
from model_switcher.desktop.view_state.log_window import log_window_view, spoken
from model_switcher.desktop.view_state.report import MOST_CHARACTERS, Machine, bug_report, copied_lines
from model_switcher.desktop.view_state.tones import Tone
from model_switcher.engine.log import LogLine, LogPage

TEXTS = (
    "0.00.156.240 I srv    load_model: loading model '/home/anna/m.gguf'",
    "0.00.140.250 W srv  llama_server: no API key is set",
    "0.00.062.124 E llama_model_load: error loading model",
    "ggml_vulkan: Device memory allocation of size 309039104 failed.",
    "AMX is not ready to be used!",
)


def page(texts: tuple[str, ...] = TEXTS, first: int = 0, model: str = "a") -> LogPage:
    return LogPage(first, [LogLine(1_790_000_000.25, model, text) for text in texts])


def settled(lines: LogLines) -> LogLines:
    while lines.is_behind:
        lines.show(lines.step(2))
    return lines


def shown(lines: LogLines) -> list[str]:
    return [lines.line(number).text for number in settled(lines).shown]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (TEXTS[0], LogLevel.INFO),
        (TEXTS[1], LogLevel.WARNING),
        (TEXTS[2], LogLevel.ERROR),
        ("0.00.140.250 D common_init: a detail with the word error", LogLevel.DETAIL),
        ("0.00.140.250 I srv: 0 errors", LogLevel.INFO),
        (TEXTS[3], LogLevel.ERROR),
        ("ggml_vulkan: No suitable memory type found: ErrorOutOfDeviceMemory", LogLevel.ERROR),
        ("CUDA error: out of memory", LogLevel.ERROR),
        ("/src/ggml.c:1: GGML_ASSERT(x) failed", LogLevel.ERROR),
        ("warning: --mlock is not supported here", LogLevel.WARNING),
        (TEXTS[4], LogLevel.INFO),
        ("", LogLevel.INFO),
    ],
)
def test_a_line_is_as_grave_as_its_letter_or_its_words_say(text: str, level: LogLevel) -> None:
    assert level_of(text) is level


def test_a_row_has_the_time_the_letter_and_what_is_said() -> None:
    lines = LogLines()
    lines.add(page())
    row = settled(lines).row(1, {"a": "Alder"})
    assert (row.letter, row.tone, row.model, row.text) == (
        "W", Tone.WARNING, "", "srv  llama_server: no API key is set",
    )  # fmt: skip
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.250", row.time)
    assert spoken(row) == f"{row.time} warning srv  llama_server: no API key is set"
    lines.add(page(TEXTS[:1], first=5, model="b"))
    assert settled(lines).row(1, {"a": "Alder"}).model == "Alder"


def test_lines_pass_that_have_all_words_and_are_grave_enough() -> None:
    lines = LogLines()
    lines.add(page())
    assert shown(lines) == list(TEXTS)
    lines.sift(LogFilter.of("MODEL load"))
    assert shown(lines) == [TEXTS[0], TEXTS[2]]
    lines.sift(LogFilter.of("", LogLevel.WARNING))
    assert shown(lines) == [TEXTS[1], TEXTS[2], TEXTS[3]]
    lines.sift(LogFilter.of("vulkan", LogLevel.ERROR))
    lines.add(page(("ggml_vulkan: failed", "ggml_vulkan: fine"), first=5))
    assert shown(lines) == [TEXTS[3], "ggml_vulkan: failed"]
    lines.sift(LogFilter.of("a"))  # the model's name counts too
    assert len(shown(lines)) == 7


def test_the_oldest_lines_go_many_at_once() -> None:
    lines = LogLines(capacity=10, slack=4)
    lines.add(page(tuple(f"warning {number}" for number in range(14))))
    settled(lines)
    assert lines.surplus == 0
    lines.add(page(("error 14",), first=14))
    settled(lines)
    assert lines.surplus == 5
    lines.trim()
    assert shown(lines) == [*(f"warning {number}" for number in range(5, 14)), "error 14"]
    assert (len(lines), lines.end, lines.counts) == (10, 15, [0, 0, 9, 1])


def test_what_was_not_looked_at_may_go_too() -> None:
    lines = LogLines(capacity=4, slack=0)
    lines.add(page(tuple(f"line {number}" for number in range(9))))
    lines.trim()
    assert shown(lines) == ["line 5", "line 6", "line 7", "line 8"]
    assert lines.counts == [0, 4, 0, 0]


def test_the_window_counts_what_is_wrong_and_what_is_shown() -> None:
    lines = LogLines()
    assert log_window_view(lines).empty == "No engine has written anything yet"
    lines.add(page())
    view = log_window_view(settled(lines))
    assert [text for _, text in view.levels] == ["All", "Warnings 3", "Errors 2"]
    assert (view.status, view.empty) == ("5 lines", "")
    lines.sift(LogFilter.of("nothing like it"))
    view = log_window_view(settled(lines))
    assert (view.status, view.empty) == (
        "0 of 5 lines",
        "No line passes the filter. Escape shows all again.",
    )


MACHINE = Machine(
    versions=("Python 3.13.1", "Qt 6.11"), system="Debian 13", home="/home/anna", secrets=("hunter2",)
)
OPTIONS = {"ctx-size": 16384, "chat-template-file": "/home/anna/t.jinja"}


def test_a_bug_report_has_versions_on_top_and_no_secrets() -> None:
    snapshot = replace(states.failed(), version="1.2.3")
    texts = (*TEXTS, "got Authorization: Bearer abc.def", "key is hunter2")
    report = bug_report(snapshot, page(texts).lines, MACHINE, OPTIONS)
    head, _, log = report.partition("```\n")
    assert head.splitlines() == [
        "- Model Switcher: 1.2.3 · Python 3.13.1 · Qt 6.11",
        "- System: Debian 13",
        "- Memory: RTX 4080 (nvml): 5.4 of 16.0 GiB in use; main memory: 12.0 of 32.0 GiB in use",
        "- Selected: Qwen3 8B (Q6_K, llama, 6.3 GiB)",
        "- Options: --chat-template-file ~/t.jinja --ctx-size 16384",
        "- Running: nothing",
        "- Failure: out-of-memory: The GPU has too little free memory for it",
        "",
        "Log of the engine:",
        "",
    ]
    assert "loading model '~/m.gguf'" in log
    assert "got Authorization: Bearer ***\n" in log
    assert "key is ***\n" in log
    for secret in ("anna", "abc.def", "hunter2"):
        assert secret not in report


def test_a_bug_report_says_what_runs() -> None:
    report = bug_report(states.idle(), [], MACHINE, {})
    assert "- Engine: llama-server b10434\n" in report
    assert f"- Running: {snapshots.NEMOTRON.id} ready, context 16384\n" in report


def test_a_long_log_is_cut_at_its_beginning_so_that_an_issue_takes_it() -> None:
    texts = tuple(f"0.00.000.000 I line {number} {'x' * 90}" for number in range(1000))
    report = bug_report(states.idle(), page(texts).lines, MACHINE, {})
    assert MOST_CHARACTERS - 200 < len(report) < 60_000
    assert "line 999 " in report
    assert "line 1 " not in report
    assert re.search(r"Log of the engine \(the last \d+ of 1000 lines\):", report)


def test_copied_lines_have_no_secrets_either() -> None:
    copied = copied_lines(page(("HF_TOKEN=abc",)).lines, MACHINE)
    assert copied.endswith("HF_TOKEN=***")
