"""Changes to a header that keep the rest of it readable, so that what comes after the change is reached too."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from fuzz.parts import ARRAY, SIZES, STRING, Key, TensorEntry, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from fuzz.parts import Parts

NUMBERS = (
    *(0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 65, 79, 80, 81, 127, 255, 256, 257, 1024, 4095, 4096, 4097, 65_535, 65_536),
    *(2**20, 2**20 + 1, 2**21, 2**21 + 1, 2**28, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**60, 2**62),
    *(2**63 - 1, 2**63, 2**64 - 8, 2**64 - 1),
)  # fmt: skip
NAMES = (
    *(b"general.architecture", b"general.alignment", b"general.name", b"general.file_type", b"split.count"),
    *(
        b"llama.context_length",
        b"llama.block_count",
        b"llama.attention.head_count",
        b"llama.attention.head_count_kv",
        b"llama.expert_count",
        b"llama.expert_used_count",
        b"llama.pooling_type",
        b"clip.vision.projection_dim",
        b"clip.has_vision_encoder",
        b"general.type",
        b"general.languages",
        b"general.license",
        b"general.base_model.0.repo_url",
        b"adapter.type",
        b"split.no",
        b"tokenizer.chat_template",
        b"tokenizer.ggml.tokens",
        b"general.tags",
        b"",
        b"\xff\xfe",
    ),
)
TYPES = (0, 1, 2, 8, 12, 14, 4, 39, 40, 137, 511, 512, 999, 2**32 - 1)


def mutate(data: bytes, random: Random, limit: int = 1 << 16) -> bytes:
    """A changed file of at most `limit` bytes, the same for the same state of `random`."""
    parts, _ = parse(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
        random.choice(_CHANGES)(parts, random)
    out = parts.encode()
    if random.random() < 0.1:
        out = _raw(out, random)
    return out[:limit]


def _number(random: Random) -> int:
    value = (
        random.choice(NUMBERS) if random.random() < 0.8 else random.getrandbits(random.choice((4, 8, 16, 64)))
    )
    return (value + random.choice((0, 0, 0, 1, -1))) % 2**64


def _raw(data: bytes, random: Random) -> bytes:
    changed = bytearray(data or b"\0")
    at = random.randrange(len(changed))
    match random.randrange(4):
        case 0:
            changed[at] = random.getrandbits(8)
        case 1:
            changed[at : at + 8] = struct.pack("<Q", _number(random))
        case 2:
            del changed[at:]
        case _:
            del changed[at : at + random.randrange(1, 9)]
    return bytes(changed)


def _scalar(parts: Parts, random: Random, kind: int) -> bytes:
    return _number(random).to_bytes(8, "little" if parts.order == "<" else "big")[: SIZES[kind]]


def _array(parts: Parts, random: Random) -> bytes:
    kind = random.choice((STRING, *SIZES))
    count = random.choice((0, 1, 2, 63, 64, 65, 128, 200, 256, 257, 300))
    if kind == STRING:
        longest = random.choice((0, 1, 8, 79, 80, 81, 300, 1100))
        body = b"".join(parts.text(random.randbytes(random.randint(0, longest))) for _ in range(count))
    else:
        body = random.randbytes(count * SIZES[kind])
    said = _number(random) if random.random() < 0.1 else count
    return struct.pack(f"{parts.order}IQ", kind, said) + body


def _value(parts: Parts, random: Random) -> tuple[int, bytes]:
    kind = random.choice((STRING, ARRAY, ARRAY, *SIZES))
    if kind == STRING:
        data = random.choice((b"llama", b"clip", b"mmproj", b"tool_call", b"", b"\xff", b"x" * 300))
        said = _number(random) if random.random() < 0.1 else len(data)
        return kind, struct.pack(f"{parts.order}Q", said) + data
    return kind, _array(parts, random) if kind == ARRAY else _scalar(parts, random, kind)


def _add_key(parts: Parts, random: Random) -> None:
    name = random.choice(NAMES) if random.random() < 0.6 else b"k%d" % random.getrandbits(12)
    parts.keys.insert(random.randint(0, len(parts.keys)), Key(name, *_value(parts, random)))


def _change_key(parts: Parts, random: Random) -> None:
    if not parts.keys:
        _add_key(parts, random)
        return
    key = random.choice(parts.keys)
    match random.randrange(5):
        case 0:
            key.name = random.choice((*NAMES, key.name * 2, key.name[:-1]))
        case 1:
            key.kind = random.choice((*range(15), 77, 2**32 - 1))
        case 2:
            key.kind, key.value = _value(parts, random)
        case 3 if len(key.value) >= 8:
            at = random.choice((0, 4)) if key.kind == ARRAY else 0
            key.value = key.value[:at] + struct.pack(f"{parts.order}Q", _number(random)) + key.value[at + 8 :]
        case _:
            parts.keys.remove(key)


def _copy_key(parts: Parts, random: Random) -> None:
    if parts.keys:
        old = random.choice(parts.keys)
        name = old.name if random.random() < 0.3 else old.name + b"%d" % random.getrandbits(8)
        parts.keys.append(Key(name, old.kind, old.value))


def _add_tensors(parts: Parts, random: Random) -> None:
    for _ in range(random.choice((1, 1, 2, 20))):
        shape = [
            random.choice((0, 1, 32, 64, 256, 4096, _number(random))) for _ in range(random.randint(0, 4))
        ]
        name = random.choice((b"blk.%d", b"blk.%d.ffn_up_exps.weight", b"v%d")) % random.getrandbits(10)
        parts.tensors.append(TensorEntry(name, shape, random.choice(TYPES), 32 * random.randrange(9)))


def _change_tensor(parts: Parts, random: Random) -> None:
    if not parts.tensors:
        _add_tensors(parts, random)
        return
    tensor = random.choice(parts.tensors)
    match random.randrange(5):
        case 0:
            tensor.name = random.choice((b"", b"t", tensor.name, b"n" * 255, b"n" * 256, b"\xff"))
        case 1:
            tensor.shape = [_number(random) for _ in range(random.choice((0, 1, 2, 4, 5)))]
        case 2:
            tensor.kind = random.choice(TYPES)
        case 3:
            tensor.offset = _number(random)
        case _:
            parts.tensors.remove(tensor)


def _small_whole_tensors(parts: Parts, random: Random) -> None:
    """A tensor table that is right, with its weights: what comes after such a table is reached."""
    parts.tensors = [
        TensorEntry(b"t%d" % number, [random.choice((8, 32))], random.choice((0, 0, 137)), 128 * number)
        for number in range(random.randint(0, 6))
    ]
    parts.rest = bytes(32 + 128 * len(parts.tensors))


def _change_counts(parts: Parts, random: Random) -> None:
    extra = random.choice((-1, 1, 2, _number(random)))
    if random.random() < 0.5:
        parts.more_keys = extra
    else:
        parts.more_tensors = extra


def _true_counts(parts: Parts, _: Random) -> None:
    parts.more_keys = parts.more_tensors = 0


def _change_version(parts: Parts, random: Random) -> None:
    parts.version = random.choice((2, 3, 3, 3, 1, 0, 4, 2**16, _number(random)))
    if random.random() < 0.3:
        parts.order = random.choice("<>")


def _change_rest(parts: Parts, random: Random) -> None:
    parts.rest = random.choice(
        (b"", parts.rest[:-1], bytes(random.choice((1, 31, 32, 256, 4096))), parts.rest * 2)
    )


_CHANGES: tuple[Callable[[Parts, Random], None], ...] = (
    *(_add_key, _add_key, _change_key, _change_key, _change_key, _copy_key),
    *(_add_tensors, _change_tensor, _change_tensor, _small_whole_tensors, _small_whole_tensors),
    *(_change_counts, _true_counts, _true_counts, _change_version, _change_rest),
)
