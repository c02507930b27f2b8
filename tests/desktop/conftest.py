"""Desktop tests draw off screen; those that need a real panel start one with the `private_screen` fixture."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from fakes.screen import Screen, screen

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def private_screen() -> Iterator[Screen]:
    """A virtual screen with xfce's panel, shared by the tests of one file."""
    with screen("xfce4-panel") as private:
        yield private


@pytest.fixture(autouse=True)
def _no_qt_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collects what a test leaves of Qt in the thread that made it: qasync's loops are cycles with timers in
    them, and the next collection may run in any thread.
    """
    yield
    if "qapp" in request.fixturenames:
        gc.collect()
