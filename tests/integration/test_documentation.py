"""What the documentation says: generated pages are what the code says, every command in it runs, every link leads somewhere."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from pathlib import Path

import pytest

from fakes.engines import LLAMA_SERVER
from fakes.instance import Instance, write_settings
from model_switcher.cli.main import main
from model_switcher.domain.advice import ADVICE
from model_switcher.domain.catalog import Reject
from model_switcher.domain.errors import SwitcherError
from model_switcher.domain.states import Cause
from model_switcher.engine.demo_models import write_demo_models

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]

sys.path.insert(0, str(ROOT / "distribution"))

from reference import DOCS, pages  # noqa: E402 - it lies beside the sources

# What else stands in the documentation, and what runs it.
ELSEWHERE = {
    r"pipx install |uv tool install": "tests/packaging/installs.py, in .ci/full",
    r"python3 -m venv ": "tests/packaging/installs.py, in .ci/full",
    r"python3 tests/run\.py|bash \.ci/": "continuous integration itself",
    r"python distribution/": "test_the_generated_pages_are_what_the_code_says; the benchmarks, in .ci/full",
    r"(PYTHONPATH=\S+ )?(\.venv/bin/)?python\d? (benchmarks|tests)/": "the benchmarks, in .ci/full",
    r"ggml-rpc-server ": "tests/integration/test_rpc.py",
    r"(PYTHONHASHSEED=0 )?pyinstaller ": ".ci/run and .ci/full",
    r"systemctl ": "tests/packaging/installs.py reads the unit; no systemd runs where tests run",
}
# Those that are an instance, or end it: they have tests of their own.
INSTANCES = {"serve", "tray", "demo", "quit", "logs -f", "selftest", ""}
# These go on until Ctrl-C.
ENDLESS = {"-f", "--follow", "--watch"}


def blocks(page: Path) -> list[str]:
    """The lines of all blocks for a shell, without comments."""
    found = re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = "\n".join(found).splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def commands() -> dict[str, list[str]]:
    """Every command of the documentation, with the pages that name it."""
    named: dict[str, list[str]] = {}
    for page in PAGES:
        inline = re.findall(r"(?<!`)`(model-switcher [^`]+)`(?!`)", page.read_text("utf-8"))
        for line in (*blocks(page), *inline):
            named.setdefault(line, []).append(page.name)
    return named


def ours() -> list[str]:
    """Those of this program, as they are run here."""
    return sorted({one for one in commands() if re.match(r"(\.venv/bin/)?model-switcher($| )", one)})


def test_the_generated_pages_are_what_the_code_says() -> None:
    for name, text in pages().items():
        assert (DOCS / name).read_text("utf-8").split() == text.split(), (
            f"python distribution/reference.py writes {name}"
        )


def test_every_code_has_advice_and_no_other() -> None:
    codes = {kind.code for kind in SwitcherError.tree() if "code" in vars(kind)}
    assert set(ADVICE) == codes | {code.value for code in Reject} | {code.value for code in Cause}


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} leads to {target}"


def test_every_command_for_a_shell_is_known_to_be_run_somewhere() -> None:
    mine = set(ours())
    unknown = [
        (line, where)
        for line, where in commands().items()
        if line not in mine and not any(re.match(pattern, line) for pattern in ELSEWHERE)
    ]
    assert unknown == []


async def test_every_command_of_this_program_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    models = write_demo_models(tmp_path)
    settings = write_settings(tmp_path, models, engine=LLAMA_SERVER)
    with settings.open("a") as file:
        file.write("[launch]\ngrammar = 'root ::= [a-z]+'\nn-predict = 2\n")
    places = {"MODEL": "demo-birch", "PROMPT": "Hello", "FILE": str(models[0])}
    async with Instance(settings) as instance:
        await instance.ready()
        ran = 0
        for line in ours():
            words = [places.get(word, word) for word in shlex.split(line)[1:]]
            spoken = " ".join(word for word in words if not word.startswith("-"))
            if "…" in line or spoken.split(" ")[0] in INSTANCES or ENDLESS & set(words):
                continue
            before = ["--config", str(settings)] if words[:1] != ["--config"] else []
            status = await asyncio.to_thread(_run, [*before, *words])
            told = capsys.readouterr()
            # The doctor is right to complain about this machine.
            assert status == 0 or (words[0], status) == ("doctor", 1), f"{line}: {told}"
            ran += 1
        assert ran >= 10


def _run(words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as ended:
        return int(ended.code or 0)
