"""The one table of settings: what each key means, which values it takes, and where the value goes.

Validation, the template of a new settings file, the documentation and the settings window all read this table;
the defaults are those of the dataclasses in `domain.settings`.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from model_switcher.domain.settings import NOTIFICATIONS, STORES
from model_switcher.domain.units import GIB, KIB, MIB, parse_duration, parse_size

_HOST_NAME = re.compile(
    r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$"
)
_ORIGIN = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/\s]+$")
_LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The values that a setting takes.

    Attributes:
        expects: What a right value is; it completes "… is not".
        read: A TOML value as the value of the field. Raises ValueError: without a text if the value is not what
            is expected, with a text if there is more to say.
        write: The value of the field as a TOML value.
        choices: The only right values, where there are few.
    """

    expects: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = lambda value: value
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One key of the settings.

    Attributes:
        table: The table that it stands in; "" for the top of the file.
        key: As it is spelled in the file.
        kind: Its values.
        about: What it does, in one sentence for a person.
        example: A value worth showing where the default is empty.
        secret: Its value must not appear in messages.
    """

    table: str
    key: str
    kind: Kind
    about: str
    example: Any = None
    secret: bool = False

    @property
    def field(self) -> str:
        """Name of the dataclass field that holds it."""
        return self.key.replace("-", "_")


def shown(value: Any) -> str:
    """A TOML value as a message shows it: as it is written in the file, and not too long."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, (list, tuple)):
        text = f"[{', '.join(shown(item) for item in value)}]"
    elif isinstance(value, (str, bool)):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach a program that listens on `host`."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value


def _path(value: Any) -> str:
    text = _text(value)
    if not text.isprintable():
        raise ValueError(
            f"{shown(text)} holds a control character, because \\ has a meaning of its own between double quotes: "
            "write / instead of \\, or put the path between single quotes"
        )
    return text


def _toggle(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        raise ValueError(f"{shown(value)} is a text; write {value} without quotes")
    raise ValueError


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _host(value: Any) -> str:
    text = _text(value).strip().removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if _HOST_NAME.match(text) and not text.replace(".", "").isdigit():
            return text
        raise ValueError from None


def _origin(value: Any) -> str:
    text = _text(value).rstrip("/")
    if not _ORIGIN.match(text):
        raise ValueError
    return text


def _size(value: Any) -> int:
    if isinstance(value, str):
        return parse_size(value)
    if not _is_number(value) or not isinstance(value, int) or value < 0:
        raise ValueError
    return value


def _write_size(value: int) -> Any:
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if value and value % unit == 0:
            return f"{value // unit} {name}"
    return value


def _duration(value: Any) -> float:
    if isinstance(value, str):
        return parse_duration(value)
    if not _is_number(value) or value < 0:
        raise ValueError
    return float(value)


def _write_duration(value: float) -> str:
    if math.isinf(value):
        return "never"
    for unit, name in ((3600, "h"), (60, "min"), (1, "s")):
        if value and value % unit == 0:
            return f"{value / unit:.0f} {name}"
    return f"{value:g} s"


def _whole(low: int, high: int, expects: str) -> Kind:
    def read(value: Any) -> int:
        if isinstance(value, str) and value.isdecimal() and low <= int(value) <= high:
            raise ValueError(f"{shown(value)} is a text; write {value} without quotes")
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError
        return value

    return Kind(expects=expects, read=read)


def _choice(*choices: str) -> Kind:
    expects = " or ".join((", ".join(shown(choice) for choice in choices[:-1]), shown(choices[-1])))

    def read(value: Any) -> str:
        if value in choices:
            return str(value)
        near = get_close_matches(str(value).casefold(), choices, n=1) if isinstance(value, str) else []
        if near:
            raise ValueError(f"{shown(value)} is not {expects}; did you mean {shown(near[0])}?")
        raise ValueError

    return Kind(expects=expects, read=read, choices=choices)


def _several(item: Kind, expects: str) -> Kind:
    """A list of `item`; one alone may stand without brackets."""

    def read(value: Any) -> tuple[Any, ...]:
        items: Sequence[Any] = [value] if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)):
            raise ValueError  # noqa: TRY004 - one kind of error for every wrong value
        return tuple(dict.fromkeys(item.read(one) for one in items))

    return Kind(expects=expects, read=read, write=list, choices=item.choices)


