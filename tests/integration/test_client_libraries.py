"""What people really use: the `openai` and `anthropic` packages and bare httpx, on an instance whose models take turns."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from fakes.client_libraries import LONG_TOKENS, QUESTION, Anthropic, Httpx, Library, OpenAI
from fakes.instance import Instance
from fakes.telling import ALDER, BIRCH, CEDAR, STRANGE, write_strange_model, write_telling_settings
from model_switcher.engine.demo_models import write_llama

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER = "demo-dogwood"
TALKER = "demo-elm"
LIBRARIES = {"openai": OpenAI, "anthropic": Anthropic, "httpx": Httpx}

# Tool calls as Llama 3 writes them: an object with nothing around it.
TEMPLATE = """
{%- for message in messages %}
{%- if message.role == 'assistant' and message.tool_calls %}
{{- '<|start|>assistant<|end|>\\n' }}
{%- for tool_call in message.tool_calls %}
{{- '{"name": "' + tool_call.function.name + '", "parameters": ' }}
{{- tool_call.function.arguments | tojson }}{{- '}' }}
{%- endfor %}
{{- '<|eot|>' }}
{%- else %}
{{- '<|start|>' + message.role + '<|end|>\\n' }}
{%- if loop.first and tools %}
{%- for tool in tools %}{{- tool | tojson + '\\n' }}{%- endfor %}
{%- endif %}
{{- message.content + '<|eot|>' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start|>assistant<|end|>\\n' }}{%- endif %}
"""


def write_house(folder: Path) -> Path:
    """Settings of models that answer with their names, of one that calls tools, one that does not end, and a bad one."""
    template = folder / "tools.jinja"
    template.write_text(TEMPLATE, encoding="utf-8")
    # Random weights never begin a call: the brace that begins one is made likely, and the engine's grammar does the rest.
    more = (
        f"[models.{CALLER}]\nchat-template-file = '{template}'\nlogit-bias = '126+100'\nn-predict = 400\n"
        "override-kv = 'tokenizer.ggml.add_space_prefix=bool:false'\n"
    )
    more += f"[models.{TALKER}]\nignore-eos = true\nctx-size = 65536\ngrammar = 'root ::= [a-z]+'\n"
    settings = write_telling_settings(folder, more=more)
    write_llama(folder / f"{CALLER}.gguf", name="Demo Dogwood", seed=4)
    write_llama(folder / f"{TALKER}.gguf", name="Demo Elm", seed=5)
    write_strange_model(folder)
    return settings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def instance(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Instance]:
    async with Instance(write_house(tmp_path_factory.mktemp("house"))) as instance:
        await instance.ready()
        yield instance


@pytest_asyncio.fixture(loop_scope="module", params=LIBRARIES)
async def library(
    request: pytest.FixtureRequest, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Library]:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    library: Any = LIBRARIES[request.param](instance.address)
    yield library
    await library.close()


async def said(library: Library, model: str) -> str:
    return "".join([piece async for piece in library.pieces(model)])


async def quiet(instance: Instance) -> None:
    """Until no engine works on any request."""
    await instance.until(lambda s: s.held == 0 and not any(server.in_flight for server in s.servers))


async def test_each_model_answers_whole_and_streamed_across_switches(library: Library) -> None:
    for model in (ALDER, BIRCH):
        assert await library.whole(model) == model
        assert await said(library, model) == model


async def test_requests_for_several_models_at_once_are_all_answered(library: Library) -> None:
    wanted = [ALDER, BIRCH, CEDAR, BIRCH]
    answers = await asyncio.gather(
        *(library.whole(model) for model in wanted), *(said(library, model) for model in wanted)
    )
    assert answers == wanted * 2


async def test_a_stream_that_is_under_way_ends_before_its_model_leaves(library: Library) -> None:
    stream = library.pieces(TALKER, 200)
    first = await anext(stream)
    other = asyncio.create_task(library.whole(BIRCH))
    rest = "".join([piece async for piece in stream])
    assert len(first + rest) >= 200
    assert await other == BIRCH


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_whose_template_has_tool_calls_calls_them(library: Library, *, stream: bool) -> None:
    if stream and isinstance(library, Httpx):
        return  # putting a call together again is a library's work
    assert await library.call(CALLER, stream=stream) == ("weather", {"city": "Oslo"})


async def test_a_model_that_cannot_be_loaded_is_an_error_of_the_library_s_own(library: Library) -> None:
    with pytest.raises(library.refused) as caught:
        await library.whole(STRANGE)
    assert library.told(caught.value) == (503, "nothing-served")
    assert await library.whole(ALDER) == ALDER


async def test_a_timeout_of_the_client_ends_the_work_for_it(library: Library, instance: Instance) -> None:
    assert await said(library, TALKER)  # it is loaded
    with pytest.raises(library.timed_out):
        await library.hurry(TALKER, 0.1)
    await quiet(instance)


async def test_a_stream_that_its_client_leaves_ends_the_work_for_it(
    library: Library, instance: Instance
) -> None:
    stream = library.pieces(TALKER, LONG_TOKENS)
    await anext(stream)
    await instance.until(lambda s: any(server.in_flight for server in s.servers))
    await stream.aclose()  # type: ignore[attr-defined]
    await quiet(instance)


async def test_what_the_engine_refuses_reaches_the_openai_library(instance: Instance) -> None:
    library = OpenAI(instance.address)
    with pytest.raises(OpenAI.refused) as caught:
        await library.client.chat.completions.create(model=ALDER, messages=QUESTION, temperature="hot")  # type: ignore[arg-type]
    assert caught.value.status_code in {400, 500}
    await library.close()


async def test_the_other_routes_of_the_openai_library(instance: Instance) -> None:
    client = OpenAI(instance.address).client
    listed = {model.id async for model in client.models.list()}
    assert {ALDER, BIRCH, CEDAR, CALLER} <= listed
    answer = await client.responses.create(model=BIRCH, input="Who are you?")
    assert answer.output_text == BIRCH
    text = await client.completions.create(model=ALDER, prompt="Who are you?")
    assert text.choices[0].text == ALDER
    await client.close()


async def test_the_anthropic_library_counts_tokens(instance: Instance) -> None:
    client = Anthropic(instance.address).client
    counted = await client.messages.count_tokens(model=ALDER, messages=QUESTION)
    assert counted.input_tokens > 10
    await client.close()
