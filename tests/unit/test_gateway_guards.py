"""Who may use the gateway: asked over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes.http_engines import ScriptedEngine, sized
from fakes.upstream import CONTROL_KEY, Front, SmallBackend, open_front, passing
from model_switcher.domain.settings import ServerSettings

if TYPE_CHECKING:
    import httpx

KEYS = ServerSettings(api_keys=("first key", "zweiter Schlüssel"))


async def ask(
    front: Front, path: str = "/switcher/state", method: str = "GET", **headers: str
) -> httpx.Response:
    encoded = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return await front.client.request(method, path, headers=encoded)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "LOCALHOST", "[::1]:8080", "[::1]"]
)
async def test_every_name_of_loopback_is_ours(host: str) -> None:
    async with open_front() as front:
        assert (await ask(front, Host=host)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example:8080",
        "192.168.1.5",
        "127.0.0.1.nip.io",
        "a@127.0.0.1",
        "127.0.0.1:x",
        "[::1",
        "",
    ],
)
async def test_another_host_name_is_refused_on_every_route(host: str) -> None:
    async with open_front() as front:
        for path in ("/switcher/state", "/health", "/v1/chat/completions", "/"):
            answer = await ask(front, path, Host=host)
            assert answer.status_code == 403
            assert answer.json()["error"]["code"] == "foreign-caller"


async def test_a_request_without_host_is_refused() -> None:
    async with open_front() as front:
        reader, writer = await front.raw(b"GET /health HTTP/1.0\r\n\r\n")
        assert b" 403 " in await reader.readline()
        writer.close()


async def test_the_configured_host_is_ours() -> None:
    async with open_front(settings=ServerSettings(host="llm.home.arpa")) as front:
        assert (await ask(front, Host="LLM.home.arpa:8080")).status_code == 200
        assert (await ask(front, Host="other.home.arpa:8080")).status_code == 403


async def test_on_all_interfaces_any_address_is_ours_and_still_no_foreign_name() -> None:
    async with open_front(settings=ServerSettings(host="0.0.0.0")) as front:
        assert (await ask(front, Host="192.168.1.5:8080")).status_code == 200
        assert (await ask(front, Host="[fd00::5]:8080")).status_code == 200
        assert (await ask(front, Host="evil.example")).status_code == 403


async def test_our_own_pages_may_read_answers() -> None:
    async with open_front() as front:
        for name in ("127.0.0.1", "localhost", "[::1]"):
            origin = f"http://{name}:{front.port}"
            answer = await ask(front, Origin=origin)
            assert answer.status_code == 200
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost:1",
        "https://localhost:{port}",
        "http://localhost:{port}.evil.example",
    ],
)
async def test_pages_of_other_origins_are_refused(origin: str) -> None:
    async with open_front(settings=ServerSettings(allowed_origins=("null", "https://chat.example"))) as front:
        answer = await ask(front, Origin=origin.replace("{port}", str(front.port)))
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_an_allowed_origin_reads_answers_and_errors() -> None:
    async with open_front(settings=ServerSettings(allowed_origins=("https://chat.example/",))) as front:
        for path, status in (("/switcher/state", 200), ("/switcher/nothing", 404), ("/slots", 503)):
            answer = await ask(front, path, Origin="https://chat.example")
            assert answer.status_code == status
            assert answer.headers["Access-Control-Allow-Origin"] == "https://chat.example"


async def test_a_caller_without_origin_gets_no_cors_headers() -> None:
    async with open_front() as front:
        answer = await ask(front)
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_preflight_is_answered_here_and_never_reaches_an_engine() -> None:
    engine = ScriptedEngine(lambda _, writer: _write(writer, sized(b"")))
    backend = SmallBackend()
    async with engine.run(), open_front(backend, KEYS) as front:
        backend.serve(engine.url)
        asks = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "content-type"}
        origin = f"http://localhost:{front.port}"
        answer = await ask(front, "/v1/chat/completions", "OPTIONS", Origin=origin, **asks)
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Access-Control-Allow-Headers"] == "content-type"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        refused = await ask(front, "/v1/chat/completions", "OPTIONS", Origin="https://evil.example", **asks)
        assert refused.status_code == 403
        assert engine.connections == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer first key"},
        {"Authorization": "bearer zweiter Schlüssel"},
        {"X_Api_Key": "first key"},
        {"Authorization": f"Bearer {CONTROL_KEY}"},
    ],
)
async def test_each_key_opens_every_route(headers: dict[str, str]) -> None:
    async with open_front(settings=KEYS) as front:
        assert (await ask(front, **headers)).status_code == 200
        assert (await ask(front, "/slots", **headers)).status_code == 503


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer first"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic first key"},
        {"X_Api_Key": "\u2603"},
    ],
)
async def test_without_a_right_key_only_the_health_is_told(headers: dict[str, str]) -> None:
    async with open_front(settings=KEYS) as front:
        for path in ("/switcher/state", "/v1/models", "/slots", "/switcher/nothing"):
            answer = await ask(front, path, **headers)
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "wrong-key"
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert (await ask(front, "/health", **headers)).status_code == 503


async def test_keys_are_told_nobody_and_written_nowhere(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    caplog.set_level("DEBUG")
    async with open_front(settings=KEYS) as front:
        monkeypatch.setattr(front.backend, "stop", broken)
        answers = [
            await ask(front, path, method, Authorization=f"Bearer {key}")
            for key in ("first key", CONTROL_KEY, "a wrong key")
            for method, path in (("GET", "/switcher/state"), ("POST", "/switcher/stop"), ("GET", "/slots"))
        ]
        assert {answer.status_code for answer in answers} == {200, 401, 500, 503}
        told = caplog.text + "".join(f"{answer.text} {answer.headers}" for answer in answers)
        assert "The gateway failed on /switcher/stop" in told
        for key in (*KEYS.api_keys, CONTROL_KEY, "a wrong key"):
            assert key not in told


async def _write(writer: object, data: bytes) -> None:
    writer.write(data)  # type: ignore[attr-defined]


async def test_the_pages_of_the_web_interface_need_no_key_and_nothing_else_does_without() -> None:
    async with passing(api_keys=("a key",)) as (front, engine):
        for path in (
            "/",
            "/index.html",
            "/favicon.ico",
            "/_app/immutable/bundle.DTl4v-WL.js",
            "/pwa-64x64.png",
        ):
            assert (await front.client.get(path)).status_code == 200, path
        assert len(engine.received) == 5
        assert (await front.client.post("/", content=b"x")).status_code == 401
        for path in (
            "/slots",
            "/_app/",
            "/_app/%2e%2e/slots",
            "/lora-adapters",
            "/x.png/slots",
            "/switcher/state",
        ):
            assert (await front.client.get(path)).status_code == 401, path
        reader, writer = await front.raw(b"GET /_app/../slots HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")
        writer.close()
        assert len(engine.received) == 5
