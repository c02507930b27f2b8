"""The forms that cross a process boundary: snapshots, outcomes, errors and the instance file, as JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from model_switcher.domain.catalog import Model
from model_switcher.domain.errors import SwitcherError, UnusableModel
from model_switcher.domain.need import Fit, FitKind, Need
from model_switcher.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _typeshed import DataclassInstance

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_CLASSES = {error.code: error for error in reversed(list(SwitcherError.tree()))}


def encode(value: object) -> bytes:
    """`value` (dataclasses, containers, scalars) as JSON."""
    return _encoder.encode(value)


def decode(data: bytes | str, kind: type[T]) -> T:
    """JSON as a value of `kind`.

    Raises:
        ValueError: It is not JSON, or not of that form.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


def plain(value: DataclassInstance) -> dict[str, Any]:
    """The fields of a dataclass by their names, to which others can be added; what they hold stays as it is."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def facts(model: Model) -> dict[str, Any]:
    """What a file says of a model, as `inspect --json` prints it: without its packed blueprints."""
    form = plain(model)
    del form["blueprint"], form["projector_blueprint"]
    return form


def model_form(model: Model, fit: Fit | None = None, needs: Sequence[Need] = ()) -> dict[str, Any]:
    """A model as `/switcher/models` and `list --json` print it.

    Args:
        model: The model.
        fit: Whether it can be loaded now; None if that is not known.
        needs: What it takes, the best that is known first.
    """
    return {
        **facts(model),
        "fit": fit.kind if fit else None,
        "need": fit.need if fit else None,
        "shortfall": fit.shortfall if fit else None,
        "fitting_ctx_size": fit.ctx_size if fit else None,
        "fitting_n_gpu_layers": fit.n_gpu_layers if fit else None,
        "needs": needs,
    }


def models(snapshot: Snapshot) -> dict[str, Any]:
    """Every model and every rejected file, as `/switcher/models` and `list --json` print them."""
    return {
        "models": [
            model_form(model, snapshot.fits.get(model.id), snapshot.needs.get(model.id, ()))
            for model in snapshot.catalog.models
        ],
        "rejected": snapshot.catalog.rejected,
    }


def fits(form: dict[str, Any]) -> dict[str, Fit]:
    """Whether each model can be loaded, by its id, from the plain form of what `models` wrote."""
    return {
        str(model["id"]): Fit(
            kind=FitKind(model["fit"]),
            need=model.get("need"),
            shortfall=model.get("shortfall"),
            ctx_size=model.get("fitting_ctx_size"),
            n_gpu_layers=model.get("fitting_n_gpu_layers"),
        )
        for model in form["models"]
        if model.get("fit")
    }


def state(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as `/switcher/state` and `status --json` print it.

    The catalog is left to `/switcher/models`, and so are needs and fits but for the models that this is about.
    """
    form = plain(snapshot)
    del form["catalog"]
    form["models"] = len(snapshot.catalog.models)
    form["rejected"] = len(snapshot.catalog.rejected)
    switch = snapshot.switch
    about = {server.model for server in snapshot.servers} | {snapshot.selected, switch and switch.target}
    form["fits"] = {model: fit for model, fit in snapshot.fits.items() if model in about}
    form["needs"] = {model: needs for model, needs in snapshot.needs.items() if model in about}
    return form


def decode_state(data: bytes | str) -> Snapshot:
    """The snapshot, without its catalog, from what `state` wrote."""
    return decode(data, Snapshot)


def error_body(error: SwitcherError) -> dict[str, Any]:
    """An error in OpenAI's shape, with our hint and details beside."""
    kind = "invalid_request_error" if error.http_status < 500 else "server_error"  # noqa: PLR2004 - HTTP classes
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "type": kind,
            "hint": error.hint,
            **error.details,
        }
    }


def error_from(data: bytes | str) -> SwitcherError:
    """The error that `error_body` wrote; a bare `SwitcherError` if it is of another form."""
    try:
        body: dict[str, Any] = msgspec.json.decode(data)["error"]
        message, code = str(body.pop("message")), str(body.pop("code"))
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError):
        text = data.decode(errors="replace") if isinstance(data, bytes) else data
        return SwitcherError(f"the instance answered: {text[:200]}")
    hint = str(body.pop("hint", ""))
    body.pop("type", None)
    cls = _CLASSES.get(code)
    if cls is None and code.startswith("model-"):
        error: SwitcherError = UnusableModel.because(code, message, hint=hint)
        error.details.update(body)
        return error
    return (cls or SwitcherError)(message, hint=hint, details=body)
