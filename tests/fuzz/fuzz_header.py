"""Coverage-guided fuzzing of the GGUF reader, and of what the catalog makes of headers, with Atheris (extra `fuzz`).

    PYTHONPATH=tests python tests/fuzz/fuzz_header.py [--seconds 60] [--runs N] [--corpus FOLDER] [--keep FOLDER]

Prints executions, edges and features reached, and ends with 1 if it found something: an input that makes the reader
raise what it should not, see something else than an independent parser, or take over 1 s or 50 MiB. Such an input is
written to the folder given with `--keep` (without it, to the current folder) and is read again with `--replay FILE`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from random import Random

_MAX_LENGTH = 1 << 15
# A reader that hangs is stopped by libFuzzer, one that is only slow is found by the target, by the processor's time.
_HANG_SECONDS = 60
_STATUS = re.compile(r"^#(\d+)\s.*\bcov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
_OWN_SHARE = 0.75  # the rest of the changes are libFuzzer's


def fuzz(folder: Path, arguments: list[str]) -> None:
    """Runs in a process of its own. libFuzzer ends it without Python's clearing up, so its folder is the parent's."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    with atheris.instrument_imports(include=["model_switcher.engine.gguf", "model_switcher.engine.catalog"]):
        from fuzz.mutate import mutate
        from fuzz.target import Target

    target = Target(folder)

    def run(data: bytes) -> None:
        target.run(data)
        if target.executions % 100_000 == 0:
            report()

    def change(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311 - to be repeatable
        if random.random() > _OWN_SHARE:
            return bytes(atheris.Mutate(data, max_size))
        first = data[:1] if data else b"\0"
        if random.random() < 0.1:
            first = bytes([random.choice((0, 0, 0x80, 10, 20, 28, 30, 40))])
        return first + mutate(data[1:], random, max_size - 1)

    def report() -> None:
        print(
            f"{target.executions} executions, {target.accepted} accepted, slowest {target.slowest * 1000:.0f} ms, "
            f"most memory {target.most_memory / 1024**2:.0f} MiB",
            flush=True,
        )

    atheris.Setup(arguments, run, custom_mutator=change)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument(
        "--runs", type=int, default=-1, help="executions; as many as there is time for by default"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="a folder of models whose headers to begin with")
    parser.add_argument(
        "--keep", type=Path, default=Path(), help="where to write an input that was a finding"
    )
    parser.add_argument("--replay", type=Path, help="run this one input")
    options = parser.parse_args()
    if options.replay:
        return replay(options.replay)
    from fuzz.target import memory_folder

    with memory_folder() as folder:
        beginnings = Path(folder, "seeds")
        write_seeds(beginnings, options.corpus)
        options.keep.mkdir(parents=True, exist_ok=True)
        command = [
            *(
                sys.executable,
                __file__,
                "--child",
                folder,
                str(beginnings),
                f"-max_total_time={options.seconds}",
            ),
            *(f"-runs={options.runs}", f"-seed={options.seed}", f"-max_len={_MAX_LENGTH}"),
            *(f"-timeout={_HANG_SECONDS}", f"-artifact_prefix={options.keep}/", "-rss_limit_mb=2048"),
        ]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
            assert child.stderr is not None
            seen = forward(child)
    if not seen:
        print("no status line from libFuzzer")
        return 1
    executions, edges, features, inputs = seen[-1]
    print(f"{executions} executions, {edges} edges, {features} features, {inputs} inputs in the corpus")
    return 1 if child.returncode else 0


def forward(child: subprocess.Popen[str]) -> list[tuple[int, ...]]:
    """Shows what libFuzzer says, without its every new input; returns all its status lines."""
    assert child.stderr is not None
    seen: list[tuple[int, ...]] = []
    for line in child.stderr:
        if match := _STATUS.match(line):
            seen.append(tuple(int(number) for number in match.groups()))
        if not re.match(r"#\d+\s+(NEW|REDUCE|pulse)", line):
            print(line, end="", flush=True)
    return seen


def write_seeds(folder: Path, corpus: Path | None) -> None:
    from fuzz.seeds import seeds

    folder.mkdir()
    for number, data in enumerate(seeds(corpus)):
        (folder / f"seed-{number:04}").write_bytes(data)


def replay(path: Path) -> int:
    from fuzz.target import Target

    with Target() as target:
        header = target.run(path.read_bytes())
        print("refused" if header is None else f"accepted, {len(header.tensors)} tensors")
        print(f"{target.slowest * 1000:.0f} ms, {target.most_memory / 1024**2:.1f} MiB")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        fuzz(Path(sys.argv[2]), [sys.argv[0], *sys.argv[3:]])
    raise SystemExit(main())
