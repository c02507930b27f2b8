"""What `--help` says about options, as a table."""

from __future__ import annotations

import subprocess

import pytest

from fakes.engines import ENGINES
from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.launch import known_flags
from model_switcher.domain.option_help import OptionHelp, find, read_help, settable
from model_switcher.engine.binaries.environment import child_environment

HELP = """\
----- common params -----

-h,    --help, --usage                  print usage and exit
-c,    --ctx-size N                     size of the prompt context (default: 0, 0 = loaded from model)
                                        (env: LLAMA_ARG_CTX_SIZE)
-ngl,  --gpu-layers, --n-gpu-layers N   max. number of layers to store in VRAM, either an exact number,
                                        'auto', or 'all' (default: auto)
                                        (env: LLAMA_ARG_N_GPU_LAYERS)
-fa,   --flash-attn [on|off|auto]       set Flash Attention use ('on', 'off', or 'auto', default: 'auto')
-kvo,  --kv-offload, -nkvo, --no-kv-offload
                                        whether to enable KV cache offloading (default: enabled)
-ctk,  --cache-type-k TYPE              KV cache data type for K
                                        allowed values: f32, f16, q8_0
                                        (default: f16)
-dev,  --device <dev1,dev2,..>          comma-separated list of devices
--no-host                               bypass host buffer

----- example-specific params -----

--port PORT                             port to listen (default: 8080)
-to,   --timeout N                      server read/write timeout in seconds (default: 3600)
"""


def test_every_entry_is_read() -> None:
    options = read_help(HELP)
    assert [option.name for option in options] == [
        "usage",
        "ctx-size",
        "n-gpu-layers",
        "flash-attn",
        "kv-offload",
        "cache-type-k",
        "device",
        "no-host",
        "port",
        "timeout",
    ]
    assert options[1] == OptionHelp(
        name="ctx-size",
        names=("ctx-size",),
        argument="N",
        text="size of the prompt context (default: 0, 0 = loaded from model)",
        default="0, 0 = loaded from model",
        section="common params",
    )
    assert options[2].names == ("gpu-layers", "n-gpu-layers")
    assert options[2].default == "auto"
    assert options[3].choices == ("on", "off", "auto")
    assert options[3].default == "auto"
    assert options[4].negative
    assert options[4].argument == ""
    assert options[5].choices == ("f32", "f16", "q8_0")
    assert options[6].choices == ()
    assert options[9].section == "example-specific params"


@pytest.mark.parametrize(
    ("name", "found"),
    [("gpu-layers", "n-gpu-layers"), ("no-kv-offload", "kv-offload"), ("no-host", "no-host"), ("host", None)],
)
def test_an_option_is_found_by_any_of_its_names(name: str, found: str | None) -> None:
    option = find(read_help(HELP), name)
    assert (option.name if option else None) == found


def test_what_prints_or_is_set_by_the_program_is_left_out() -> None:
    names = {option.name for option in settable(read_help(HELP))}
    assert {"usage", "port"}.isdisjoint(names)
    assert {"ctx-size", "timeout"} <= names


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
def test_the_real_engines_explain_every_flag_that_they_know(engine: EngineBinary) -> None:
    usage = subprocess.run(
        [*engine.command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=child_environment(engine, key=""),
    ).stdout
    options = read_help(usage)
    told = {f"--{name}" for option in options for name in option.names}
    assert {flag for flag in known_flags(usage) - told if not flag.startswith("--no-")} == set()
    assert all(option.text or option.argument for option in options)
    context = find(options, "ctx-size")
    assert context is not None
    assert str(context.default).startswith("0")
