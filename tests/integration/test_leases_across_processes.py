"""Programs that borrow models from one instance, as processes of their own, with real engines."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from fakes.commands import Result as CommandResult
from fakes.commands import command
from fakes.instance import Instance
from fakes.telling import (
    ALDER,
    BIRCH,
    CEDAR,
    STRANGE,
    borrower,
    write_strange_model,
    write_telling_settings,
)
from model_switcher import Switcher, call_orchestrator, switch_and_call
from model_switcher.cli.demo import clean_up
from model_switcher.cli.host import Host, HostOptions
from model_switcher.client import lease as client_lease
from model_switcher.domain.errors import Closing, LeaseEnded, SwitchFailed, UnknownModel, UpstreamLost
from model_switcher.domain.snapshot import Result, Snapshot
from model_switcher.engine.control import leases
from model_switcher.engine.runtime import Runtime
from model_switcher.engine.settings_file import load
from model_switcher.places import places

QUESTION = {"messages": [{"role": "user", "content": "Who are you?"}]}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return write_telling_settings(tmp_path)


def owners(snapshot: Snapshot) -> list[tuple[str, bool]]:
    return [(lease.owner, lease.granted) for lease in snapshot.leases]


async def asked(address: str, model: str | None = None) -> str:
    """What the model answers that this process reaches, in a connection of its own."""
    async with httpx.AsyncClient(base_url=address, trust_env=False, verify=False, timeout=60) as client:
        body = QUESTION if model is None else {**QUESTION, "model": model}
        answer = await client.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["choices"][0]["message"]["content"])


async def hold(switcher: Switcher, then: Callable[[], Awaitable[object]] | None = None) -> None:
    """Borrow a model, do that, and keep it."""
    async with switcher.lease(BIRCH):
        if then is not None:
            await then()
        await asyncio.Event().wait()


async def test_two_programs_at_once_both_get_their_model_and_the_selected_one_returns(settings: Path) -> None:
    async with (
        Instance(settings) as instance,
        borrower(settings, BIRCH, name="one.py") as one,
        borrower(settings, CEDAR, name="two.py") as two,
    ):
        assert await asyncio.gather(one.said(), two.said()) == [BIRCH, CEDAR]
        assert (await instance.ready()).selected == ALDER
        assert await call_orchestrator("s", "u", config=settings) == ALDER


async def test_models_are_lent_first_in_first_out_over_all_programs(settings: Path) -> None:
    async with Instance(settings) as instance, contextlib.AsyncExitStack() as stack:
        await instance.ready()
        queue = []
        for number, model in enumerate((BIRCH, CEDAR, BIRCH)):
            one = await stack.enter_async_context(borrower(settings, model, "wait", name=f"{number}.py"))
            await instance.until(lambda s, n=number: len(s.leases) == n + 1)  # type: ignore[misc]
            queue.append(one)
        for number, one in enumerate(queue):
            assert await one.line() == "granted"
            snapshot = instance.state()
            assert owners(snapshot) == [(f"{n}.py", n == number) for n in range(number, 3)]
            assert snapshot.selected == ALDER
            one.go_on()
            assert await one.said() == [BIRCH, CEDAR, BIRCH][number]
        assert (await instance.ready()).selected == ALDER


async def test_the_state_and_the_command_line_say_who_has_borrowed_what(settings: Path) -> None:
    async with Instance(settings) as instance, borrower(settings, BIRCH, "wait") as one:
        assert await one.line() == "granted"
        (view,) = instance.state().leases
        assert (view.model, view.pid, view.granted, view.returns_to) == (BIRCH, one.process.pid, True, ALDER)
        status = (await command(settings, "status")).output
        assert "Demo Birch is borrowed by report.py, Demo Alder returns after it" in status
        async with borrower(settings, CEDAR, name="other.py"):
            await instance.until(lambda s: len(s.leases) == 2)
            assert "other.py waits for Demo Cedar" in (await command(settings, "status")).output
        one.go_on()
        assert await one.said() == BIRCH


async def test_a_program_that_is_killed_gives_its_model_back(settings: Path) -> None:
    async with Instance(settings) as instance, borrower(settings, BIRCH, "wait") as one:
        assert await one.line() == "granted"
        waiting = asyncio.create_task(asked(instance.address))
        await instance.until(lambda s: s.held_by_model == {ALDER: 1})
        one.process.kill()
        assert await waiting == ALDER
        snapshot = await instance.ready()
        assert (snapshot.selected, snapshot.leases) == (ALDER, ())


async def test_a_program_that_is_killed_while_it_waits_loses_its_claim(settings: Path) -> None:
    async with (
        Instance(settings) as instance,
        borrower(settings, BIRCH, "wait", name="first.py") as first,
    ):
        assert await first.line() == "granted"
        async with borrower(settings, CEDAR, name="second.py") as second:
            await instance.until(lambda s: len(s.leases) == 2)
            second.process.kill()
            await instance.until(lambda s: owners(s) == [("first.py", True)])
        first.go_on()
        assert await first.said() == BIRCH
        assert (await instance.ready()).selected == ALDER


# Borrows a model, and asks for it as its own orchestrator does: at the address, without naming a model; and so does a
# program that it starts.
OWN_ORCHESTRATOR = """
import asyncio, subprocess, sys, httpx
from model_switcher import switch_and_call