TEXT = Kind(expects="a text", read=_text)
PATH = Kind(expects="a path", read=_path)
TOGGLE = Kind(expects="true or false", read=_toggle)
HOST = Kind(expects="an IP address or the name of a computer, without http:// and port", read=_host)
ORIGIN = Kind(expects="an origin", read=_origin)
SIZE = Kind(expects='a size such as "768 MiB"', read=_size, write=_write_size)
DURATION = Kind(
    expects='a duration such as "10 s", "5 min" or "never"', read=_duration, write=_write_duration
)
PORT = _whole(1, 65535, "a port between 1 and 65535")
ENGINE = Kind(expects='"auto", "embedded" or the path of llama-server', read=_path)
PATHS = _several(PATH, "a folder or a list of folders")
TEXTS = _several(TEXT, "a text or a list of texts")
ORIGINS = _several(ORIGIN, 'a list of origins such as "http://192.168.1.5:3000"')
STORE_LIST = _several(_choice(*STORES), f"a list of stores ({', '.join(STORES)})")
NOTIFICATION_LIST = _several(_choice(*NOTIFICATIONS), f"a list of notifications ({', '.join(NOTIFICATIONS)})")


def _rule(table: str, key: str, kind: Kind, about: str, *, example: Any = None, secret: bool = False) -> Rule:
    return Rule(table=table, key=key, kind=kind, about=about, example=example, secret=secret)


RULES: tuple[Rule, ...] = (
    _rule("", "model-folders", PATHS, "Folders with GGUF files, besides the stores.", example=("D:/models",)),
    _rule("", "stores", STORE_LIST, "Where other programs keep their models; [] looks at none of them."),
    _rule("", "default-model", TEXT, 'Selected at start, and the last fallback; "last" is the one of last time.', example="last"),
    _rule("", "start-server", _choice("at start", "on first request"), "When the selected model is loaded."),
    _rule("server", "host", HOST, "Address to listen on; beyond 127.0.0.1 api-keys are needed."),
    _rule("server", "port", PORT, "Port that your programs talk to."),
    _rule("server", "api-keys", TEXTS, "Keys of which clients must send one; none are needed on this computer.", secret=True),
    _rule("server", "allowed-origins", ORIGINS, "Web pages that may call, besides our own."),
    _rule("server", "engine", ENGINE, 'Path of llama-server; "auto" finds one, "embedded" takes the one that comes along.'),
    _rule("server", "unknown-model", _choice("selected", "error"), "What answers a request for a model that is not there."),
    _rule("server", "hold-timeout", DURATION, "How long a request waits for its model."),
    _rule("server", "hold-limit", _whole(0, 1_000_000, "a whole number from 0 to 1000000"), "How many requests may wait."),
    _rule("server", "hold-bytes", SIZE, "How much the waiting requests may take of main memory."),
    _rule("server", "drain-timeout", DURATION, "How long `switch --now` lets running answers go on."),
    _rule("server", "starvation-bound", DURATION, "How long a busy model may keep requests for another one waiting."),
    _rule("server", "return-after", DURATION, "How long after requests for another model the selected one comes back."),
    _rule("server", "lease-limit", DURATION, "How long a program may borrow a model."),
    _rule("memory", "keep-resident", _choice("while it fits", "one at a time"), "How many models stay loaded."),
    _rule("memory", "margin", SIZE, "What is left free of the GPU's memory."),
    _rule("memory", "unload-after-idle", DURATION, "After how long without a request a model is unloaded."),
    _rule("memory", "warm-up", TOGGLE, "Whether the file of the model that comes next is read into free main memory ahead of its load."),
    _rule("desktop", "start-at-login", TOGGLE, "Whether the tray starts when you log in."),
    _rule("desktop", "notifications", NOTIFICATION_LIST, "What is worth a notification."),
    _rule("desktop", "theme", _choice("system", "light", "dark"), "Colours of the panel."),
)  # fmt: skip

# Further keys of a `[models."name"]` table are launch options.
MODEL_RULES: tuple[Rule, ...] = (
    _rule("models", "alias", TEXTS, "Further names of the model."),
    _rule("models", "pinned", TOGGLE, "Whether the model is never unloaded to make room."),
    _rule("models", "engine", ENGINE, "The engine of this model."),
    _rule("models", "port", PORT, "A second port that always means this model."),
)
