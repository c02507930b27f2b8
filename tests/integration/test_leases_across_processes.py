"""Programs that borrow models from one instance, as processes of their own, with real engines."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from fakes.commands import command
from fakes.instance import Instance
from fakes.telling import (
    ALDER,
    BIRCH,
    CEDAR,
    STRANGE,
    asked,
    borrower,
    write_strange_model,
    write_telling_settings,
)
from model_switcher import Switcher, call_orchestrator
from model_switcher.domain.errors import LeaseEnded, SwitchFailed, UnknownModel
from model_switcher.domain.snapshot import Result, Snapshot


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return write_telling_settings(tmp_path)


def owners(snapshot: Snapshot) -> list[tuple[str, bool]]:
    return [(lease.owner, lease.granted) for lease in snapshot.leases]


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
        async with lease:  # again
            assert await switcher.chat("s", "u") == BIRCH


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
