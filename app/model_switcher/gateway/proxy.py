"""Passing requests to the models, and their answers back, unchanged and unbuffered."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, web

from model_switcher.domain import wire
from model_switcher.domain.errors import SwitcherError, UpstreamLost, UsageError
from model_switcher.gateway.answers import PassedAnswer, PlainError
from model_switcher.gateway.bodies import Body, HeldBytes, body_is_held, permit_body
from model_switcher.gateway.guards import MODEL_HEADER
from model_switcher.gateway.http1 import LAST_CHUNK, Head, chunk, request_head
from model_switcher.gateway.patience import next_piece, send
from model_switcher.gateway.routing import may_load
from model_switcher.gateway.tally import LEFT, REFUSED, SERVED
from model_switcher.gateway.upstream import ConnectionClosedError, Upstreams, address_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.gateway.backend import Admission, Ticket
    from model_switcher.gateway.routing import Routing
    from model_switcher.gateway.tally import Tally
    from model_switcher.gateway.upstream import Connection

# Seconds between the death of an engine and the moment when the controller has heard of it, in steps.
_UNTIL_NOTICED = (0.02, 0.05, 0.1, 0.2, 0.4)
_JOINED_UP_TO = 64 * 1024


class _UnreachedError(Exception):
    """The engine takes no connection, so nothing of the request was sent."""


class Proxy:
    """Passes requests to the models that they are for, when the gate lets them."""

    def __init__(self, admission: Admission, routing: Routing, tally: Tally, *, hold_bytes: int) -> None:
        self._admission = admission
        self._routing = routing
        self._tally = tally
        self._upstreams = Upstreams()
        self.held = HeldBytes(hold_bytes)
        self.closing = False

    def close(self) -> None:
        """Close every connection to the engines."""
        self._upstreams.close()

    async def forward(self, request: web.BaseRequest, cors: Mapping[str, str]) -> web.StreamResponse:
        """The model's answer, already written to the client.

        Raises:
            SwitcherError: The request was not answered, and nothing was written.
        """
        body = Body(self.held)
        try:
            if request.body_exists:
                if body_is_held(request):
                    await permit_body(request)
                    await body.read(request)
                else:
                    body.data = None
            model = await self._routing.model_of(request, body.data)
            return await self._forward_to(model, request, body, cors)
        finally:
            body.release()

    async def _forward_to(
        self, model: str | None, request: web.BaseRequest, body: Body, cors: Mapping[str, str]
    ) -> web.StreamResponse:
        """The answer of a model. An engine that takes no connection has just died: the next one is waited for."""
        pauses = iter(_UNTIL_NOTICED)
        while True:
            ticket = await self._enter(model, wake=may_load(request))
            try:
                return await self._exchange(request, ticket, body, cors)
            except _UnreachedError as error:
                pause = next(pauses, None)
                if pause is None:
                    raise UpstreamLost(f"The engine of {ticket.model} does not answer") from error
            finally:
                ticket.leave()
            await asyncio.sleep(pause)

    async def _enter(self, model: str | None, *, wake: bool) -> Ticket:
        began, how = time.monotonic(), LEFT
        try:
            ticket = await self._admission.enter(model, wake=wake)
            how = SERVED
        except SwitcherError:
            how = REFUSED
            raise
        finally:
            self._tally.waited(time.monotonic() - began, how)
        return ticket

    async def _exchange(
        self, request: web.BaseRequest, ticket: Ticket, body: Body, cors: Mapping[str, str]
    ) -> web.StreamResponse:
        # A body that streams cannot be sent again, so it gets no connection that may be about to close.
        connection = self._upstreams.take_idle(ticket.url) if body.data is not None else None
        try:
            head = await self._ask_kept(connection, request, ticket, body) if connection is not None else None
            if head is None or connection is None:
                connection = await self._connect(ticket)
                head = await self._ask_fresh(connection, request, ticket, body)
            body.release()
            return await self._pass_on(connection, head, request=request, ticket=ticket, cors=cors)
        finally:
            if connection is not None:
                self._upstreams.give_back(ticket.url, connection)

    async def _ask_kept(
        self, connection: Connection, request: web.BaseRequest, ticket: Ticket, body: Body
    ) -> Head | None:
        """The head of the answer on a kept connection; None if that one was closed before it answered.

        An engine may close an idle connection at the moment we use it. That it closed one that had been used before,
        without a single byte in answer, means that it never read this request (RFC 9112 §9.3.1), so that even a POST
        may be sent again. If it died instead, the fresh connection is refused, and the client is told.
        """
        try:
            return await _ask(connection, request, ticket, body)
        except ConnectionClosedError as error:
            if connection.answered:
                raise _lost(ticket) from error
            return None

    async def _ask_fresh(
        self, connection: Connection, request: web.BaseRequest, ticket: Ticket, body: Body
    ) -> Head:
        try:
            return await _ask(connection, request, ticket, body)
        except ConnectionClosedError as error:
            raise _lost(ticket) from error

    async def _connect(self, ticket: Ticket) -> Connection:
        try:
            return await self._upstreams.connect(ticket.url)
        except OSError as error:  # TimeoutError among them
            raise _UnreachedError from error

    async def _pass_on(
        self,
        connection: Connection,
        head: Head,
        *,
        request: web.BaseRequest,
        ticket: Ticket,
        cors: Mapping[str, str],
    ) -> PassedAnswer:
        chunked = not connection.sized and request.version >= HttpVersion11
        keep_alive = request.keep_alive and (chunked or connection.sized) and not self.closing
        out = _answer_head(
            request, ticket, head, cors, sized=connection.sized, chunked=chunked, keep_alive=keep_alive
        )
        data = connection.take()
        try:
            while True:
                ticket.heard()
                if data:
                    out += chunk(data) if chunked else data
                if connection.complete:
                    await send(request, out + LAST_CHUNK if chunked else out)
                    return PassedAnswer(head.status, keep_alive=keep_alive)
                if out:
                    await send(request, out)
                data, out = await connection.read(), b""
        except ConnectionClosedError:
            await _break_off(request, head, ticket, chunked=chunked)
            return PassedAnswer(head.status, keep_alive=False)


async def _ask(connection: Connection, request: web.BaseRequest, ticket: Ticket, body: Body) -> Head:
    """Send the request; the head of the answer.

    Raises:
        ConnectionClosedError: There is none.
        UsageError: The client's body is damaged.
    """
    host, port = address_of(ticket.url)
    chunked = body.data is None and request.content_length is None
    length = request.content_length if body.data is None or not request.body_exists else len(body.data)
    start = request_head(
        request.method,
        target_of(request).encode(errors="surrogateescape"),
        host=f"{host}:{port}".encode(),
        key=ticket.key,
        fields=request.raw_headers,
        length=length,
        chunked=chunked,
        version="1.1" if request.version >= HttpVersion11 else "1.0",
    )
    if body.data is None:
        connection.send(request.method, start)
        return await _ask_streaming(connection, request, chunked=chunked)
    if len(body.data) <= _JOINED_UP_TO:
        connection.send(request.method, start + body.data)
    else:
        connection.send(request.method, start)
        connection.write(body.data)
    return await connection.head()


async def _ask_streaming(connection: Connection, request: web.BaseRequest, *, chunked: bool) -> Head:
    """Send the body as it comes, and hear the answer meanwhile: an engine may refuse before it has read all."""

    async def pass_body() -> None:
        await permit_body(request)
        while data := await next_piece(request.content):
            connection.write(chunk(data) if chunked else data)
            await connection.drain()
        if chunked:
            connection.write(LAST_CHUNK)

    def sent(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            connection.close()

    sender = asyncio.create_task(pass_body())
    sender.add_done_callback(sent)
    try:
        return await connection.head()
    except ConnectionClosedError:
        error = sender.exception() if sender.done() and not sender.cancelled() else None
        if isinstance(error, web.RequestPayloadError):
            raise UsageError(f"The body of the request is damaged: {error}") from error
        if isinstance(error, PlainError):
            raise error from None
        raise
    finally:
        if not sender.done():
            sender.cancel()
            connection.spoil()


def target_of(request: web.BaseRequest) -> str:
    """The request's path and query as the client wrote them."""
    target = request.raw_path
    if not target.startswith("/"):  # absolute form (RFC 9112 §3.2.2); the guards have looked at `Host`
        target = request.rel_url.raw_path_qs
    return target


