"""The embedded engine's options, set on xllamacpp's real parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from model_switcher.domain.launch import known_flags
from model_switcher.engine.embedded.command_line import CommandLineError, help_text, read
from model_switcher.engine.embedded.option import native
from model_switcher.engine.embedded.options import SECTIONS, use_server_defaults

if TYPE_CHECKING:
    from pathlib import Path

    from model_switcher.engine.embedded.option import Option

ALL = [option for section in SECTIONS.values() for option in section]
WORDS = ("1", "on", "f16", "none", "{}", "auto")


def parameters(*line: str) -> Any:
    params = native().CommonParams()
    use_server_defaults(params)
    read(line).apply(params)
    return params


def accepted(option: Option, folder: Path) -> str:
    if option.spellings[-1] == "--override-tensor":
        return "blk.*=CPU"
    if option.spellings[-1] == "--samplers":
        return "top_k;temperature"
    if option.spellings[-1] == "--chat-template-file":
        (folder / "template").write_text("{{ messages }}")
        return str(folder / "template")
    for word in WORDS:
        try:
            option.parse(word)
        except ValueError:
            continue
        return word
    raise AssertionError(option)


@pytest.mark.parametrize("option", ALL, ids=lambda option: option.spellings[-1])
def test_every_option_can_be_set_in_every_spelling(option: Option, tmp_path: Path) -> None:
    value = [accepted(option, tmp_path)] if option.value else []
    for spelling in (*option.spellings, *option.negative):
        parameters(spelling, *value)


def test_no_spelling_is_used_twice() -> None:
    spellings = [name for option in ALL for name in (*option.spellings, *option.negative)]
    assert len(spellings) == len(set(spellings))


def test_the_help_lists_every_flag_as_llama_server_does() -> None:
    long = {name for option in ALL for name in (*option.spellings, *option.negative) if name.startswith("--")}
    assert known_flags(help_text()) == long | {"--help", "--usage", "--version", "--list-devices"}


def test_values_arrive_where_they_belong() -> None:
    params = parameters(
        *("-m", "x.gguf", "-c", "512", "-ngl", "all", "-np", "2", "-ctk", "q8_0", "-fa", "off", "--no-mmap"),
        *(
            "--alias",
            "demo,~1",
            "--temp",
            "0.5",
            "--seed",
            "-1",
            "--threads-batch",
            "3",
            "--no-repack",
            "-to",
            "9",
        ),
        *("--chat-template-kwargs", '{"enable_thinking": false}', "--tensor-split", "3,1", "--fit", "off"),
        *(
            "--lora",
            "a.gguf,b.gguf",
            "--rope-scale",
            "4",
            "--reranking",
            "--fit-target",
            "512",
            "--no-kv-offload",
        ),
    )
    assert (params.model.path, params.n_ctx, params.n_gpu_layers, params.n_parallel) == ("x.gguf", 512, -2, 2)
    assert params.cache_type_k.name == "GGML_TYPE_Q8_0"
    assert params.flash_attn_type.name == "LLAMA_FLASH_ATTN_TYPE_DISABLED"
    assert params.load_mode.name == "LLAMA_LOAD_MODE_NONE"
    assert params.pooling_type.name == "LLAMA_POOLING_TYPE_RANK"
    assert params.model_alias == {"demo", "~1"}
    assert (params.sampling.temp, params.sampling.seed) == (0.5, 0xFFFFFFFF)
    assert params.sampling.user_sampling_config == 64
    assert params.cpuparams_batch.n_threads == 3
    assert params.timeout_read == params.timeout_write == 9
    assert params.default_template_kwargs == {"enable_thinking": "false"}
    assert params.tensor_split[:3] == [3.0, 1.0, 0.0]
    assert [adapter.path for adapter in params.lora_adapters] == ["a.gguf", "b.gguf"]
    assert params.rope_freq_scale == 0.25
    assert set(params.fit_params_target) == {512 * 1024**2}
    assert params.no_extra_bufts
    assert params.no_kv_offload
    assert params.embedding
    assert not params.fit_params


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("--nonsense",), "invalid argument: --nonsense"),
        (("model.gguf",), "invalid argument: model.gguf"),
        (("--ctx-size",), "expected value for argument: --ctx-size"),
        (("--ctx-size", "many"), "'--ctx-size'.*whole number"),
        (("--temp", "nan"), "'--temp'.*finite"),
        (("--cache-type-k", "q3"), "'--cache-type-k'.*one of f32"),
        (("--flash-attn", "maybe"), "'--flash-attn'.*one of on, off, auto"),
        (("--chat-template-kwargs", "[]"), "JSON object"),
        (("--chat-template-file", "no-such-file"), "cannot be read"),
        (("--rope-scale", "0"), "'--rope-scale'"),
    ],
)
def test_a_wrong_command_line_is_told(line: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandLineError, match=message):
        read(line)
