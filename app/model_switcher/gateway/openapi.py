"""The description of the control routes, for programs: an OpenAPI document, written from the types that are spoken.

https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

import msgspec

from model_switcher.domain import wire
from model_switcher.domain.catalog import Model, Rejected
from model_switcher.domain.history import HistoryReport
from model_switcher.domain.leases import LEASES, LeaseAnswer, LeaseBody
from model_switcher.domain.snapshot import Outcome, Snapshot
from model_switcher.gateway.answers import encoded_answer
from model_switcher.gateway.control import QuitBody, SelectBody

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

PATH = "/switcher/openapi.json"

_Schema = dict[str, Any]
_SCHEMAS = "#/components/schemas/"
_TEXT: _Schema = {"type": "string"}
_EVENTS: Mapping[str, _Schema] = {"text/event-stream": _TEXT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one route.

    Attributes:
        summary: What it does.
        answer: Schema of the answer by media type; the name of a component stands for JSON of that form.
        body: Name of the component that the body is; None for none.
        optional: Whether the body may be left out.
        query: Schemas of the parameters of the query.
        headers: Schemas of headers that mean something.
    """

    summary: str
    answer: str | Mapping[str, _Schema] = "State"
    body: str | None = None
    optional: bool = False
    query: Mapping[str, _Schema] = field(default_factory=dict)
    headers: Mapping[str, _Schema] = field(default_factory=dict)


_LOG_QUERY = {"model": _TEXT, "follow": {"type": "string", "enum": ["", "0", "1", "false", "true"]}}

OPERATIONS: dict[str, dict[str, Operation]] = {
    "/switcher/state": {"get": Operation(summary="What is the case")},
    "/switcher/models": {
        "get": Operation(summary="Every model, and the files that were rejected", answer="Models")
    },
    "/switcher/history": {
        "get": Operation(
            summary="Every load that is kept, the newest of them one by one",
            answer="HistoryReport",
            query={"limit": {"type": "integer", "minimum": 0, "maximum": 999_999_999}},
        )
    },
    "/switcher/log": {
        "get": Operation(
            summary="What the engines wrote, of one model or of all; with `follow=1` also what they will write",
            answer={"text/plain": _TEXT, **_EVENTS},
            query=_LOG_QUERY,
        )
    },
    "/switcher/events": {
        "get": Operation(
            summary="The current state, then an event for each change; or those missed since `Last-Event-ID`",
            answer=_EVENTS,
            headers={"Last-Event-ID": _TEXT},
        )
    },
    "/switcher/select": {
        "post": Operation(
            summary="Serve a model from now on; answers when it is ready, or the old one is back",
            answer="Selected",
            body="SelectBody",
        )
    },
    "/switcher/cancel": {"post": Operation(summary="Give up the switch under way")},
    "/switcher/stop": {
        "post": Operation(summary="Unload everything; the next request loads the selected model again")
    },
    "/switcher/pause": {"post": Operation(summary="Unload everything, and let requests wake nothing")},
    "/switcher/resume": {"post": Operation(summary="End a pause and load the selected model")},
    "/switcher/rescan": {"post": Operation(summary="Look for models again")},
    "/switcher/show": {"post": Operation(summary="Bring up the panel")},
    "/switcher/quit": {
        "post": Operation(summary="End the instance, in order", body="QuitBody", optional=True)
    },
    LEASES: {
        "post": Operation(
            summary="Borrow a model: the answer comes when it is there, or at once as events that tell of it",
            answer={"application/json": {"$ref": f"{_SCHEMAS}LeaseAnswer"}, **_EVENTS},
            body="LeaseBody",
        )
    },
    f"{LEASES}/{{id}}": {
        "put": Operation(summary="Renew a lease: its owner lives", answer="LeaseAnswer"),
        "delete": Operation(summary="End a lease", answer="LeaseAnswer"),
    },
    PATH: {"get": Operation(summary="This document", answer={"application/json": {"type": "object"}})},
}

_ERROR: _Schema = {
    "type": "object",
    "description": "What went wrong, in OpenAI's shape.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "type", "hint"],
            "properties": {
                "code": {"type": "string", "description": "Stable."},
                "message": {"type": "string", "description": "A sentence for a person."},
                "type": _TEXT,
                "hint": {"type": "string", "description": "What to do about it."},
            },
        }
    },
}


class Description:
    """The handler. The document is written when it is asked for the first time."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._encoded: bytes | None = None

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:  # noqa: ARG002 - a handler
        """The document."""
        if self._encoded is None:
            self._encoded = wire.encode(document(self._version))
        return encoded_answer(self._encoded)


def document(version: str) -> _Schema:
    """The whole document. Takes some milliseconds.

    Args:
        version: Of the program.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Model Switcher",
            "version": version,
            "description": "What runs behind one llama.cpp address, and how to change it. All other paths are those of "
            "llama-server, answered by the model that a request names.",
        },
        "paths": {
            path: {method: _operation(path, method, one) for method, one in methods.items()}
            for path, methods in OPERATIONS.items()
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _operation(path: str, method: str, one: Operation) -> _Schema:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", path)
    ]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in one.query.items()]
    parameters += [{"name": name, "in": "header", "schema": schema} for name, schema in one.headers.items()]
    found: _Schema = {
        "operationId": f"{method} {path}",
        "summary": one.summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done.", "content": _content(one.answer)},
            "default": {"description": "It was not done; the error says why.", "content": _content("Error")},
        },
    }
    if one.body is not None:
        found["requestBody"] = {"required": not one.optional, "content": _content(one.body)}
    return found


def _content(answer: str | Mapping[str, _Schema]) -> _Schema:
    media = {"application/json": {"$ref": _SCHEMAS + answer}} if isinstance(answer, str) else answer
    return {kind: {"schema": schema} for kind, schema in media.items()}


def _schemas() -> _Schema:
    spoken = (Snapshot, Outcome, Model, Rejected, HistoryReport, LeaseBody, LeaseAnswer, SelectBody, QuitBody)
    _, schemas = msgspec.json.schema_components(spoken, ref_template=_SCHEMAS + "{name}")
    state, model = schemas.pop("Snapshot"), schemas["Model"]
    # As `domain.wire` writes them: the state without its catalog, models without what only we can read.
    del state["properties"]["catalog"], schemas["Catalog"], schemas["Blueprint"]
    state["properties"] |= {"models": {"type": "integer"}, "rejected": {"type": "integer"}}
    del model["properties"]["blueprint"], model["properties"]["projector_blueprint"]
    for schema in (state, *schemas.values()):
        _describe(schema)
    return {
        **schemas,
        "State": state,
        "Models": _object(models=_many("Model"), rejected=_many("Rejected")),
        "Selected": _object(outcome={"$ref": f"{_SCHEMAS}Outcome"}),
        "Error": _ERROR,
    }


def _object(**properties: _Schema) -> _Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _many(name: str) -> _Schema:
    return {"type": "array", "items": {"$ref": _SCHEMAS + name}}


def _describe(schema: _Schema) -> None:
    """Give what a docstring says about each attribute to that attribute."""
    text, _, attributes = cleandoc(schema.get("description", "")).partition("\n\nAttributes:\n")
    schema["description"] = text.strip()
    for names, said in re.findall(r"^    (\w[\w, ]*): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE):
        for name in names.split(", "):
            if (known := schema.get("properties", {}).get(name)) is not None:
                known["description"] = " ".join(said.split())
