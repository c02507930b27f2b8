"""Asking a model through an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from model_switcher.client.link import AS_LONG_AS_IT_TAKES
from model_switcher.domain.errors import UpstreamLost
from model_switcher.domain.wire import error_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from model_switcher.client.link import Link

COMPLETIONS = "/v1/chat/completions"
COMPLETION = "/completion"
DONE = "[DONE]"


async def ask(link: Link, system_prompt: str, user_prompt: str, options: Mapping[str, Any]) -> str:
    """The whole answer. Raises as `Link.send` does."""
    body = _body(system_prompt, user_prompt, options)
    answer = await link.send("POST", COMPLETIONS, json=body, timeout=AS_LONG_AS_IT_TAKES)
    return str(msgspec.json.decode(answer)["choices"][0]["message"]["content"])


async def complete(link: Link, prompt: str, options: Mapping[str, Any]) -> str:
    """What follows the prompt, without a chat template. Raises as `Link.send` does."""
    answer = await link.send(
        "POST", COMPLETION, json={"prompt": prompt, **options}, timeout=AS_LONG_AS_IT_TAKES
    )
    return str(msgspec.json.decode(answer)["content"])


async def ask_streaming(
    link: Link, system_prompt: str, user_prompt: str, options: Mapping[str, Any]
) -> AsyncIterator[str]:
    """The answer piece by piece. Raises as `Link.send` does, also in the middle."""
    body = _body(system_prompt, user_prompt, {**options, "stream": True})
    async for event in link.events("POST", COMPLETIONS, json=body):
        if event.kind == "error":
            raise error_from(event.data)
        if event.data == DONE:
            return
        for choice in msgspec.json.decode(event.data).get("choices", ()):
            if piece := choice["delta"].get("content"):
                yield piece
    raise UpstreamLost("The answer broke off")


def _body(system_prompt: str, user_prompt: str, options: Mapping[str, Any]) -> dict[str, Any]:
    messages = [{"role": "system", "content": system_prompt}, {"role": "user", "content": user_prompt}]
    return {"messages": messages, **options}
