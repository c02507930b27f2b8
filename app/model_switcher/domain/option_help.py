"""What an engine says about its launch options: the entries of its `--help`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model_switcher.domain.launch import RESERVED

# Of these nothing is served: they print something and end.
_PRINTS = frozenset({"help", "usage", "version", "cache-list", "completion-bash", "list-devices", "license"})

_ENTRY = re.compile(r"^-{1,2}\w")
_HEADING = re.compile(r"^-{3,} *(?P<title>.+?) *-{3,}$")
_ENVIRONMENT = re.compile(r"\(env: (?:LLAMA_ARG_)?(?P<name>[A-Z0-9_]+)\)")
_SPELLING = re.compile(r"^-{1,2}[A-Za-z0-9][\w.-]*,?$")
_DEFAULT = re.compile(r"default:\s*(?P<value>[^()]*?(?:\([^()]*\)[^()]*?)*)\s*(?:\)|$)")
_ALLOWED = re.compile(r"allowed values: (?P<list>[^\n(]+)")
_BRACES = re.compile(r"^[\[{<](?P<list>[^\s\[\]{}<>]*[|,][^\s\[\]{}<>]*)[\]}>]$")
_GAP = re.compile(r" {2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionHelp:
    """One option of an engine.

    Attributes:
        name: As the settings spell it: a long name without the dashes.
        names: All long names, the negative ones left out.
        argument: What stands for its value ("N", "[on|off|auto]"); empty for a switch.
        negative: Whether it has a `--no-` form.
        text: What it does, in the engine's words.
        default: Its default, as the engine says it; None if it does not.
        choices: The only values, where the engine lists them.
        section: Of the help that it stands in ("common params").
    """

    name: str
    names: tuple[str, ...]
    argument: str = ""
    negative: bool = False
    text: str = ""
    default: str | None = None
    choices: tuple[str, ...] = ()
    section: str = ""


def read_help(usage: str) -> tuple[OptionHelp, ...]:
    """Every option with a long name that `usage` (what `llama-server --help` prints) explains, in its order."""
    found: list[OptionHelp] = []
    section = ""
    for heading, lines in _entries(usage):
        section = heading or section
        if lines and (option := _option(lines, section)) is not None:
            found.append(option)
    return tuple(found)


def settable(options: Sequence[OptionHelp]) -> tuple[OptionHelp, ...]:
    """Those that may stand in the settings."""
    forbidden = _PRINTS | RESERVED.keys()
    return tuple(option for option in options if forbidden.isdisjoint(option.names))


def find(options: Sequence[OptionHelp], name: str) -> OptionHelp | None:
    """The option that is called so, by any of its long names, its negative ones among them."""
    plain = name.removeprefix("no-")
    return next((one for one in options if name in one.names or plain in one.names), None)


def _entries(usage: str) -> Iterator[tuple[str, list[str]]]:
    lines: list[str] = []
    for line in usage.splitlines():
        if match := _HEADING.match(line):
            yield "", lines
            lines = []
            yield match["title"], []
        elif _ENTRY.match(line):
            yield "", lines
            lines = [line]
        elif lines and line.startswith(" "):
            lines.append(line)
    yield "", lines


def _option(lines: Sequence[str], section: str) -> OptionHelp | None:
    words = lines[0].split()
    spellings: list[str] = []
    while words and _SPELLING.match(words[0]) and (not spellings or spellings[-1].endswith(",")):
        spellings.append(words.pop(0))
    flags = [spelling.rstrip(",").removeprefix("--") for spelling in spellings if spelling.startswith("--")]
    rest = lines[0][lines[0].rfind(spellings[-1]) + len(spellings[-1]) :] if spellings else ""
    positive = {flag for flag in flags if not flag.startswith("no-") or flag.removeprefix("no-") not in flags}
    names = tuple(flag for flag in flags if flag in positive and not _negates(flag, flags))
    if not names:
        return None
    argument, _, beginning = _split(rest)
    text = "\n".join(line for line in (beginning, *(part.strip() for part in lines[1:])) if line)
    return OptionHelp(
        name=_main_name(names, text),
        names=names,
        argument=argument,
        negative=len(names) < len(flags),
        text=_ENVIRONMENT.sub("", text).strip(),
        default=_default(_ENVIRONMENT.sub("", text)),
        choices=_choices(argument, text),
        section=section,
    )


def _negates(flag: str, flags: Sequence[str]) -> bool:
    return flag.startswith("no-") and len(flags) > 1 and any(not one.startswith("no-") for one in flags)


def _split(rest: str) -> tuple[str, str, str]:
    """What follows the spellings in the first line: the argument (a single space before it), a gap, and the text."""
    if rest.startswith("  ") or not rest.strip():
        return "", "", rest.strip()
    gap = _GAP.search(rest)
    if gap is None:
        return rest.strip(), "", ""
    return rest[: gap.start()].strip(), gap[0], rest[gap.end() :].strip()


def _main_name(names: Sequence[str], text: str) -> str:
    """The name that its environment variable bears; else the longest."""
    if match := _ENVIRONMENT.search(text):
        wanted = match["name"].lower().replace("_", "-")
        if wanted in names:
            return wanted
    return max(names, key=len)


def _default(text: str) -> str | None:
    match = _DEFAULT.search(text.replace("\n", " "))
    if match is None:
        return None
    value = match["value"].strip().strip("'\"")
    return value or None


def _choices(argument: str, text: str) -> tuple[str, ...]:
    listed = _BRACES.match(argument)
    if listed and ".." not in argument:
        return tuple(part for part in re.split(r"[|,]", listed["list"]) if part)
    if match := _ALLOWED.search(text):
        return tuple(part.strip() for part in match["list"].split(",") if part.strip())
    return ()
