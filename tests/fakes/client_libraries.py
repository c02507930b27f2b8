"""The client libraries that people use, each behind the same few questions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

import anthropic
import httpx
import openai

QUESTION: list[Any] = [{"role": "user", "content": "Who are you?"}]
# More than lies in the buffers of sockets: a model that does not end by itself is at work as long as its client stays.
LONG_TOKENS = 60_000
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Oslo"]}},
    "required": ["city"],
}
Call = tuple[str, Any]


class Library(Protocol):
    """One library, connected to an address. What it raises is its own."""

    timed_out: type[Exception]
    refused: type[Exception]

    async def whole(self, model: str) -> str:
        """The model's answer in one piece."""
        ...

    def pieces(self, model: str, tokens: int = 16) -> AsyncIterator[str]:
        """The model's answer as it comes."""
        ...

    async def call(self, model: str, *, stream: bool) -> Call:
        """The tool that the model calls, and with what."""
        ...

    async def hurry(self, model: str, seconds: float) -> None:
        """A long answer, with a timeout."""
        ...

    def told(self, error: Exception) -> tuple[int, Any]:
        """Status and code of an error."""
        ...

    async def close(self) -> None: ...


class OpenAI:
    """The `openai` package."""

    timed_out = openai.APITimeoutError
    refused = openai.APIStatusError

    def __init__(self, address: str) -> None:
        self.client = openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0, timeout=60)

    async def whole(self, model: str) -> str:
        answer = await self.client.chat.completions.create(model=model, messages=QUESTION)
        assert answer.model == model
        return answer.choices[0].message.content or ""

    async def pieces(self, model: str, tokens: int = 16) -> AsyncIterator[str]:
        stream = await self.client.chat.completions.create(
            model=model, messages=QUESTION, stream=True, max_tokens=tokens
        )
        async with stream:
            async for piece in stream:
                assert piece.model == model
                yield piece.choices[0].delta.content or "" if piece.choices else ""

    async def call(self, model: str, *, stream: bool) -> Call:
        tool: Any = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
        wanted: dict[str, Any] = {
            "model": model, "messages": QUESTION, "tools": [tool], "tool_choice": "required", "parallel_tool_calls": False,
        }  # fmt: skip
        if not stream:
            answer = await self.client.chat.completions.create(**wanted)
            function = answer.choices[0].message.tool_calls[0].function
            return function.name, json.loads(function.arguments)
        name, arguments = "", ""
        async for piece in await self.client.chat.completions.create(**wanted, stream=True):
            for part in (piece.choices[0].delta.tool_calls or []) if piece.choices else []:
                name += part.function.name or ""
                arguments += part.function.arguments or ""
        return name, json.loads(arguments)

    async def hurry(self, model: str, seconds: float) -> None:
        await self.client.with_options(timeout=seconds).chat.completions.create(
            model=model, messages=QUESTION, max_tokens=LONG_TOKENS
        )

    def told(self, error: Exception) -> tuple[int, Any]:
        assert isinstance(error, openai.APIStatusError)
        return error.status_code, error.code

    async def close(self) -> None:
        await self.client.close()


class Anthropic:
    """The `anthropic` package."""

    timed_out = anthropic.APITimeoutError
    refused = anthropic.APIStatusError

    def __init__(self, address: str) -> None:
        self.client = anthropic.AsyncAnthropic(base_url=address, api_key="none", max_retries=0, timeout=60)

    async def whole(self, model: str) -> str:
        answer = await self.client.messages.create(model=model, messages=QUESTION, max_tokens=16)
        assert answer.model == model
        return "".join(block.text for block in answer.content if block.type == "text")

    async def pieces(self, model: str, tokens: int = 16) -> AsyncIterator[str]:
        async with self.client.messages.stream(model=model, messages=QUESTION, max_tokens=tokens) as stream:
            async for text in stream.text_stream:
                yield text

    async def call(self, model: str, *, stream: bool) -> Call:
        wanted: dict[str, Any] = {
            "model": model, "messages": QUESTION, "max_tokens": 400,
            "tools": [{"name": "weather", "input_schema": WEATHER}], "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        }  # fmt: skip
        if stream:
            async with self.client.messages.stream(**wanted) as events:
                answer = await events.get_final_message()
        else:
            answer = await self.client.messages.create(**wanted)
        block = answer.content[0]
        assert block.type == "tool_use"
        return block.name, block.input

    async def hurry(self, model: str, seconds: float) -> None:
        await self.client.with_options(timeout=seconds).messages.create(
            model=model, messages=QUESTION, max_tokens=LONG_TOKENS
        )

    def told(self, error: Exception) -> tuple[int, Any]:
        assert isinstance(error, anthropic.APIStatusError)
        assert isinstance(error.body, dict)
        return error.status_code, error.body["error"]["code"]

    async def close(self) -> None:
        await self.client.close()


class Httpx:
    """No library for models at all."""

    timed_out = httpx.ReadTimeout
    refused = httpx.HTTPStatusError

    def __init__(self, address: str) -> None:
        self.client = httpx.AsyncClient(base_url=address, timeout=60, trust_env=False)

    async def _ask(self, model: str, **more: Any) -> Any:
        timeout = more.pop("timeout", 60)
        body = {"model": model, "messages": QUESTION, **more}
        answer = await self.client.post("/v1/chat/completions", json=body, timeout=timeout)
        return answer.raise_for_status().json()["choices"][0]["message"]

    async def whole(self, model: str) -> str:
        return str((await self._ask(model))["content"])

    async def pieces(self, model: str, tokens: int = 16) -> AsyncIterator[str]:
        body = {"model": model, "messages": QUESTION, "stream": True, "max_tokens": tokens}
        async with self.client.stream("POST", "/v1/chat/completions", json=body) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line[6:])["choices"][0]["delta"].get("content") or ""

    async def call(self, model: str, *, stream: bool) -> Call:
        tool = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
        wanted = {"tools": [tool], "tool_choice": "required", "parallel_tool_calls": False}
        assert not stream, "putting a call together again is a library's work"
        function = (await self._ask(model, **wanted))["tool_calls"][0]["function"]
        return function["name"], json.loads(function["arguments"])

    async def hurry(self, model: str, seconds: float) -> None:
        await self._ask(model, max_tokens=LONG_TOKENS, timeout=seconds)

    def told(self, error: Exception) -> tuple[int, Any]:
        assert isinstance(error, httpx.HTTPStatusError)
        return error.response.status_code, error.response.json()["error"]["code"]

    async def close(self) -> None:
        await self.client.aclose()
