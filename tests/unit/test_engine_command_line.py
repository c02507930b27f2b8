"""A llama-server's command line as settings."""

from __future__ import annotations

from dataclasses import replace

from model_switcher.domain.command_line import Taken, take
from model_switcher.domain.settings import ModelSettings, ServerSettings, Settings
from model_switcher.engine.embedded.command_line import help_text

USAGE = """\
----- common params -----

-h,    --help, --usage                  print usage and exit
-c,    --ctx-size N                     size of the prompt context (default: 0)
                                        (env: LLAMA_ARG_CTX_SIZE)
-ngl,  --gpu-layers, --n-gpu-layers N   layers in VRAM
                                        (env: LLAMA_ARG_N_GPU_LAYERS)
-fa,   --flash-attn [on|off|auto]       set Flash Attention use
-kvo,  --kv-offload, -nkvo, --no-kv-offload
                                        whether to offload the cache (default: enabled)
                                        (env: LLAMA_ARG_KV_OFFLOAD)
--mmap, --no-mmap                       whether to memory-map the model
                                        (env: LLAMA_ARG_MMAP)
--temp, --temperature N                 temperature
-m,    --model FNAME                    model path
                                        (env: LLAMA_ARG_MODEL)
-hf,   -hfr, --hf-repo <user>/<model>[:quant]
                                        repository
                                        (env: LLAMA_ARG_HF_REPO)
-hft,  --hf-token TOKEN                 token
--lora FNAME                            adapter
--chat-template-file JINJA_TEMPLATE_FILE
                                        template
-a,    --alias STRING                   names
--host HOST                             address
--port PORT                             port
--api-key KEY                           keys
                                        (env: LLAMA_API_KEY)
--log-file FNAME                        log
"""


def taken(*words: str, folder: str = "/home/anna") -> Taken:
    return take(["/opt/llama-server", *words], USAGE, folder)


def test_short_and_long_spellings_become_the_options_own_names() -> None:
    found = taken("-c", "8192", "-ngl", "99", "-fa", "on", "--temp", "0.7")
    assert found.launch == {"ctx-size": 8192, "n-gpu-layers": 99, "flash-attn": "on", "temperature": 0.7}
    assert found.left_out == ()


def test_switches_are_on_or_off() -> None:
    assert taken("--mmap", "-kvo").launch == {"mmap": True, "kv-offload": True}
    assert taken("--no-mmap", "-nkvo").launch == {"mmap": False, "kv-offload": False}


def test_the_last_of_two_counts_and_a_value_may_be_joined() -> None:
    assert taken("-c", "1", "--ctx-size=2").launch == {"ctx-size": 2}


def test_relative_paths_begin_where_it_runs() -> None:
    found = taken("-m", "models/a.gguf", "--lora", "../b.gguf", "--chat-template-file", "/t.jinja")
    assert found.model == "/home/anna/models/a.gguf"
    assert found.own == {"lora": "/home/b.gguf", "chat-template-file": "/t.jinja"}


def test_on_windows_too() -> None:
    found = taken("-m", r"models\a.gguf", folder=r"D:\llama")
    assert found.model == r"D:\llama\models\a.gguf"


def test_what_this_program_does_by_itself_is_no_option() -> None:
    found = taken("--host", "0.0.0.0", "--port", "9090", "--api-key", "k1,k2", "-a", "x, y", "-m", "/a.gguf")
    assert found.launch == {}
    assert (found.host, found.port, found.api_keys, found.aliases) == (
        "0.0.0.0",
        9090,
        ("k1", "k2"),
        ("x", "y"),
    )


def test_what_cannot_be_taken_over_is_told() -> None:
    assert taken("--log-file", "a.log", "--of-a-fork", "-c", "1").left_out == ("--of-a-fork", "--log-file")


def test_the_changes_are_keys_of_the_settings() -> None:
    found = taken("-m", "/m/Qwen.gguf", "-c", "4096", "--lora", "/l.gguf", "-a", "q", "--api-key", "k")
    assert found.changes(Settings(), port=9090) == {
        ("launch", "ctx-size"): 4096,
        ("model-folders",): ["/m"],
        ("default-model",): "/m/Qwen.gguf",
        ("models", "Qwen", "lora"): "/l.gguf",
        ("models", "Qwen", "alias"): ["q"],
        ("server", "port"): 9090,
        ("server", "api-keys"): ["k"],
    }
    assert ("server", "port") not in found.changes(Settings(), port=None)


def test_its_environment_counts_where_the_line_says_nothing() -> None:
    environment = {
        "LLAMA_ARG_CTX_SIZE": "4096",
        "LLAMA_ARG_N_GPU_LAYERS": "99",
        "LLAMA_ARG_MODEL": "models/a.gguf",
        "LLAMA_ARG_NO_MMAP": "1",
        "LLAMA_ARG_KV_OFFLOAD": "off",
        "LLAMA_ARG_UNKNOWN": "1",
        "LLAMA_API_KEY": "k",
        "PATH": "/bin",
    }
    found = take(["/opt/llama-server", "-ngl", "5"], USAGE, "/home/anna", environment)
    assert found.launch == {"ctx-size": 4096, "n-gpu-layers": 5, "mmap": False, "kv-offload": False}
    assert (found.model, found.api_keys, found.left_out) == ("/home/anna/models/a.gguf", ("k",), ())


def test_one_that_downloads_its_model_names_a_repository_and_no_folder() -> None:
    found = taken("-hf", "ggml-org/tiny", "-hft", "secret", "-c", "1")
    assert (found.model, found.downloaded, found.left_out) == (None, True, ())
    assert found.launch == {"ctx-size": 1}
    changes = replace(found, model="/cache/tiny.gguf").changes(Settings(), port=None)
    assert changes["default-model",] == "/cache/tiny.gguf"
    assert ("model-folders",) not in changes


def test_folders_keys_and_aliases_are_added_to_those_that_are_there() -> None:
    there = Settings(
        model_folders=("/other", "/m"),
        server=ServerSettings(api_keys=("old",)),
        models={"Qwen": ModelSettings(alias=("mine", "q"))},
    )
    changes = taken("-m", "/m/Qwen.gguf", "-a", "q,new", "--api-key", "k,old").changes(there, port=None)
    assert changes["model-folders",] == ["/other", "/m"]
    assert changes["models", "Qwen", "alias"] == ["mine", "q", "new"]
    assert changes["server", "api-keys"] == ["old", "k"]


def test_the_embedded_engines_own_help_reads_the_usual_options_too() -> None:
    found = take(["llama-server", "-m", "/a.gguf", "-c", "1", "-b", "512", "--no-mmap"], help_text())
    assert found.model == "/a.gguf"
    assert found.launch["ctx-size"] == 1
    assert found.launch["batch-size"] == 512
    assert found.left_out == ()
