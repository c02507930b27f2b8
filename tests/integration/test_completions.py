"""The completion scripts in the shells that they are for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.instance import write_settings
from model_switcher.cli.completions import script, verbs
from model_switcher.cli.main import parser
from model_switcher.engine.demo_models import write_demo_models

# What each shell is asked: the candidates for a line whose last word is to be completed.
ASK = {
    "bash": (
        'source "$SCRIPT"; COMP_WORDS=($LINE); [ "${LINE: -1}" = " " ] && COMP_WORDS+=(""); '
        'COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _model_switcher; printf "%s\\n" "${COMPREPLY[@]}"'
    ),
    "fish": 'source $SCRIPT; complete -C "$LINE" | string replace -r "\\t.*" ""; true',
    # zsh completes in its line editor alone: what the script would add is caught instead.
    "zsh": (
        "compdef() { :; }; _files() { :; }; _describe() { print -l -- ${(P)2%%:*}; }; "
        'compadd() { shift; print -l -- "$@"; }; source "$SCRIPT"; '
        'words=(${(z)LINE}); [[ "$LINE" == *" " ]] && words+=(""); CURRENT=$#words; _model_switcher'
    ),
}


@pytest.fixture
def shell_environment(tmp_path: Path) -> dict[str, str]:
    """A user with two models, and the program on his path."""
    config = tmp_path / "model-switcher"
    config.mkdir()
    write_settings(config, write_demo_models(tmp_path))
    bin_ = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
    }


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_verbs_options_words_and_models(
    tmp_path: Path, shell_environment: dict[str, str], shell: str
) -> None:
    path = tmp_path / f"completions.{shell}"
    path.write_text(script(shell, parser()))

    def offered(line: str) -> set[str]:
        done = subprocess.run(
            [shell, "-c", ASK[shell]],
            env={**shell_environment, "SCRIPT": str(path), "LINE": line},
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert done.stderr == ""
        return set(done.stdout.split())

    assert {"switch", "status", "doctor"} <= offered("model-switcher ")
    assert {"on", "off", "status"} <= offered("model-switcher autostart ")
    assert "--now" in offered("model-switcher switch --")
    assert {"demo-alder", "demo-birch"} <= offered("model-switcher switch ")


def test_the_script_for_powershell_names_every_verb_and_option() -> None:
    """It could not be run: no PowerShell can be installed from Debian or PyPI."""
    text = script("powershell", parser())
    for verb in verbs(parser()):
        assert f"'{verb.name}' = @(" in text
        assert all(f"'{option}'" in text for option in verb.options)
    assert "@('switch', 'call') -contains $verb" in text
    assert text.count("{") == text.count("}")
