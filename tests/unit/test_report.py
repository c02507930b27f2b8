"""What an engine's log tells of its answers, on lines as llama-server wrote them."""

from __future__ import annotations

from model_switcher.domain.spill import Generation
from model_switcher.engine.process.report import FRESH_SECONDS, EngineReport

LOADED = "0.07.799.331 I srv    load_model: initializing, n_slots = 4, n_ctx_slot = 4096, kv_unified = '{}'"


class Log:
    """A report and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.report = EngineReport(lambda: self.now)

    def launch(self, slot: int, task: int) -> None:
        self.report.hear(
            f"0.07.914.983 I slot launch_slot_: id  {slot} | task {task} | processing task, is_child = 0"
        )

    def end(self, slot: int, task: int, *, ms: float = 862.13, tokens: int = 20, depth: int = 47) -> None:
        head = f"0.11.825.765 I slot print_timing: id  {slot} | task {task} |"
        for line in (
            f"{head} prompt eval time =    3048.61 ms /    28 tokens (  108.88 ms per token,     9.18 tokens per second)",
            f"{head}        eval time =     {ms} ms /    {tokens} tokens (   45.38 ms per token,    22.04 tokens per second)",
            f"{head}       total time =    3910.74 ms /    48 tokens",
            f"0.11.825.908 I slot      release: id  {slot} | task {task} | stop processing: n_tokens = {depth}, truncated = 0",
        ):
            self.report.hear(line)


def test_an_answer_is_told_without_the_reading_of_its_prompt() -> None:
    log = Log()
    log.launch(3, 0)
    log.end(3, 0)
    assert log.report.take() == (Generation(tokens=20, seconds=0.86213, depth=47, alone=True),)
    assert log.report.take() == ()
    assert log.report.speed is not None
    assert round(log.report.speed, 1) == 23.2


def test_answers_at_the_same_time_are_not_alone() -> None:
    log = Log()
    log.launch(3, 0)
    log.launch(2, 5)
    log.end(2, 5)
    log.launch(2, 9)
    log.end(2, 9)
    log.end(3, 0)
    log.launch(3, 12)
    log.end(3, 12)
    assert [generation.alone for generation in log.report.take()] == [False, False, False, True]


def test_a_request_that_was_given_up_takes_nobodys_place() -> None:
    log = Log()
    log.launch(3, 0)
    log.report.hear(
        "0.11.9 I slot      release: id  3 | task 0 | stop processing: n_tokens = 9, truncated = 0"
    )
    log.launch(2, 5)
    log.end(2, 5)
    assert [generation.alone for generation in log.report.take()] == [True]


def test_a_new_load_forgets_what_was_under_way() -> None:
    log = Log()
    log.launch(3, 0)
    log.report.hear(LOADED.format("true"))
    log.launch(2, 1)
    log.end(2, 1)
    assert [generation.alone for generation in log.report.take()] == [True]


def test_the_speed_is_shown_while_answers_are_under_way_and_a_little_longer() -> None:
    log = Log()
    assert log.report.speed is None
    log.launch(3, 0)
    assert log.report.speed is None
    log.end(3, 0)
    log.launch(3, 1)
    log.now += FRESH_SECONDS + 1
    assert log.report.speed is not None
    log.end(3, 1)
    log.now += FRESH_SECONDS + 1
    assert log.report.speed is None


def test_an_older_log_without_slots_tells_the_speed_alone() -> None:
    report = EngineReport()
    for line in (
        "slot print_timing: id  0 | task 7 | ",
        "prompt eval time =      79.25 ms /    10 tokens (    7.92 ms per token,   126.19 tokens per second)",
        "       eval time =     500.00 ms /    10 tokens (   50.00 ms per token,    20.00 tokens per second)",
        "      total time =     579.25 ms /    20 tokens",
    ):
        report.hear(line)
    assert report.take() == (Generation(tokens=10, seconds=0.5),)
    assert report.speed == 20.0


def test_the_context_is_that_of_all_slots_together() -> None:
    report = EngineReport()
    assert report.ctx_size is None
    report.hear(LOADED.format("true"))
    assert report.ctx_size == 4096
    report.hear(LOADED.format("false"))
    assert report.ctx_size == 16384


def test_other_lines_say_nothing() -> None:
    report = EngineReport()
    for line in (
        "eval time",
        "eval time = x ms / y tokens",
        "eval time =       0.00 ms /     1 tokens",
        "eval time =       9.00 ms /     0 runs   (",
        "srv  processing something",
        "n_ctx_slot",
        "",
    ):
        report.hear(line)
    assert (report.take(), report.speed, report.ctx_size) == ((), None, None)


def test_what_nobody_takes_does_not_grow_for_ever() -> None:
    log = Log()
    for task in range(1000):
        log.launch(0, task)
        log.end(0, task)
    assert len(log.report.take()) < 1000
