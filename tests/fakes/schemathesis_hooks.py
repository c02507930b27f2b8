"""What schemathesis has to know about the control routes: which of their answers never end, and a model to borrow."""

from __future__ import annotations

from typing import Any

import schemathesis

from fakes.telling import BIRCH


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """No answer that goes on, and leases of a model that is there: all of one, so that they share it."""
    if case.path == "/switcher/log" and isinstance(case.query, dict):
        case.query.pop("follow", None)
    if case.path == "/switcher/leases" and isinstance(case.body, dict):
        if isinstance(case.body.get("model"), str):
            case.body["model"] = BIRCH
        if case.body.get("stream") is True:
            case.body["stream"] = False
