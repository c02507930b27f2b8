"""What passes through the gateway unchanged: to an engine whose bytes the test writes, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from typing import TYPE_CHECKING

from fakes.http_engines import Received, sized, until
from fakes.upstream import open_front, passing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


COMPLETION = "/v1/chat/completions"


async def test_method_target_headers_and_body_arrive_unchanged() -> None:
    async with passing() as (front, engine):
        answer = await front.client.request(
            "PATCH",
            "/some%2Fpath/%C3%BC?a=%20b&c",
            content=b'{"model": "x"}',
            headers={
                "Content-Type": "application/json",
                "X-Own": "1",
                "Authorization": "Bearer mine",
                "X-Api-Key": "mine",
            },
        )
        assert answer.content == b'{"model": "x"}'
        received = engine.received[0]
        assert received.start == b"PATCH /some%2Fpath/%C3%BC?a=%20b&c HTTP/1.1"
        assert received.headers[b"authorization"] == b"Bearer engine key"
        assert received.headers[b"host"] == engine.url.removeprefix("http://").encode()
        assert received.headers[b"x-own"] == b"1"
        assert b"x-api-key" not in received.headers


async def test_an_absolute_target_is_passed_in_origin_form() -> None:
    async with passing() as (front, engine):
        reader, writer = await front.raw(b"GET http://localhost/a%20b?c HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in await reader.readline()
        assert engine.received[0].start == b"GET /a%20b?c HTTP/1.1"
        writer.close()


async def test_headers_of_one_hop_stop_here_in_both_directions() -> None:
    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(
            sized(b"x", b"Connection: x-hop", b"X-Hop: 1", b"Keep-Alive: timeout=5", b"Access-Control-Allow-Origin: *",
                  b"X-Stays:  as it is", b"Server: llama.cpp")
        )  # fmt: skip

    async with passing(answer) as (front, engine):
        reader, writer = await front.raw(
            b"GET /slots HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nTE: trailers\r\n"
            b"Keep-Alive: timeout=5\r\nProxy-Authorization: x\r\nProxy-Connection: keep-alive\r\nTrailer: x\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head == (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Stays:  as it is\r\nServer: llama.cpp\r\n"
            b"X-Model-Switcher-Model: tiny-a\r\n\r\n"
        )
        assert set(engine.received[0].headers) == {b"host", b"authorization", b"via"}
        assert engine.received[0].headers[b"via"] == b"1.1 model-switcher"
        writer.close()


async def test_head_has_the_header_of_the_engine_and_no_body() -> None:
    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Own: 1\r\n\r\n"
        writer.write(head if request.start.startswith(b"HEAD") else head + b"hello")

    async with passing(answer) as (front, engine):
        reader, writer = await front.raw(b"")
        for method, body in ((b"HEAD", b""), (b"GET", b"hello"), (b"HEAD", b"")):
            writer.write(method + b" /slots HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"\r\nContent-Length: 5\r\nX-Own: 1\r\n" in head
            assert await reader.readexactly(len(body)) == body
        assert [received.start.split()[0] for received in engine.received] == [b"HEAD", b"GET", b"HEAD"]
        assert engine.connections == 1
        writer.close()


async def test_options_are_answered_here_with_the_methods_of_the_route() -> None:
    async with passing() as (front, engine):
        for path, methods in (
            (COMPLETION, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            ("/switcher/state", "GET, HEAD, OPTIONS"),
            ("/switcher/select", "POST, OPTIONS"),
            ("/switcher/leases", "POST, OPTIONS"),
            ("/switcher/leases/x", "PUT, DELETE, OPTIONS"),
            ("/v1/models", "GET, HEAD, OPTIONS"),
        ):
            answer = await front.client.options(path)
            assert (answer.status_code, answer.content, answer.headers["Allow"]) == (204, b"", methods)
        assert engine.received == []


async def test_a_compressed_answer_passes_byte_for_byte() -> None:
    page = gzip.compress(b"<html>" * 1000)

    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(sized(page, b"Content-Encoding: gzip", b"Content-Type: text/html"))

    async with passing(answer) as (front, engine):
        async with front.client.stream("GET", "/", headers={"Accept-Encoding": "gzip;q=0.5"}) as reply:
            assert reply.headers["Content-Encoding"] == "gzip"
            assert b"".join([piece async for piece in reply.aiter_raw()]) == page
        assert engine.received[0].headers[b"accept-encoding"] == b"gzip;q=0.5"


async def test_an_answer_without_a_body_passes_and_keeps_the_connection() -> None:
    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        status = b"204 No Content" if b"204" in request.start else b"304 Not Modified"
        writer.write(b"HTTP/1.1 " + status + b"\r\nETag: x\r\n\r\n")

    async with passing(answer) as (front, engine):
        for status in (204, 304, 204):
            reply = await front.client.get(f"/{status}")
            assert (reply.status_code, reply.headers["ETag"], reply.content) == (status, "x", b"")
        assert engine.connections == 1


async def test_a_form_with_an_image_of_tens_of_megabytes_passes_unchanged() -> None:
    image = bytes(range(256)) * 160_000  # 41 MB
    async with passing() as (front, engine):
        request = front.client.build_request(
            "POST", "/v1/audio/transcriptions", data={"language": "de"}, files={"file": ("a", image)}
        )
        sent = await request.aread()
        reply = await front.client.send(request)
        assert reply.content == sent
        assert engine.received[0].headers[b"content-type"] == request.headers["Content-Type"].encode()
        await until(lambda: front.gateway._proxy.held.size == 0)


async def test_both_sides_keep_their_connections() -> None:
    async with passing() as (front, engine):
        reader, writer = await front.raw(b"")
        for _ in range(5):
            writer.write(b"GET /slots HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        assert len(engine.received) == 5
        assert engine.connections == 1
        writer.close()


async def test_it_answers_on_ipv4_and_ipv6() -> None:
    async with passing() as (front, _):
        for host in ("127.0.0.1", "[::1]"):
            assert (await front.client.get(f"http://{host}:{front.port}/slots")).status_code == 200


async def test_an_upload_that_is_no_question_streams_through() -> None:
    data = bytes(range(256)) * 80_000  # 20 MB

    async with passing(hold_bytes=1024) as (front, engine):
        reply = await front.client.post(
            "/upload", content=data, headers={"Content-Type": "application/octet-stream"}
        )
        assert reply.content == data

        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(data), 1_000_000):
                yield data[at : at + 1_000_000]

        reply = await front.client.post(
            "/upload", content=pieces(), headers={"Content-Type": "application/octet-stream"}
        )
        assert reply.content == data
        assert engine.received[1].headers[b"transfer-encoding"] == b"chunked"


async def test_an_engine_may_refuse_an_upload_before_its_end() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        done.set()

    done = asyncio.Event()
    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server, open_front() as front:
        front.backend.serve(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        reader, writer = await front.raw(
            b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nstart"
        )
        assert b" 413 " in await reader.readline()
        writer.close()
        await done.wait()


async def test_a_client_that_waits_for_permission_to_send_gets_it() -> None:
    async with passing() as (front, engine):
        for kind in (b"application/json", b"image/png"):
            reader, writer = await front.raw(
                b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + kind
                + b"\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
            )  # fmt: skip
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"{}")
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"{}"
            assert b"expect" not in engine.received[-1].headers
            writer.close()


async def test_a_client_that_offers_another_protocol_is_served_in_this_one() -> None:
    async with passing() as (front, engine):
        reader, writer = await front.raw(
            b"POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        assert engine.received[0].body == b"{}"
        assert not {b"upgrade", b"http2-settings"} & set(engine.received[0].headers)
        writer.close()