def _answer_head(
    request: web.BaseRequest,
    ticket: Ticket,
    head: Head,
    cors: Mapping[str, str],
    *,
    sized: bool,
    chunked: bool,
    keep_alive: bool,
) -> bytes:
    """The engine's header lines as they came, less those for one hop and its CORS, plus ours."""
    lines = [b"HTTP/1.1 " + head.status_line]
    lines += [
        line
        for name, line in head.end_to_end()
        if not name.startswith(b"access-control-") and (sized or name != b"content-length")
    ]
    lines.append(f"{MODEL_HEADER}: {ticket.model}".encode())
    lines += [f"{name}: {value}".encode() for name, value in cors.items()]
    if chunked:
        lines.append(b"Transfer-Encoding: chunked")
    if not keep_alive:
        lines.append(b"Connection: close")
    elif request.version < HttpVersion11:
        lines.append(b"Connection: keep-alive")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _lost(ticket: Ticket) -> UpstreamLost:
    return UpstreamLost(
        f"The engine of {ticket.model} went away before it answered",
        hint="`model-switcher logs` may tell why.",
    )


async def _break_off(request: web.BaseRequest, head: Head, ticket: Ticket, *, chunked: bool) -> None:
    """End an answer that the engine did not finish, so that the client cannot take it for a whole one."""
    if not (head.get(b"content-type") or b"").startswith(b"text/event-stream"):
        if request.transport is not None:
            request.transport.abort()
        return
    error = UpstreamLost(f"The engine of {ticket.model} went away in the middle of its answer")
    # The empty line in front ends the event that was cut.
    event = b"\n\nevent: error\ndata: " + wire.encode(wire.error_body(error)) + b"\n\n"
    await request.writer.write(chunk(event) + LAST_CHUNK if chunked else event)
