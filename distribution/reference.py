"""Writes the pages of docs/ that say what the code says: settings, command line, troubleshooting.

python distribution/reference.py
"""

from __future__ import annotations

import argparse
import inspect
import re
from pathlib import Path

import tomlkit

from model_switcher.cli.main import parser
from model_switcher.domain.advice import ADVICE
from model_switcher.domain.catalog import Reject
from model_switcher.domain.errors import SwitcherError
from model_switcher.domain.launch import RESERVED
from model_switcher.domain.settings import Settings
from model_switcher.domain.settings_rules import MODEL_RULES, RULES, Rule
from model_switcher.domain.states import Cause

DOCS = Path(__file__).resolve().parent.parent / "docs"
NOTE = "<!-- Written by distribution/reference.py: change the code, not this page. -->\n"


def pages() -> dict[str, str]:
    """Each page by its name."""
    return {
        "settings.md": settings(),
        "cli.md": command_line(),
        "troubleshooting.md": troubleshooting(),
    }


def main() -> None:
    """Write them."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, "utf-8")


def settings() -> str:
    """Every key of the settings file."""
    parts = [
        NOTE,
        "# Settings\n",
        (
            "One TOML file in the platform's configuration folder; `model-switcher serve` prints where. The first start writes it"
            " with every key explained. All problems in it are told at once, with the nearest valid name; a broken file is never"
            " overwritten. `--config FILE` makes a separate instance with a file of its own.\n"
        ),
    ]
    for table in dict.fromkeys(rule.table for rule in RULES):
        parts += [f"## {f'[{table}]' if table else 'Above the first table'}\n", _table(table, RULES)]
    parts += [
        "## [launch]\n",
        (
            "Options of llama-server for every model, by their own long names without the dashes: `ctx-size = 16384`."
            " `true` becomes `--name`, `false` becomes `--no-name`. These belong to the program:\n"
        ),
        "\n".join(f"- `{name}`: {reason}" for name, reason in RESERVED.items()) + "\n",
        '## [models."NAME"]\n',
        "The same for one model, by its name, id, alias or file; with these keys besides:\n",
        "| key | expects | what it does |\n|---|---|---|\n"
        + "".join(
            f"| `{rule.key}` | {_cell(rule.kind.expects)} | {_cell(rule.about)} |\n" for rule in MODEL_RULES
        ),
    ]
    return "\n".join(parts)


def command_line() -> str:
    """What `--help` says, of the program and of every verb."""
    top = parser()
    parts = [NOTE, "# Command line\n", _help(top)]
    (verbs,) = (action for action in top._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001 - argparse tells nobody else
    for name, verb in verbs.choices.items():
        parts += [f"## {name}\n", _help(verb)]
    return "\n".join(parts)


def troubleshooting() -> str:
    """Every code that a message can bear."""
    errors = [(kind.code, kind) for kind in SwitcherError.tree() if "code" in vars(kind)]
    parts = [
        NOTE,
        "# Troubleshooting\n",
        (
            "Every message has a code: in the JSON of `--json` and of HTTP errors, in the history, and in the log. Begin with"
            " `model-switcher doctor`: it looks at settings, engines, GPU, address, folders, disks, tray and login entry, and says"
            " what to do. Where a message has a hint of its own, that knows more than this page.\n"
        ),
        "## Errors\n",
        "| code | what it means | HTTP | exit status | what to do |\n|---|---|---|---|---|\n"
        + "".join(
            f"| `{code}` | {_meaning(kind)} | {kind.http_status} | {_exit(kind)} | {_cell(ADVICE[code])} |\n"
            for code, kind in errors
        ),
        "## Files that cannot be served\n",
        _codes(Reject),
        "## Why an engine failed\n",
        _codes(Cause),
    ]
    return "\n".join(parts)


def _table(table: str, rules: tuple[Rule, ...]) -> str:
    whole = Settings()
    values = getattr(whole, table) if table else whole
    rows = []
    for rule in rules:
        if rule.table != table:
            continue
        default = getattr(values, rule.field)
        shown = "" if default is None else f"`{tomlkit.item(rule.kind.write(default)).as_string()}`"
        choices = " \\| ".join(f'`"{choice}"`' for choice in rule.kind.choices)
        rows.append(
            f"| `{rule.key}` | {_cell(shown)} | {choices or _cell(rule.kind.expects)} | {_cell(rule.about)} |\n"
        )
    return "| key | default | expects | what it does |\n|---|---|---|---|\n" + "".join(rows)


def _help(one: argparse.ArgumentParser) -> str:
    one.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=100)  # type: ignore[assignment]
    return f"```\n{one.format_help().strip()}\n```\n"


def _codes(kinds: type[Reject | Cause]) -> str:
    rows = "".join(f"| `{code.value}` | {_cell(ADVICE[code.value])} |\n" for code in kinds)
    return f"| code | what to do |\n|---|---|\n{rows}"


def _meaning(kind: type[SwitcherError]) -> str:
    text = inspect.getdoc(kind) or ""
    return _cell("An error of the program itself." if kind is SwitcherError else " ".join(text.split()))


def _exit(kind: type[SwitcherError]) -> str:
    return "5 or 6" if "switch" in kind.code else str(kind.exit_code)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text)


if __name__ == "__main__":
    main()
