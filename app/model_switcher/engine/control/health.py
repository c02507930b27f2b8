"""Asking an engine over HTTP what it is: for engines that do not report their state on standard output."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import psutil


async def reported_aliases(port: int, key: str) -> frozenset[str] | None:
    """The names that the server on that loopback port answers to; None while it loads or does not answer.

    llama-server answers `/v1/models` with 503 while it loads, and with its aliases once it can serve.
    """
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=2.0, verify=False) as client:  # noqa: S501 - plain HTTP on loopback
            answer = await client.get(
                f"http://127.0.0.1:{port}/v1/models", headers={"Authorization": f"Bearer {key}"}
            )
    except httpx.HTTPError:
        return None
    if answer.status_code != httpx.codes.OK:
        return None
    try:
        entries: list[dict[str, Any]] = answer.json()["data"]
        return frozenset(
            name
            for entry in entries
            for spelled in (entry["id"], *entry.get("aliases", ()))
            for name in str(spelled).split(",")
        )
    except (ValueError, KeyError, TypeError):
        return None


def listening_port(pid: int) -> int | None:
    """The TCP port that a process listens on, as the system says."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.Process(pid).net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr:
                return int(connection.laddr.port)
    return None
