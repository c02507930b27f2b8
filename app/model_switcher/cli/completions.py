"""`model-switcher completions SHELL`: a script for the shell, made from the arguments that there are.

Verbs and options are in the script; ids of models are asked for when they are wanted (`list --names`).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = "model-switcher"


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb with its help, its options and the words that may follow it."""

    name: str
    help: str
    options: tuple[str, ...]
    words: tuple[str, ...]
    takes_model: bool


def verbs(parser: argparse.ArgumentParser) -> list[Verb]:
    """The verbs of the command line in their order."""
    (chosen,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001 - argparse tells nobody else
    helps = {str(action.dest): action.help or "" for action in chosen._choices_actions}  # noqa: SLF001 - the same
    return [_verb(name, helps.get(name, ""), sub) for name, sub in chosen.choices.items()]


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """The completion script for "bash", "zsh", "fish" or "powershell"."""
    return _SHELLS[shell](verbs(parser), _options(parser))


def _verb(name: str, about: str, parser: argparse.ArgumentParser) -> Verb:
    plain = [action for action in parser._actions if not action.option_strings]  # noqa: SLF001 - as above
    words = tuple(str(word) for action in plain for word in action.choices or ())
    return Verb(name, about, _options(parser), words, any(action.dest == "model" for action in plain))


def _options(parser: argparse.ArgumentParser) -> tuple[str, ...]:
    return tuple(
        option
        for action in parser._actions  # noqa: SLF001 - as above
        for option in action.option_strings
        if option.startswith("--")
    )


def _bash(known: list[Verb], options: tuple[str, ...]) -> str:
    cases = "\n".join(
        f'        {verb.name}) words="{" ".join((*verb.words, *verb.options))}"{_models(verb)} ;;'
        for verb in known
    )
    return f"""\
# bash completion of {PROGRAM}; in ~/.bashrc: source <({PROGRAM} completions bash)
_model_switcher() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" verb="" words="" models="" word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$word" in {"|".join(verb.name for verb in known)}) verb="$word"; break ;; esac
    done
    case "$verb" in
        "") words="{" ".join((*(verb.name for verb in known), *options))}" ;;
{cases}
    esac
    [ -z "$models" ] || words="$words $({PROGRAM} list --names 2>/dev/null)"
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _model_switcher {PROGRAM}
"""


def _models(verb: Verb) -> str:
    return "; models=1" if verb.takes_model else ""


def _single(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _zsh(known: list[Verb], options: tuple[str, ...]) -> str:
    listed = "\n".join(f"        {_single(f'{verb.name}:{verb.help}')}" for verb in known)
    cases = "\n".join(
        f"        {verb.name}) offered=({' '.join((*verb.words, *verb.options))}){_models(verb)} ;;"
        for verb in known
    )
    return f"""\
#compdef {PROGRAM}
# zsh completion of {PROGRAM}; in ~/.zshrc, after compinit: source <({PROGRAM} completions zsh)
_model_switcher() {{
    local verb="" models="" word
    local -a verbs offered
    verbs=(
{listed}
    )
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        if (( ${{verbs[(I)${{word}}:*]}} )); then verb="$word"; break; fi
    done
    case "$verb" in
        "") _describe verb verbs; offered=({" ".join(options)}) ;;
{cases}
    esac
    [[ -z "$models" ]] || offered+=(${{(f)"$({PROGRAM} list --names 2>/dev/null)"}})
    compadd -- $offered
    _files
}}
compdef _model_switcher {PROGRAM}
"""


def _fish(known: list[Verb], options: tuple[str, ...]) -> str:
    return "\n".join(_fish_lines(known, options)) + "\n"


def _fish_lines(known: list[Verb], options: tuple[str, ...]) -> Iterator[str]:
    yield f"# fish completion of {PROGRAM}: {PROGRAM} completions fish > ~/.config/fish/completions/{PROGRAM}.fish"
    first = "__fish_use_subcommand"
    for option in options:
        yield f"complete -c {PROGRAM} -n {first} -l {option[2:]}"
    for verb in known:
        yield f"complete -c {PROGRAM} -n {first} -f -a {verb.name} -d {_single(verb.help)}"
        here = f"'__fish_seen_subcommand_from {verb.name}'"
        for option in verb.options:
            yield f"complete -c {PROGRAM} -n {here} -l {option[2:]}"
        if verb.words:
            yield f"complete -c {PROGRAM} -n {here} -f -a '{' '.join(verb.words)}'"
        if verb.takes_model:
            yield f"complete -c {PROGRAM} -n {here} -a '({PROGRAM} list --names 2>/dev/null)'"


def _powershell(known: list[Verb], options: tuple[str, ...]) -> str:
    rows = "\n".join(
        f"        {_quoted(verb.name)} = @({', '.join(map(_quoted, (*verb.words, *verb.options)))})"
        for verb in known
    )
    models = ", ".join(_quoted(verb.name) for verb in known if verb.takes_model)
    return f"""\
# PowerShell completion of {PROGRAM}; in $PROFILE: {PROGRAM} completions powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName {PROGRAM} -ScriptBlock {{
    param($current, $line, $position)
    $verbs = [ordered]@{{
{rows}
    }}
    $said = $line.CommandElements | Select-Object -Skip 1 | ForEach-Object {{ "$_" }}
    $verb = $said | Where-Object {{ $verbs.Contains($_) -and $_ -ne $current }} | Select-Object -First 1
    if ($verb) {{
        $words = @($verbs[$verb])
        if (@({models}) -contains $verb) {{ $words += & {PROGRAM} list --names 2>$null }}
    }} else {{
        $words = @($verbs.Keys) + @({", ".join(map(_quoted, options))})
    }}
    $words | Where-Object {{ $_ -like "$current*" }} | ForEach-Object {{
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }}
}}
"""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_SHELLS: dict[str, Callable[[list[Verb], tuple[str, ...]], str]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
    "powershell": _powershell,
}
SHELLS = tuple(_SHELLS)
