"""The spill alarm: what sets it off, and what must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model_switcher.domain.spill import GROWTH, Generation, Look, Sign, Spill, SpillWatch, watch
from model_switcher.domain.units import GIB, MIB

FULL = Look(time=0.0, start="~a", model="phinance", free=200 * MIB, total=16 * GIB, ctx_size=16384)
ROOMY = replace(FULL, free=4 * GIB)
USUAL, SLOW = 40.0, 8.0


class Watched:
    """A server that is looked at once a second."""

    def __init__(self, look: Look = FULL) -> None:
        self.look = look
        self.state = SpillWatch()
        self.time = 1000.0

    @property
    def spill(self) -> Spill | None:
        return self.state.spill

    def passes(self, seconds: int = 1, **more: object) -> Watched:
        for _ in range(seconds):
            self.time += 1.0
            self.state = watch(self.state, replace(self.look, time=self.time, **more))  # type: ignore[arg-type]
        return self

    def answers(
        self, speed: float, count: int = 1, *, every: int = 5, look: Look | None = None, **more: object
    ) -> Watched:
        """Answers of 100 tokens with that speed, one each `every` seconds."""
        for _ in range(count):
            self.passes(every - 1)
            answer = Generation(tokens=100, seconds=100 / speed, depth=900, alone=True)
            kept, self.look = self.look, look or self.look
            self.passes(generations=(replace(answer, **more),))  # type: ignore[arg-type]
            self.look = kept
        return self


def test_a_lasting_drop_of_speed_with_full_memory_is_a_spill() -> None:
    it = Watched().answers(USUAL, 5)
    assert it.answers(SLOW, 2).spill is None, "two slow answers may be chance"
    since = it.time - 5
    it.answers(SLOW, 2)
    assert it.spill is not None
    assert (it.spill.model, it.spill.sign, it.spill.since) == ("phinance", Sign.SPEED, since)
    assert (it.spill.before, it.spill.now) == (pytest.approx(USUAL), pytest.approx(SLOW))
    assert it.spill.sentence("Phinance") == (
        "Phinance became slow, from 40 to 8 tokens per second: the GPU's memory is full"
    )
    assert it.spill.hint == "Reload it at 8k context, or close other programs that use the GPU."


def test_it_is_told_once_for_each_start_of_a_server() -> None:
    it = Watched().answers(USUAL, 5).answers(SLOW, 4)
    first = it.spill
    assert first is not None
    assert it.answers(USUAL, 5).answers(SLOW, 5).spill is first
    it.look = replace(FULL, start="~b")
    assert it.passes().spill is None


def test_three_slow_answers_within_a_moment_are_not_lasting() -> None:
    it = Watched().answers(USUAL, 5).answers(SLOW, 5, every=1)
    assert it.spill is None
    assert it.passes(5).answers(SLOW).spill is not None


def test_slow_answers_with_room_on_the_gpu_are_no_spill() -> None:
    assert Watched(ROOMY).answers(USUAL, 5).answers(SLOW, 20).spill is None


def test_without_figures_of_the_gpu_there_is_no_alarm() -> None:
    assert Watched(replace(FULL, free=None)).answers(USUAL, 5).answers(SLOW, 20).spill is None


def test_a_second_client_is_no_spill() -> None:
    assert Watched().answers(USUAL, 5).answers(SLOW, 20, alone=False).spill is None


def test_where_nobody_knows_about_other_clients_there_is_no_alarm() -> None:
    assert Watched().answers(USUAL, 5).answers(SLOW, 20, alone=None).spill is None


def test_a_busy_processor_is_no_spill() -> None:
    it = Watched().answers(USUAL, 5)
    it.look = replace(FULL, busy=90.0)
    assert it.answers(SLOW, 20).spill is None


def test_a_processor_that_was_busy_during_the_answer_and_is_not_any_more_is_no_spill() -> None:
    it = Watched().answers(USUAL, 5)
    for _ in range(10):
        it.passes(1, busy=90.0).passes(8, busy=5.0).answers(SLOW, every=1)
    assert it.spill is None


def test_a_quiet_processor_does_not_hide_a_spill() -> None:
    it = Watched(replace(FULL, busy=20.0)).answers(USUAL, 5)
    assert it.answers(SLOW, 4).spill is not None


def test_a_long_prompt_is_no_spill() -> None:
    """To read it is not in the answer's time; that answers come slower out of a deep context is not held against them."""
    it = Watched().answers(USUAL, 5)
    assert it.answers(SLOW, 20, depth=60_000).spill is None
    assert it.answers(SLOW / 4, 4, depth=60_000).spill is not None, "but slow among equally deep ones"


