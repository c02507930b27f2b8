from __future__ import annotations

from pathlib import Path

import pytest

from fakes.engines import EMBEDDED, LLAMA_SERVER
from model_switcher.domain.catalog import Model
from model_switcher.domain.engines import EngineBinary, EngineFacts
from model_switcher.domain.launch import Option
from model_switcher.engine.needs.oracle import question
from model_switcher.engine.needs.setup import Engine, Setup, files_of, setup

MODEL = Model(
    id="a", name="A", path="/a.gguf", files=("/a.gguf",), size=1, architecture="llama", block_count=32,
    context_length=8192, projector="/mmproj.gguf",
)  # fmt: skip
FLAGS = frozenset({"--fit", "--fit-target", "--fit-ctx", "--log-verbosity", "--override-kv"})


def engine(*devices: str, binary: EngineBinary = LLAMA_SERVER, flags: frozenset[str] = FLAGS) -> Engine:
    return Engine(binary=binary, facts=EngineFacts(version="b1", devices=devices, flags=flags))


def made(*devices: str, **options: Option) -> Setup:
    return setup(MODEL, engine(*devices), {name.replace("_", "-"): value for name, value in options.items()})


@pytest.mark.parametrize(
    "options",
    [
        {"ctx_size": 4096},
        {"n_gpu_layers": 20},
        {"fit": "off"},
        {"threads": 4},
        {"temp": 0.7},
        {"no_webui": True},
        {"webui": False},
        {"log_verbosity": 4},
        {"chat_template_file": "x"},
        {"jinja": True},
    ],
)
def test_options_that_say_nothing_about_memory_do_not_matter(options: dict[str, Option]) -> None:
    assert made("CUDA0: RTX", **options).key == made("CUDA0: RTX").key


@pytest.mark.parametrize(
    "options",
    [
        {"cache_type_k": "q8_0"},
        {"parallel": 2},
        {"ubatch_size": 1024},
        {"override_tensor": "exps=CPU"},
        {"model_draft": "/draft.gguf"},
        {"an_option_of_next_year": 1},
    ],
)
def test_all_others_do(options: dict[str, Option]) -> None:
    assert made("CUDA0: RTX", **options).key != made("CUDA0: RTX").key


def test_the_engine_and_its_gpus_matter() -> None:
    first = made("CUDA0: RTX")
    assert (first.key.engine, first.key.gpus) == ("llama-server b1", "CUDA0: RTX")
    assert made("Vulkan0: RTX").key != first.key


def test_what_is_no_gpu_is_none() -> None:
    assert made("BLAS: Accelerate").gpus == ()
    assert made("CUDA0: RTX", device="none").gpus == ()
    assert made("CUDA0: RTX", device="CUDA0").gpus == ("CUDA0: RTX",)


def test_without_an_engine_the_gpus_of_the_machine_count() -> None:
    found = setup(MODEL, None, {}, gpus=("RTX",))
    assert (found.gpus, found.key.engine, found.can_be_asked) == (("RTX",), "", False)


@pytest.mark.parametrize(("layers", "meant"), [(None, None), (99, None), (33, None), (32, 32), (0, 0)])
def test_more_layers_than_there_are_mean_all(layers: int | None, meant: int | None) -> None:
    options = {} if layers is None else {"n_gpu_layers": layers}
    assert made("CUDA0: RTX", **options).layers == meant
    assert made(**options).layers == 0, "without a GPU there are none on it"


def test_an_engine_without_the_needed_options_is_not_asked() -> None:
    assert setup(MODEL, engine(), {}).can_be_asked
    assert not setup(MODEL, engine(flags=FLAGS - {"--fit-target"}), {}).can_be_asked
    assert not setup(MODEL, engine(flags=FLAGS - {"--override-kv"}), {}).can_be_asked
    embedded = engine(binary=EMBEDDED, flags=FLAGS - {"--override-kv"})
    assert setup(MODEL, embedded, {}).can_be_asked


def test_a_question_never_lets_the_load_begin() -> None:
    options: dict[str, Option] = {
        "ctx-size": 4096, "fit": "off", "verbose": True, "log-file": "x", "n-gpu-layers": 20,
        "override-kv": "a=int:1",
    }  # fmt: skip
    line = question(LLAMA_SERVER, MODEL, options, ctx_size=16384)
    told = {word: line[number + 1] for number, word in enumerate(line[:-1]) if word.startswith("--")}
    assert told["--override-kv"] == "a=int:1,llama.context_length=int:16384"
    assert told["--fit"] == "on"
    assert int(told["--fit-target"]) >= 1 << 20
    assert int(told["--fit-ctx"]) < 16384
    assert (told["--n-gpu-layers"], told["--mmproj"], told["--log-verbosity"]) == ("20", "/mmproj.gguf", "4")
    assert not {"--ctx-size", "--verbose", "--log-file"} & set(line)
    assert "--ctx-size" in question(EMBEDDED, MODEL, options, ctx_size=16384)


def test_a_file_that_was_changed_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(b"1")
    model = Model(id="a", name="A", path=str(file), files=(str(file),), size=1)
    before = files_of(model)
    assert files_of(model) == before
    file.write_bytes(b"12")
    assert files_of(model) != before
    file.unlink()
    assert "-1" in files_of(model)
