"""What settings a TOML document means, and what is said about a wrong one."""

from __future__ import annotations

import dataclasses
import math
import tomllib

import pytest

from model_switcher.domain.settings import (
    DesktopSettings,
    MemorySettings,
    ModelSettings,
    ServerSettings,
    Settings,
)
from model_switcher.domain.settings_form import exposure, parse
from model_switcher.domain.settings_rules import MODEL_RULES, RULES, Rule
from model_switcher.domain.units import GIB, MIB

EVERYTHING = """
model-folders = ["D:/models", '~/more']
stores = []
default-model = "nemotron"
start-server = "on first request"

[server]
host = "0.0.0.0"
port = 9000
api-keys = ["a", "b"]
allowed-origins = ["http://192.168.1.5:3000/"]
engine = "embedded"
unknown-model = "error"
hold-timeout = "2 min"
hold-limit = 8
hold-bytes = "1 GiB"
drain-timeout = 1.5
starvation-bound = 20
return-after = "never"
lease-limit = "2 h"

[memory]
keep-resident = "one at a time"
margin = 1024
unload-after-idle = "10 min"
warm-up = false

[desktop]
start-at-login = true
notifications = ["switched"]
theme = "dark"

[launch]
ctx-size = 16384
n-gpu-layers = "auto"
rope-scale = 0.5
flash-attn = true

[models."phinance"]
alias = "finance"
pinned = true
engine = "D:/llama-vulkan/llama-server.exe"
port = 8081
ctx-size = 8192
"""


def messages(text: str) -> list[str]:
    return [problem.message for problem in parse(tomllib.loads(text))[1]]


def test_every_key_reaches_its_field() -> None:
    settings, problems = parse(tomllib.loads(EVERYTHING))
    assert problems == []
    assert settings == Settings(
        model_folders=("D:/models", "~/more"),
        stores=(),
        default_model="nemotron",
        start_server="on first request",
        server=ServerSettings(
            host="0.0.0.0",
            port=9000,
            api_keys=("a", "b"),
            allowed_origins=("http://192.168.1.5:3000",),
            engine="embedded",
            unknown_model="error",
            hold_timeout=120.0,
            hold_limit=8,
            hold_bytes=GIB,
            drain_timeout=1.5,
            starvation_bound=20.0,
            return_after=math.inf,
            lease_limit=7200.0,
        ),
        memory=MemorySettings(
            keep_resident="one at a time", margin=1024, unload_after_idle=600.0, warm_up=False
        ),
        desktop=DesktopSettings(start_at_login=True, notifications=("switched",), theme="dark"),
        launch={"ctx-size": 16384, "n-gpu-layers": "auto", "rope-scale": 0.5, "flash-attn": True},
        models={
            "phinance": ModelSettings(
                alias=("finance",),
                pinned=True,
                engine="D:/llama-vulkan/llama-server.exe",
                port=8081,
                launch={"ctx-size": 8192},
            )
        },
    )


def test_an_empty_document_gives_the_defaults() -> None:
    assert parse({}) == (Settings(), [])


def test_the_table_of_rules_has_exactly_the_fields_of_the_settings() -> None:
    tables = {"": Settings, "server": ServerSettings, "memory": MemorySettings, "desktop": DesktopSettings}
    for table, kind in tables.items():
        fields = {field.name for field in dataclasses.fields(kind)}
        assert {rule.field for rule in RULES if rule.table == table} == fields - {*tables, "launch", "models"}
    assert {rule.field for rule in MODEL_RULES} == {
        field.name for field in dataclasses.fields(ModelSettings)
    } - {"launch"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.table}.{rule.key}")
