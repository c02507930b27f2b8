from __future__ import annotations

import pytest

from model_switcher.engine.process.protocol import Loading, ReportsReady, parse_port, parse_state


def test_progress_counts_every_stage_alike() -> None:
    line = 'cmd_child_to_router:state:{"state":"loading","payload":{"stages":["a","b"],"current":"b","value":0.5}}'
    assert parse_state(line) == Loading(0.75)


def test_ready_brings_all_names() -> None:
    line = 'cmd_child_to_router:state:{"state":"ready","payload":{"id":"m","aliases":["m","~1f"]}}'
    assert parse_state(line) == ReportsReady(frozenset({"m", "~1f"}))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "any log line",
        "cmd_child_to_router:state:",
        "cmd_child_to_router:state:{{",
        "cmd_child_to_router:state:[]",
        'cmd_child_to_router:state:{"state":"ready","payload":7}',
        'cmd_child_to_router:state:{"state":"sleeping","payload":{}}',
        'cmd_child_to_router:state:{"state":"loading","payload":{"value":"much"}}',
    ],
)
def test_anything_else_says_nothing(line: str) -> None:
    assert parse_state(line) is None


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("0.00.244 I srv  llama_server: listening on http://127.0.0.1:44045", 44045),
        ("main: server is listening on http://127.0.0.1:8081 - starting the main loop", 8081),
        ("main: HTTP server is listening, hostname: 127.0.0.1, port: 8082, http threads: 5", 8082),
        ("loading model", None),
    ],
)
def test_the_port_is_read_from_the_log_of_new_and_old_engines(line: str, port: int | None) -> None:
    assert parse_port(line) == port
