"""The description of the control routes: complete, and true."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fakes.instance import Instance
from fakes.telling import write_telling_settings
from fakes.upstream import open_front
from model_switcher.gateway.openapi import OPERATIONS

# One never ends, the other ends everything.
LEFT_OUT = ("/switcher/events", "/switcher/quit")
TESTS = Path(__file__).parent.parent
# What is right and yet refused: a lease that is over, a process that does not ask, a panel where there is no desktop.
EXPECTED = """
[[operations]]
include-path = "/switcher/leases/{id}"
checks.positive_data_acceptance.expected-statuses = ["2xx", 410]
[[operations]]
include-path = "/switcher/leases"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 410, 503]
[[operations]]
include-path = "/switcher/show"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400]
"""


async def described() -> tuple[dict[str, Any], dict[str, set[str]]]:
    """The document, and the methods of the routes that there are."""
    async with open_front() as front:
        document = (await front.client.get("/switcher/openapi.json")).json()
        gateway = front.gateway
        there = {path: set(methods) for path, methods in gateway._routes.items()}
        there |= {path: {"GET"} for path in gateway._stream_routes}
        for path in ("/switcher/leases", "/switcher/leases/x"):
            there[path] = set(gateway._lending.methods(path)) - {"OPTIONS"}
        return document, there


async def test_every_control_route_is_described_and_no_other() -> None:
    document, there = await described()
    paths = {
        path.replace("{id}", "x"): {method.upper() for method in methods}
        for path, methods in document["paths"].items()
    }
    assert paths == {path: methods for path, methods in there.items() if path.startswith("/switcher/")}
    assert document["info"]["version"] == "1.2.3"


async def test_what_is_said_is_typed_and_explained() -> None:
    document, _ = await described()
    schemas = document["components"]["schemas"]
    state = schemas["State"]["properties"]
    assert state["leases"]["description"].startswith("Models that programs have borrowed")
    assert "catalog" not in state
    assert state["models"] == {"type": "integer"}
    assert not {"Catalog", "Blueprint"} & set(schemas)
    assert "blueprint" not in schemas["Model"]["properties"]
    assert schemas["SelectBody"]["properties"]["when"]["enum"] == ["idle", "now"]
    names = [each["$ref"].rpartition("/")[2] for each in _references(document)]
    assert set(names) <= set(schemas)
    assert set(schemas) <= set(names), "nothing is described that nobody says"


def _references(value: Any) -> list[dict[str, str]]:
    if isinstance(value, list):
        return [found for inner in value for found in _references(inner)]
    if not isinstance(value, dict):
        return []
    here = [value] if isinstance(value.get("$ref"), str) else []
    return here + [found for inner in value.values() for found in _references(inner)]


async def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(EXPECTED)
    async with Instance(write_telling_settings(tmp_path)) as instance:
        await instance.ready()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "schemathesis.cli", "run", f"{instance.address}/switcher/openapi.json",
            "--max-examples", "5", "--generation-deterministic", "--request-timeout", "60",
            *(word for path in LEFT_OUT for word in ("--exclude-path", path)),
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "fakes.schemathesis_hooks", "PYTHONPATH": str(TESTS)},
        )  # fmt: skip
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        operations = sum(map(len, OPERATIONS.values())) - 1  # it leaves out the document itself
        assert f"{operations - len(LEFT_OUT)} selected / {operations} total" in output.decode()
        assert "The gateway failed" not in instance.said()
        assert (await asyncio.to_thread(instance.state)).held == 0
