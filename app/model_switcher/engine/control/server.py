"""One running engine process that holds one model, from start to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from model_switcher.domain.snapshot import ServerView
from model_switcher.domain.states import COMING_UP, ENDED, Failure, ServerState, move
from model_switcher.engine.background import in_background
from model_switcher.engine.binaries.causes import explain, is_doomed
from model_switcher.engine.binaries.environment import child_environment
from model_switcher.engine.binaries.workers import lost_workers
from model_switcher.engine.control import verdicts
from model_switcher.engine.control.deadlines import Deadlines
from model_switcher.engine.control.health import listening_port, reported_aliases
from model_switcher.engine.control.pulse import Signs, hangs
from model_switcher.engine.control.waking import Waking
from model_switcher.engine.log import LogLine, LogRing
from model_switcher.engine.process.child import STDOUT, Child
from model_switcher.engine.process.oom_kills import OomWatch
from model_switcher.engine.process.protocol import ReportsReady, parse_port, parse_state
from model_switcher.engine.process.report import EngineReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.launch import Launch

logger = logging.getLogger(__name__)

SIGKILL = 9  # signal.SIGKILL, which Windows does not have
LONGEST_KEPT = 4096  # of a log line


class Listener(Protocol):
    """Hears of every change of a server, on the loop."""

    def __call__(self, server: Server) -> None: ...


class Server:
    """An engine process and its state. Every change is announced to the listener, after it was made.

    The process must prove to be ours: it reports the random alias of this start, on the pipe that only it has, or
    over HTTP where an older engine has no such report.
    """

    def __init__(
        self,
        launch: Launch,
        *,
        on_change: Listener,
        log: LogRing,
        deadlines: Deadlines | None = None,
        signs: Callable[[], Signs] = Signs,
    ) -> None:
        self.launch = launch
        self.state = ServerState.STARTING
        self.progress: float | None = None
        self.failure: Failure | None = None
        self.port: int | None = None
        self.alias = f"~{secrets.token_hex(4)}"
        self.key = secrets.token_urlsafe(24)
        self.since = time.time()
        self.load_seconds: float | None = None
        self.ready_at: float | None = None
        self._on_change = on_change
        self._log = log
        self._deadlines = deadlines or Deadlines()
        self._signs = signs
        self._child: Child | None = None
        self._aliases: frozenset[str] | None = None
        self._sign_of_life = time.monotonic()
        self._reports = False
        self._doomed = False
        self._oom: OomWatch | None = None
        self._wake = asyncio.Event()
        self._report = EngineReport()
        self._task: asyncio.Task[None] | None = None

    @property
    def model(self) -> str:
        return self.launch.model.id

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def process(self) -> tuple[int, float] | None:
        """`(pid, creation time)` while the process may live."""
        if self._child is None or self.state in ENDED:
            return None
        return self._child.pid, self._child.created

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def view(self, *, in_flight: int, draining: bool) -> ServerView:
        return ServerView(
            model=self.model,
            state=self.state,
            engine=self.launch.engine,
            pid=self.pid,
            port=self.port,
            alias=self.alias,
            progress=self.progress,
            since=self.since,
            in_flight=in_flight,
            draining=draining,
            load_seconds=self.load_seconds,
            tokens_per_second=self._report.speed,
            ctx_size=self._report.ctx_size,
        )

    def start(self) -> None:
        """Begin. The outcome comes to the listener: READY, or FAILED with the cause."""
        self._task = asyncio.create_task(self._live(), name=f"server {self.model}")

    def stop(self) -> None:
        """Ask it to end: in order if it is ready, at once while it loads. STOPPED comes to the listener."""
        if self.state not in ENDED and self.state is not ServerState.STOPPING:
            self._move(ServerState.STOPPING)
            self._wake.set()

    async def wait_ended(self) -> None:
        """Wait until the process is gone."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _live(self) -> None:
        try:
            failure = await self._run()
        except Exception as error:
            # Whatever it is, somebody waits for the end of this server.
            logger.exception("The server of %s failed", self.model)
            failure = verdicts.unexpected(error, self._tail())
            if self._child is not None:
                self._child.kill()
                self._child.close()
        self._finish(failure)

    async def _run(self) -> Failure | None:
        """From the start of the process to its end; why it failed, unless it was told to end."""
        started = time.monotonic()
        if (lost := await lost_workers(self.launch.options)) is not None:
            return lost
        try:
            self._child = child = await Child.spawn(
                self.launch.command(self.alias),
                environment=child_environment(self.launch.binary, key=self.key),
                on_line=self._hear,
            )
        except OSError as error:
            return verdicts.could_not_start(self.launch, error)
        self._oom = OomWatch(child.pid)
        child.exited.add_done_callback(lambda _: self._wake.set())
        self._on_change(self)  # the process is known from here on, to be ended if we are not there to do it
        verdict = await self._come_up(child)
        ready = verdict is None and self.state in COMING_UP and not child.exited.done()
        if ready:
            self.ready_at = time.monotonic()
            self.load_seconds = self.ready_at - started
            self.progress = 1.0
            self._move(ServerState.READY)
            verdict = await self._serve(child)
        if verdict is None and self.state is not ServerState.STOPPING:
            verdict = await self._explain(child, ready=ready)
        stuck = await self._end(child, in_order=ready)
        if verdict is not None and stuck is not None:
            return replace(verdict, hint=f"{stuck.sentence}. {stuck.hint}")
        return verdict or stuck

    async def _come_up(self, child: Child) -> Failure | None:
        """Wait until the engine can serve and has proven to be ours; why not, if it cannot."""
        waking = Waking()
        while self.state in COMING_UP and not child.exited.done():
            self._sign_of_life += waking.missed()
            if self._aliases is None and not self._reports and self.port is not None:
                self._aliases = await reported_aliases(self.port, self.key)
            if self._aliases is not None:
                return await self._verify(child)
            limit = self._deadlines.stall if self._reports else self._deadlines.silent
            if time.monotonic() - self._sign_of_life > limit:
                return verdicts.no_progress(self.launch, limit, self._tail())
            await self._woken(self._deadlines.poll)
        return None

    async def _explain(self, child: Child, *, ready: bool) -> Failure:
        """Why it ended, or will never answer again, by its exit, its log and what the system tells."""
        exit_code = child.exited.result() if child.exited.done() else None
        killed = (
            await in_background(self._oom.killed) if self._oom is not None and exit_code == -SIGKILL else None
        )
        return explain(
            exit_code=exit_code,
            log=self._tail(200),
            model_path=self.launch.model.path,
            was_ready=ready,
            engine=self.launch.engine,
            binary=self.launch.binary,
            oom_killed=killed,
        )

    async def _serve(self, child: Child) -> Failure | None:
        """Wait until it is told to end, or exits; why not, if it hangs."""
        beat = self._deadlines.beat
        pulse = asyncio.create_task(
            hangs(child.pid, self.port or 0, every=beat, patience=beat, signs=self._signs),
            name=f"pulse {self.model}",
        )
        pulse.add_done_callback(lambda _: self._wake.set())
        try:
            while self.state is ServerState.READY and not child.exited.done():
                if self._doomed:
                    return await self._explain(child, ready=True)
                if pulse.done():
                    return verdicts.hangs(self.launch, self._tail())
                await self._woken()
        finally:
            pulse.cancel()
        return None

    async def _verify(self, child: Child) -> Failure | None:
        if self.port is None:
            # The port is a line of another stream than the report: it may be a moment behind.
            await self._woken(self._deadlines.poll)
        if self.port is None:
            self.port = await asyncio.to_thread(listening_port, child.pid)
        if self.alias in (self._aliases or ()) and (self.port is not None or child.exited.done()):
            return None
        return verdicts.another_server(self.port, self._tail())

    async def _end(self, child: Child, *, in_order: bool) -> Failure | None:
        """End the process: by its standard input, by SIGTERM, by the kill of the whole tree, each with a deadline."""
        if self.state in COMING_UP or self.state is ServerState.READY:
            self._move(ServerState.STOPPING)
        if in_order:
            child.close_stdin()
            if await child.wait(self._deadlines.graceful) is None:
                child.terminate()
                await child.wait(self._deadlines.graceful)
        child.kill()
        gone = await child.wait(self._deadlines.kill) is not None
        child.close()
        if gone:
            return None
        return verdicts.wont_stop(self.launch, child.pid, self._tail())

    def _finish(self, failure: Failure | None) -> None:
        self.failure = failure
        self._move(ServerState.FAILED if failure else ServerState.STOPPED)

    async def _woken(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the caller looks again
        """Wait until something happened, at most `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        self._wake.clear()

    def _hear(self, stream: int, line: str) -> None:
        report = parse_state(line) if stream == STDOUT else None
        if report is None:
            if line:
                self._log.add(LogLine(time.time(), self.model, line[:LONGEST_KEPT]))
                if self.state is ServerState.READY and is_doomed(line):
                    self._doomed = True
                    self._wake.set()
                self._report.hear(line)
            if self.port is None and (port := parse_port(line)) is not None:
                self.port = port
                self._wake.set()
            return
        self._reports = True
        if isinstance(report, ReportsReady):
            self._aliases = report.aliases
            self._wake.set()
        elif self.state in COMING_UP:
            if report.progress != self.progress:
                self._sign_of_life = time.monotonic()
            self.progress = report.progress
            if self.state is ServerState.STARTING:
                self._move(ServerState.LOADING)
            else:
                self._on_change(self)

    def _tail(self, count: int = 20) -> tuple[str, ...]:
        return tuple(line.text for line in self._log.tail(self.model, count))

    def _move(self, to: ServerState) -> None:
        self.state = move(self.state, to)
        self.since = time.time()
        self._on_change(self)
