"""Errors as a page for browsers."""

from __future__ import annotations

from model_switcher.domain.errors import SwitcherError
from model_switcher.gateway.page import page


def test_what_it_tells_is_text_and_nothing_else() -> None:
    told = page(SwitcherError("<script>alert(1)</script> failed", hint="Look at <b>it</b> & wait"))
    assert "<script>" not in told
    assert "&lt;script&gt;alert(1)&lt;/script&gt; failed" in told
    assert "Look at &lt;b&gt;it&lt;/b&gt; &amp; wait" in told


def test_only_what_may_be_over_soon_is_asked_for_again() -> None:
    assert "refresh" not in page(SwitcherError("No"))
    assert 'http-equiv="refresh" content="5"' in page(SwitcherError("Wait"), again_after="5")
