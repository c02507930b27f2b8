"""Launch options: llama-server's options by their own long names, and the command line they become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Model
from model_switcher.domain.engines import EngineBinary

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

Option = str | int | float | bool
Options = dict[str, Option]

# What the program sets itself for every server; the settings may not name them.
RESERVED = {
    "model": "the program chooses the model",
    "hf-repo": "the program chooses the model",
    "model-url": "the program chooses the model",
    "models-dir": "the program chooses the model",
    "models-preset": "the program chooses the model",
    "host": "a server listens on loopback; set [server] host for the address that clients use",
    "port": "a server takes a free port; set [server] port for the address that clients use",
    "api-key": "each start has a key of its own; set [server] api-keys for clients",
    "api-key-file": "each start has a key of its own; set [server] api-keys for clients",
    "alias": "each start has an alias of its own; set [models.…] alias for names",
    "log-disable": "the program reads the log to tell why a model fails",
    "log-file": "the program keeps the log: `model-switcher logs`",
    "api-prefix": "the program passes every path through unchanged",
    "ssl-key-file": "the program talks to its servers on loopback",
    "ssl-cert-file": "the program talks to its servers on loopback",
}


def merge(*layers: Mapping[str, Option]) -> Options:
    """Options of all layers; a later layer wins."""
    merged: Options = {}
    for layer in layers:
        merged.update(layer)
    return merged


def arguments(options: Mapping[str, Option]) -> list[str]:
    """The command line of `options`, sorted by name so that equal options give equal command lines.

    `true` becomes `--name`, `false` becomes `--no-name`, everything else `--name value`.
    """
    line: list[str] = []
    for name, value in sorted(options.items()):
        if value is True:
            line.append(f"--{name}")
        elif value is False:
            line.append(f"--no-{name}")
        else:
            line += [f"--{name}", str(value)]
    return line


def flags(options: Mapping[str, Option]) -> list[tuple[str, str]]:
    """Each option's name with the flag that it becomes, for checking against what an engine knows."""
    return [
        (name, f"--no-{name}" if value is False else f"--{name}") for name, value in sorted(options.items())
    ]


def unsupported(options: Mapping[str, Option], known: Collection[str]) -> list[str]:
    """Names of `options` whose flag is not among the `known` ones of an engine."""
    return [name for name, flag in flags(options) if flag not in known]


def known_flags(help_text: str) -> frozenset[str]:
    """All long flags that an engine's `--help` lists at the beginning of an entry.

    llama-server lists all spellings of an option first, separated by commas, from the first column on.
    """
    found: set[str] = set()
    for line in help_text.splitlines():
        if line.startswith("-") and not line.startswith("---"):  # "----- common params -----" is a heading
            found.update(_spellings(line.split()))
    return frozenset(found)


def _spellings(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        if not word.startswith("-"):
            return
        if word.startswith("--"):
            yield word.rstrip(",")
        if not word.endswith(","):
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """All that is needed to start a model's server again in exactly the same way.

    Attributes:
        model: What is served.
        binary: The engine that serves it.
        engine: The engine with its version, for people.
        options: The launch options, as a command line.
        pinned: Whether it is never unloaded to make room.
    """

    model: Model
    binary: EngineBinary
    engine: str
    options: tuple[str, ...] = ()
    pinned: bool = False

    def starts_as(self, other: Launch) -> bool:
        """Whether both are the same command line."""
        return (self.binary, self.options, self.model.path, self.model.projector) == (
            other.binary,
            other.options,
            other.model.path,
            other.model.projector,
        )

    def command(self, alias: str) -> list[str]:
        """The whole command line of a start that answers to `alias` on a port that the engine picks itself."""
        projector = ["--mmproj", self.model.projector] if self.model.projector else []
        return [
            *self.binary.command,
            *("--model", self.model.path, *projector),
            *("--alias", f"{self.model.id},{alias}"),
            *("--host", "127.0.0.1", "--port", "0"),
            *self.options,
        ]