config, model, address = sys.argv[1:4]
ASK = '''
import sys, httpx
body = {"messages": [{"role": "user", "content": "Who are you?"}]}
answer = httpx.post(sys.argv[1] + "/v1/chat/completions", json=body, timeout=60, trust_env=False)
print(answer.json()["choices"][0]["message"]["content"], flush=True)
'''

async def mine(system, user):
    print("granted", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    said = []
    async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as client:
        for named in ({}, {"model": "gpt-4o"}, {"model": ""}):
            body = {"messages": [{"role": "user", "content": user}], **named}
            answer = await client.post("/v1/chat/completions", json=body)
            said.append(answer.json()["choices"][0]["message"]["content"])
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", ASK, address, stdout=subprocess.PIPE)
    said.append((await child.communicate())[0].decode().strip())
    return " ".join(said)

print(asyncio.run(switch_and_call(model, "system", "user", call=mine, config=config)), flush=True)
"""


async def test_a_caller_s_own_orchestrator_reaches_the_borrowed_model_and_others_wait(settings: Path) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        async with borrower(settings, BIRCH, instance.address, program=OWN_ORCHESTRATOR) as one:
            assert await one.line() == "granted"
            waiting = asyncio.create_task(asked(instance.address))
            assert await asked(instance.address, BIRCH) == BIRCH
            await instance.until(lambda s: s.held_by_model == {ALDER: 1})
            one.go_on()
            assert await one.said() == " ".join([BIRCH] * 4)
            assert await waiting == ALDER


async def test_a_lease_in_a_block_of_python(settings: Path) -> None:
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        lease = switcher.lease("Demo Birch")
        with pytest.raises(LeaseEnded, match="not borrowed"):
            await lease.chat("s", "u")
        async with lease:
            assert (lease.model, lease.address) == (BIRCH, instance.address)
            assert await lease.chat("s", "u", max_tokens=4) == BIRCH[:4]
            assert "".join([piece async for piece in lease.stream("s", "u")]) == BIRCH
            assert await call_orchestrator("s", "u", config=settings) == BIRCH
            assert await switcher.chat("s", "u") == BIRCH
            assert await switcher.chat("s", "u", model=BIRCH) == BIRCH
        assert await switcher.chat("s", "u") == ALDER


async def test_a_model_that_cannot_be_borrowed_raises_why_and_the_selected_one_is_back(
    settings: Path,
) -> None:
    write_strange_model(settings.parent)
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        with pytest.raises(UnknownModel):
            async with switcher.lease("demo-beech"):
                pytest.fail("it was lent")
        with pytest.raises(SwitchFailed, match="Demo Alder is serving") as caught:
            async with switcher.lease(STRANGE):
                pytest.fail("it was lent")
        assert caught.value.details["serving"] == ALDER
        assert (await instance.ready()).leases == ()
        assert await switcher.chat("s", "u") == ALDER


async def test_a_choice_of_the_user_waits_until_the_lease_is_over(settings: Path) -> None:
    async with Instance(settings) as instance, borrower(settings, BIRCH, "wait") as one:
        assert await one.line() == "granted"
        async with Switcher(config=settings) as switcher:
            choice = asyncio.create_task(switcher.switch(CEDAR))
            await instance.until(lambda s: s.switch is not None and s.switch.target == CEDAR)
            assert owners(instance.state()) == [("report.py", True)]
            one.go_on()
            assert await one.said() == BIRCH
            outcome = await choice
        assert (outcome.result, outcome.serving) == (Result.SWITCHED, CEDAR)
        assert (await instance.ready()).selected == CEDAR


@pytest.mark.parametrize("verb", ["stop", "stop --pause", "quit"])
async def test_a_lease_that_the_user_ends_interrupts_its_block(settings: Path, verb: str) -> None:
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        commands: list[asyncio.Task[CommandResult]] = []

        async def say() -> None:
            commands.append(asyncio.create_task(command(settings, *verb.split())))

        with pytest.raises(Closing if verb == "quit" else LeaseEnded):
            await hold(switcher, say)
        assert (await commands[0]).status == 0
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        await asyncio.sleep(0)


async def test_an_instance_that_is_killed_interrupts_the_block(settings: Path) -> None:
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        assert instance.process is not None
        process = instance.process

        async def kill() -> None:
            process.kill()

        with pytest.raises(UpstreamLost):
            await hold(switcher, kill)


async def test_a_lease_ends_at_its_limit(tmp_path: Path) -> None:
    settings = write_telling_settings(tmp_path, server="lease-limit = '1 s'")
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        with pytest.raises(LeaseEnded, match="the limit"):
            await hold(switcher)
        assert await switcher.chat("s", "u") == ALDER


async def test_a_call_that_is_cancelled_is_cancelled_and_nothing_else(settings: Path) -> None:
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        within = asyncio.Event()

        async def tell() -> None:
            within.set()

        task = asyncio.create_task(hold(switcher, tell))
        await within.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await instance.ready()).leases == ()
        assert await switcher.chat("s", "u") == ALDER


async def test_an_answer_is_not_lost_when_its_model_cannot_be_given_back(
    settings: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client_lease, "GIVE_BACK_SECONDS", 0.2)
    async with Instance(settings) as instance:
        await instance.ready()
        assert instance.process is not None
        process = instance.process

        async def mine(system: str, user: str) -> tuple[str, str]:
            process.send_signal(signal.SIGSTOP)
            return system, user

        try:
            assert await switch_and_call(BIRCH, "s", "u", call=mine, config=settings) == ("s", "u")
        finally:
            process.send_signal(signal.SIGCONT)
        assert "ends with its connection only" in caplog.text
        snapshot = await instance.until(lambda s: not s.leases and s.served is not None)
        assert snapshot.selected == ALDER


async def test_a_lease_that_is_not_renewed_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 2.5)  # the runtime looks every second
    options = HostOptions(
        settings=load(write_telling_settings(tmp_path)).settings, places=places(tmp_path / "settings.toml")
    )
    started: asyncio.Future[Runtime] = asyncio.get_running_loop().create_future()
    host = Host(options, on_started=started.set_result)
    running = asyncio.create_task(host.run())
    try:
        address = (await started).snapshot.address
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=60) as client:
            answer = await client.post("/switcher/leases", json={"model": BIRCH, "owner": {"name": "curl"}})
            lease = answer.json()["lease"]
            assert lease["heartbeat"] == 2.5
            for _ in range(4):
                await asyncio.sleep(1.0)
                assert (await client.put(f"/switcher/leases/{lease['id']}")).status_code == 200
            assert await asked(address) == ALDER, "it ended by itself"
            assert (await client.put(f"/switcher/leases/{lease['id']}")).status_code == 410
    finally:
        host.stop()
        await running
        clean_up(options.places)
