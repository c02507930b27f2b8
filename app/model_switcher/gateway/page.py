"""Errors as a page, for a person whose browser asks for one: the web interface is an engine's, which may not be there."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from model_switcher.gateway.answers import error_answer

if TYPE_CHECKING:
    from aiohttp import web

    from model_switcher.domain.errors import SwitcherError

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
{again}<title>Model Switcher</title>
<style>
  :root {{ color-scheme: light dark }}
  body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 22vh auto; padding: 0 1.5rem }}
  h1 {{ font-size: 1.25rem; font-weight: 600; margin: 0 0 .5rem }}
  p {{ margin: 0 0 .5rem }}
  small {{ opacity: .6 }}
</style>
<h1>{sentence}</h1>
<p>{hint}</p>
<small>{code}{says_again}</small>
</html>
"""


def told(error: SwitcherError, request: web.BaseRequest) -> web.Response:
    """`error` in OpenAI's shape; in a page to browsers, which say that they want one when they open an address."""
    answer = error_answer(error)
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        wait = answer.headers.get("Retry-After")
        answer.body = page(error, again_after=wait).encode()
        answer.headers["Content-Type"] = "text/html; charset=utf-8"
        answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return answer


def page(error: SwitcherError, *, again_after: str | None = None) -> str:
    """`error` in HTML; the page asks again by itself `again_after` so many seconds, if that may help."""
    return _PAGE.format(
        again=f'<meta http-equiv="refresh" content="{again_after}">\n' if again_after else "",
        sentence=escape(error.message),
        hint=escape(error.hint),
        code=escape(error.code),
        says_again=" · this page looks again by itself" if again_after else "",
    )