def test_every_default_can_be_written_and_read_back(rule: Rule) -> None:
    owner = getattr(Settings(), rule.table) if rule.table else Settings()
    default = getattr(owner, rule.field)
    given = rule.kind.read(rule.kind.write(default)) if default is not None else default
    assert given == default


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nport = 80800", "[server] port: 80800 is not a port between 1 and 65535"),
        ("[server]\nport = true", "[server] port: true is not a port between 1 and 65535"),
        ('[server]\nport = "9000"', '[server] port: "9000" is a text; write 9000 without quotes'),
        ('[memory]\nwarm-up = "true"', '[memory] warm-up: "true" is a text; write true without quotes'),
        ("[memory]\nwarm-up = 1", "[memory] warm-up: 1 is not true or false"),
        ("[memory]\nmargin = -1", '[memory] margin: -1 is not a size such as "768 MiB"'),
        ("[memory]\nmargin = 1.5", '[memory] margin: 1.5 is not a size such as "768 MiB"'),
        ('[memory]\nmargin = "much"', "[memory] margin: 'much' is not a size such as '768 MiB' or '2 GiB'"),
        (
            "[server]\nhold-timeout = nan",
            '[server] hold-timeout: nan is not a duration such as "10 s", "5 min" or "never"',
        ),
        (
            '[server]\nhost = "http://127.0.0.1:8080"',
            (
                '[server] host: "http://127.0.0.1:8080" is not an IP address or the name of a computer, '
                "without http:// and port"
            ),
        ),
        (
            '[server]\nallowed-origins = ["*"]',
            '[server] allowed-origins: ["*"] is not a list of origins such as "http://192.168.1.5:3000"',
        ),
        ("default-model = 5", "default-model: 5 is not a text"),
        ("model-folders = [1]", "model-folders: [1] is not a folder or a list of folders"),
        (
            'stores = ["olama"]',
            (
                'stores: "olama" is not "huggingface", "llama.cpp", "lm-studio", "ollama", "jan", "gpt4all", '
                '"text-generation-webui" or "koboldcpp"; did you mean "ollama"?'
            ),
        ),
        ("[desktop]\ntheme = 5", '[desktop] theme: 5 is not "system", "light" or "dark"'),
        ("server = 5", "server is a table: write [server] on a line of its own, its keys below it"),
        ("[[models]]", 'models is a table: write [models."NAME"] on a line of its own, its keys below it'),
    ],
)
def test_a_wrong_value_says_what_would_be_right(text: str, message: str) -> None:
    assert messages(text) == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_folders = []", "model_folders: there is no such key; did you mean model-folders?"),
        ("[server]\nprot = 1", "[server] prot: there is no such key; did you mean port?"),
        ("port = 1", "port: this key belongs in [server]"),
        ("[server]\nstores = []", "[server] stores: this key belongs above the first table"),
        ("[sever]\nport = 1", "sever: there is no such table; did you mean [server]?"),
        (
            "[desktop]\nctx-size = 1",
            (
                "[desktop] ctx-size: there is no such key here (options of llama-server belong in [launch]); "
                "there are start-at-login, notifications, theme"
            ),
        ),
    ],
)
def test_an_unknown_key_names_the_nearest_or_the_right_place(text: str, message: str) -> None:
    assert messages(text) == [message]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("--ctx-size", "[launch] --ctx-size: write ctx-size"),
        ("n_gpu_layers", "[launch] n_gpu_layers: write n-gpu-layers"),
        ("Ctx Size", "[launch] Ctx Size: write ctx-size"),
        (
            "ctx-size=5",
            "[launch] ctx-size=5: this is not the name of an option of llama-server, such as ctx-size",
        ),
        ("--model", "[launch] --model: this cannot be set here, because the program chooses the model"),
        (
            "log_disable",
            (
                "[launch] log_disable: this cannot be set here, because the program reads the log to tell why "
                "a model fails"
            ),
        ),
    ],
)
def test_a_launch_option_is_spelled_as_llama_server_does_and_not_one_of_ours(name: str, message: str) -> None:
    settings, problems = parse({"launch": {name: 5}})
    assert [problem.message for problem in problems] == [message]
    assert settings.launch == {}


def test_a_launch_option_has_one_plain_value() -> None:
    assert messages("[launch]\nlora = [1]") == ["[launch] lora: [1] is not a text, a number, true or false"]


def test_a_model_may_not_set_what_the_program_sets() -> None:
    assert messages('[models."a"]\nhost = "x"')[0].startswith('[models."a"] host: this cannot be set here')


def test_a_model_name_with_a_dot_needs_quotes() -> None:
    assert messages("[models.phi-3.5]\nctx-size = 1") == [
        '[models."phi-3"] 5: put the name of a model in quotes if it has a dot: [models."phi-3.5"]'
    ]


def test_a_key_right_below_models_belongs_to_no_model() -> None:
    assert messages("[models]\npinned = true") == [
        '[models] pinned: this belongs to one model, in a table [models."NAME"]'
    ]


def test_a_windows_path_between_double_quotes_is_noticed() -> None:
    message = messages('model-folders = ["D:\\temp\\new"]')[0]
    assert "write / instead of \\" in message


def test_all_problems_are_told_at_once_and_the_rest_is_kept() -> None:
    settings, problems = parse(
        tomllib.loads('[server]\nport = 0\nhold-limit = 5\n[memory]\nmargin = "1 GiB"\nwarmup = 1\n')
    )
    assert [problem.key for problem in problems] == ["server.port", "memory.warmup"]
    assert (settings.server.port, settings.server.hold_limit, settings.memory.margin) == (8080, 5, GIB)
    assert settings.memory.margin > 768 * MIB


def test_listening_beyond_loopback_needs_a_key() -> None:
    settings, problems = parse({"server": {"host": "0.0.0.0"}})
    assert [problem.key for problem in problems] == ["server.host"]
    assert settings.server.host == "127.0.0.1"
    assert parse({"server": {"host": "0.0.0.0", "api-keys": ["k"]}})[1] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.2"])
def test_loopback_needs_no_key(host: str) -> None:
    settings, problems = parse({"server": {"host": host}})
    assert problems == []
    assert exposure(settings.server) is None


def test_a_key_never_appears_in_a_message() -> None:
    message = messages('[server]\napi-keys = ["s3cret", 5]')[0]
    assert message == "[server] api-keys: the value is not a text or a list of texts"


def test_two_addresses_do_not_share_a_port() -> None:
    settings, problems = parse({"models": {"a": {"port": 8080}, "b": {"port": 8081}, "c": {"port": 8081}}})
    assert [problem.message for problem in problems] == [
        '[models."a"] port: 8080 is the port of [server] already',
        '[models."c"] port: 8081 is the port of [models."b"] already',
    ]
    assert [model.port for model in settings.models.values()] == [None, 8081, None]
