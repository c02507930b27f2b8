"""The one tree of errors.

    SwitcherError                      unexpected            HTTP 500  exit 1
    ├── UsageError                     usage                      400       2
    ├── SettingsError                  settings-unreadable        500       7
    ├── ModelError
    │   ├── UnknownModel               unknown-model              404       4
    │   ├── AmbiguousModel             ambiguous-model            409       4
    │   └── UnusableModel              model-<why>                422       4
    ├── EngineError
    │   ├── NoEngine                   no-engine                  503       6
    │   ├── EngineUnusable             engine-unusable            503       6
    │   ├── UnsupportedOption          unsupported-option         422       2
    │   └── WorkerLost                 worker-lost                503       6
    ├── SwitchError
    │   ├── SwitchFailed               switch-failed              503       5 or 6
    │   └── SwitchSuperseded           switch-superseded          409       5 or 6
    ├── LoginEntryError                login-entry                500       1
    ├── RequestError
    │   ├── NothingServed              nothing-served             503       6
    │   ├── Paused                     paused                     503       6
    │   ├── HoldFull                   hold-full                  429       1
    │   ├── HoldTimeout                hold-timeout               504       1
    │   ├── UpstreamLost               upstream-lost              502       1
    │   ├── LeaseEnded                 lease-ended                410       1
    │   ├── ForeignCaller              foreign-caller             403       1
    │   └── WrongKey                   wrong-key                  401       1
    └── InstanceError
        ├── NoInstance                 no-instance                503       3
        ├── InstanceExists             instance-exists            409       3
        ├── AddressInUse               address-in-use             503       3
        ├── ProgramStays               program-stays              409       3
        └── Closing                    closing                    503       3

Every error has a stable `code`, a sentence for a person (`message`), a `hint` on what to do, and `details`
for programs. The code decides the HTTP status and the command's exit status, here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class SwitcherError(Exception):
    """Base of all errors of this program.

    Args:
        message: One sentence for a person.
        hint: What to do about it; empty where nothing is known.
        details: JSON-like facts for programs; they travel in the HTTP body.
    """

    code: str = "unexpected"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: dict[str, Any] = dict(details or {})

    @property
    def exit_status(self) -> int:
        """Exit status of a command that ended with this error."""
        return self.exit_code

    @classmethod
    def tree(cls) -> Iterator[type[SwitcherError]]:
        """This class and all that derive from it."""
        yield cls
        for child in cls.__subclasses__():
            yield from child.tree()


class UsageError(SwitcherError):
    """The caller asked in a form that means nothing."""

    code = "usage"
    http_status = 400
    exit_code = 2


class SettingsError(SwitcherError):
    """The settings file cannot be used; `details["problems"]` lists every problem at once."""

    code = "settings-unreadable"
    exit_code = 7


class ModelError(SwitcherError):
    """Something about a model."""

    http_status = 404
    exit_code = 4


class UnknownModel(ModelError):
    """No model has that name; `details["near"]` has the closest ones."""

    code = "unknown-model"


class AmbiguousModel(ModelError):
    """Several models have that name; `details["candidates"]` lists their ids."""

    code = "ambiguous-model"
    http_status = 409


class UnusableModel(ModelError):
    """A file that cannot be served. `code` is `model-` and the reason, as listed in `domain.catalog`."""

    code = "model-unusable"
    http_status = 422

    @classmethod
    def because(cls, code: str, message: str, *, hint: str = "") -> Self:
        error = cls(message, hint=hint)
        error.code = code
        return error


class EngineError(SwitcherError):
    """Something about an engine binary."""

    http_status = 503
    exit_code = 6


class NoEngine(EngineError):
    """No engine binary was found."""

    code = "no-engine"


class EngineUnusable(EngineError):
    """The engine binary is there and does not run."""

    code = "engine-unusable"


class UnsupportedOption(EngineError):
    """The settings name a launch option that this engine does not know; `details["options"]` lists them."""

    code = "unsupported-option"
    http_status = 422
    exit_code = 2


class WorkerLost(EngineError):
    """A machine over which a model is to be spread cannot be reached; `details["workers"]` lists its address."""

    code = "worker-lost"


class SwitchError(SwitcherError):
    """A switch did not end with the chosen model; `details["serving"]` is what is served now, or None."""

    http_status = 503

    @property
    def exit_status(self) -> int:
        return 5 if self.details.get("serving") else 6


class SwitchFailed(SwitchError):
    """The chosen model did not come up; `details["failure"]` says why."""

    code = "switch-failed"


class SwitchSuperseded(SwitchError):
    """A later choice, or a cancel, ended this switch."""

    code = "switch-superseded"
    http_status = 409


class LoginEntryError(SwitcherError):
    """What starts the program at login cannot be read or changed."""

    code = "login-entry"


class RequestError(SwitcherError):
    """A request of a client could not be served."""

    http_status = 503


class NothingServed(RequestError):
    """No model is selected, or the selected one cannot be served."""

    code = "nothing-served"
    exit_code = 6


class Paused(RequestError):
    """Memory was freed by the user until `resume`."""

    code = "paused"
    exit_code = 6


class HoldFull(RequestError):
    """Too many requests wait already."""

    code = "hold-full"
    http_status = 429


class HoldTimeout(RequestError):
    """The request waited longer than the settings allow."""

    code = "hold-timeout"
    http_status = 504


class UpstreamLost(RequestError):
    """The engine went away in the middle of an answer."""

    code = "upstream-lost"
    http_status = 502


class LeaseEnded(RequestError):
    """A borrowed model was given back: its owner is gone or silent, the limit is over, or the user wants the memory."""

    code = "lease-ended"
    http_status = 410


class ForeignCaller(RequestError):
    """`Host` or `Origin` is not ours: a web page must not reach a local server."""

    code = "foreign-caller"
    http_status = 403


class WrongKey(RequestError):
    """The API key is missing or wrong."""

    code = "wrong-key"
    http_status = 401


class InstanceError(SwitcherError):
    """Something about the running instance of this program."""

    http_status = 503
    exit_code = 3


class NoInstance(InstanceError):
    """No instance runs, and none could be started."""

    code = "no-instance"


class InstanceExists(InstanceError):
    """Another instance holds these settings."""

    code = "instance-exists"
    http_status = 409


class AddressInUse(InstanceError):
    """Another program listens on the address; `details` has it as `holder`, a free port, and what can be done."""

    code = "address-in-use"


class ProgramStays(InstanceError):
    """Another program that is in the way was not ended."""

    code = "program-stays"
    http_status = 409


class Closing(InstanceError):
    """The instance is shutting down."""

    code = "closing"
