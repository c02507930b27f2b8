"""Reading an engine's answers, however they are cut."""

from __future__ import annotations

import pytest

from model_switcher.gateway.http1 import (
    ChunkedBody,
    EndlessBody,
    MalformedAnswerError,
    SizedBody,
    body_of,
    chunk,
    parse_head,
    request_head,
)


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 100])
def test_a_chunked_body_is_the_same_however_it_is_cut(step: int) -> None:
    data = (
        b"5;name=value\r\nhello\r\n"
        + chunk(b"\r\n0\r\n\r\n")
        + chunk(b"x" * 300)
        + b"0\r\nTrailer: a\r\n\r\n!"
    )
    body = ChunkedBody()
    content = b"".join(body.feed(data[at : at + step]) for at in range(0, len(data), step))
    assert content == b"hello\r\n0\r\n\r\n" + b"x" * 300
    assert body.done
    assert body.rest == b"!"


@pytest.mark.parametrize("data", [b"xyz\r\n", b"\r\n", b"-1\r\nx", b"0x5\r\n", b"1_0\r\n", b"1" * 5000])
def test_a_damaged_chunk_size_is_an_error(data: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        ChunkedBody().feed(data)


def test_header_lines_are_kept_as_they_came() -> None:
    head = parse_head(b"HTTP/1.1 200 Very OK\r\nX-ODD:  two  spaces \r\nConnection: x-odd, close\r\nA: \xe4")
    assert (head.status, head.status_line) == (200, b"200 Very OK")
    assert head.get(b"x-odd") == b"two  spaces"
    assert head.end_to_end() == [(b"a", b"A: \xe4")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"ICY 200 OK",
        b"HTTP/1.1 OK",
        b"HTTP/1.1 200 OK\r\nno colon",
        b"HTTP/1.1 200 OK\r\n folded: line",
        b"HTTP/1.1 200 OK\r\nA: b\nInjected: c",
        b"HTTP/1.1 200 OK\r\nA: b\rc",
    ],
)
def test_a_damaged_head_is_an_error(data: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        parse_head(data)


@pytest.mark.parametrize(
    ("head", "method", "kind", "done"),
    [
        (b"200 OK\r\nContent-Length: 3", "GET", SizedBody, False),
        (b"200 OK\r\nContent-Length: 0", "GET", SizedBody, True),
        (b"200 OK\r\nContent-Length: 3", "HEAD", SizedBody, True),
        (b"204 No Content", "POST", SizedBody, True),
        (b"200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked", "GET", ChunkedBody, False),
        (b"200 OK", "GET", EndlessBody, False),
    ],
)
def test_where_a_body_ends_follows_from_the_head(head: bytes, method: str, kind: type, done: bool) -> None:
    body = body_of(parse_head(b"HTTP/1.1 " + head), method)
    assert isinstance(body, kind)
    assert body.done is done


def test_a_request_carries_the_engines_key_and_nothing_meant_for_us() -> None:
    fields = [
        (b"Host", b"localhost:8080"),
        (b"authorization", b"Bearer ours"),
        (b"X-API-Key", b"ours"),
        (b"Connection", b"keep-alive, X-Hop"),
        (b"X-Hop", b"1"),
        (b"TE", b"trailers"),
        (b"Accept", b"a"),
        (b"accept", b"b"),
    ]
    head = request_head(
        "POST", b"/x%2Fy?q=%20", host=b"127.0.0.1:1", key="k", fields=fields, length=0, chunked=False
    )
    assert head == (
        b"POST /x%2Fy?q=%20 HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAuthorization: Bearer k\r\n"
        b"Accept: a\r\naccept: b\r\nVia: 1.1 model-switcher\r\nContent-Length: 0\r\n\r\n"
    )