def test_a_conversation_that_grows_slower_as_it_grows_longer_is_no_spill() -> None:
    it, depth = Watched(), 500
    while depth < 100_000:
        it.answers(USUAL / (1 + depth / 4096), depth=depth)
        depth += 400
    assert it.spill is None


def test_short_answers_say_little() -> None:
    assert Watched().answers(USUAL, 5).answers(SLOW, 20, tokens=5, seconds=5 / SLOW).spill is None


def test_one_usual_answer_in_between_starts_the_count_anew() -> None:
    it = Watched().answers(USUAL, 5)
    for _ in range(5):
        it.answers(SLOW, 2).answers(USUAL, 1)
    assert it.spill is None


def test_answers_that_count_for_nothing_neither_start_nor_end_a_count() -> None:
    it = Watched().answers(USUAL, 5).answers(SLOW, 2).answers(1.0, 5, alone=False).answers(SLOW, 1)
    assert it.spill is not None


def test_a_server_that_was_slow_from_the_start_is_not_compared() -> None:
    assert Watched().answers(SLOW, 30).spill is None


def test_a_gradual_change_of_what_is_usual_is_no_spill() -> None:
    it, speed = Watched(), USUAL
    while speed > SLOW:
        it.answers(speed)
        speed *= 0.97
    assert it.spill is None


def test_growth_of_shared_memory_with_full_memory_is_a_spill() -> None:
    it = Watched(replace(FULL, shared=300 * MIB)).passes(20)
    it.look = replace(FULL, shared=300 * MIB + 3 * GIB)
    assert it.passes(9).spill is None, "not lasting yet"
    since = it.time - 8
    it.passes(3)
    assert it.spill is not None
    assert (it.spill.sign, it.spill.amount, it.spill.since) == (Sign.SHARED_MEMORY, 3 * GIB, since)
    assert (
        it.spill.sentence("Phinance") == "Phinance does not fit any more: 3.0 GiB of it moved to main memory"
    )
    assert it.spill.action is not None
    assert it.spill.action.ctx_size == 8192


@pytest.mark.parametrize(
    "shared",
    [
        pytest.param([300 * MIB] * 60, id="what was there from the start"),
        pytest.param([300 * MIB + MIB * number for number in range(200)], id="buffers that grow a little"),
        pytest.param(([0] * 5 + [2 * GIB] * 5) * 10, id="that comes and goes"),
    ],
)
def test_other_shared_memory_is_no_spill(shared: list[int]) -> None:
    it = Watched()
    for amount in shared:
        assert it.passes(shared=amount).spill is None


def test_shared_memory_that_grows_with_room_on_the_gpu_was_put_there_on_purpose() -> None:
    it = Watched(replace(ROOMY, shared=0)).passes(20)
    it.look = replace(ROOMY, shared=4 * GIB)
    assert it.passes(100).spill is None


def test_where_shared_memory_is_told_the_speed_is_not_guessed_from() -> None:
    it = Watched(replace(FULL, shared=0)).answers(USUAL, 5)
    assert it.answers(SLOW, 20).spill is None


@pytest.mark.parametrize(
    ("ctx_size", "cache", "amount", "expected"),
    [
        (16384, None, GIB, 8192),
        (20000, None, GIB, 8192),
        (131072, 16 * GIB, GIB, 65536),
        (131072, 16 * GIB, 14 * GIB, 16384),
        (131072, 16 * GIB, 17 * GIB, None),
        (4096, None, GIB, 2048),
        (3000, None, GIB, None),
        (None, None, GIB, None),
    ],
)
def test_the_way_out_is_a_context_that_would_fit(
    ctx_size: int | None, cache: int | None, amount: int, expected: int | None
) -> None:
    it = Watched(replace(FULL, shared=0, ctx_size=ctx_size, cache=cache)).passes(3)
    it.look = replace(it.look, shared=amount)
    it.passes(15)
    assert amount >= GROWTH
    assert it.spill is not None
    assert (it.spill.action.ctx_size if it.spill.action else None) == expected
    if expected is None:
        assert it.spill.hint == "Close other programs that use the GPU, or choose a smaller model."
