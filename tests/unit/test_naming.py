"""Finding what a request calls its model in its body."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_switcher.gateway.naming import LONGEST_NAME, MOST_PARTS, name_in_body

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.just("model"), inner, max_size=4)
    ),
    max_leaves=20,
)


def parts(**options: Any) -> tuple[bytes, str]:
    """Body and type of a form in parts, as httpx writes it."""
    request = httpx.Request("POST", "http://localhost/", **options)
    return request.read(), request.headers["Content-Type"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"model": "a"}', "a"),
        (b' \r\n\t{"messages": [{"model": "no"}], "model" : "a" }\n', "a"),
        (b'{"model": ""}', ""),
        (b'{"model": "\\u00fc \\"b\\" \\ud83c\\udf33"}', 'ü "b" 🌳'),
        (b'{"m\\u006fdel": "a"}', "a"),
        ('{"model": "Bäume"}'.encode(), "Bäume"),
        (b'{"extra": {"model": "no"}, "text": "\\"model\\": \\"no\\""}', None),
        (b'{"Model": "no"}', None),
        (b'{"model": {"model": "no"}}', None),
        (b'{"model": null}', None),
        (b'{"model": 7}', None),
        (b'[{"model": "no"}]', None),
        (b'"model"', None),
        (b"", None),
    ],
)
def test_the_top_level_model_of_a_json_body_is_found_and_nothing_else(body: bytes, name: str | None) -> None:
    assert name_in_body(body, JSON) == name


def test_of_several_the_last_counts_as_it_does_for_llama_server() -> None:
    assert name_in_body(b'{"model": "a", "x": {"model": "b"}, "model": "c"}', JSON) == "c"


def test_a_model_at_the_end_of_fifty_megabytes_is_found() -> None:
    body = json.dumps({"messages": [{"content": 'x "model": "no" \n' * 3_000_000}], "model": "a"}).encode()
    assert len(body) > 50_000_000
    assert name_in_body(body, JSON) == "a"


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "a"',
        b'{"model": "a"} x',
        b'{"model": "a", }',
        b'{"model": "\xff"}',
        b"{'model': 'a'}",
        b'{"x": ' + b"[" * 200_000,
        b'{"model": ' + b'{"model": ' * 200_000,
    ],
    ids=range(7),
)
def test_a_damaged_body_names_nothing(body: bytes) -> None:
    assert name_in_body(body, JSON) is None


@given(st.dictionaries(st.text(max_size=8) | st.just("model"), VALUES, max_size=6), st.booleans())
def test_it_agrees_with_python_s_own_reader(value: dict[str, Any], ascii_only: bool) -> None:
    named = value.get("model")
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", errors="surrogatepass")
    try:
        body.decode()
    except UnicodeDecodeError:
        return  # a lone surrogate: no JSON at all
    lone = isinstance(named, str) and not _is_whole(named)
    assert name_in_body(body, JSON) == (named if isinstance(named, str) and not lone else None)


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"model=a+b%2Fc", "a b/c"),
        (b"x=1&model=%C3%BC&y=2", "ü"),
        (b"x=model=no&supermodel=no", None),
        (b"model=", ""),
        (b'{"model": "a"}', "a"),
        (b' {"model": "a", "x": "&model=no&"}', "a"),
    ],
)
def test_a_form_names_its_model_and_json_that_says_it_is_a_form_too(body: bytes, name: str | None) -> None:
    assert name_in_body(body, FORM) == name


def test_a_body_of_no_type_is_read_as_json() -> None:
    assert name_in_body(b'{"model": "a"}', "") == "a"


def test_a_form_in_parts_names_its_model_before_or_behind_a_large_file() -> None:
    audio = ("a.wav", bytes(20_000_000), "audio/wav")
    for files in (
        [("language", (None, b"de")), ("model", (None, "Tiny Ü".encode())), ("file", audio)],
        [("file", audio), ("model", (None, "Tiny Ü".encode()))],
    ):
        assert name_in_body(*parts(files=files)) == "Tiny Ü"


def test_files_and_the_content_of_other_fields_do_not_count() -> None:
    fake = b'\r\n--other\r\nContent-Disposition: form-data; name="model"\r\n\r\nno\r\n--other--\r\n'
    assert name_in_body(*parts(files=[("model", ("model", b"no")), ("file", ("a", fake))])) is None


@pytest.mark.parametrize(
    "boundary", ["boundary=b", 'boundary="b"', "charset=utf-8; boundary=b", 'Boundary="b"']
)
def test_every_spelling_of_the_boundary_is_understood(boundary: str) -> None:
    body = b"preamble\r\n--b  \r\ncontent-disposition:form-data; name=model\r\n\r\na\r\n--b--\r\n"
    assert name_in_body(body, f"multipart/form-data; {boundary}") == "a"


def test_a_form_in_too_many_parts_names_nothing() -> None:
    fields = [(f"f{n}", (None, b"")) for n in range(MOST_PARTS)]
    assert name_in_body(*parts(files=[*fields, ("model", (None, b"a"))])) is None
    assert name_in_body(*parts(files=[*fields[1:], ("model", (None, b"a"))])) == "a"


def test_a_name_longer_than_any_is_none() -> None:
    for length, known in ((LONGEST_NAME, True), (LONGEST_NAME + 1, False)):
        name = "x" * length
        bodies = [
            (json.dumps({"model": name}).encode(), JSON),
            (f"model={name}".encode(), FORM),
            parts(files=[("model", (None, name.encode()))]),
        ]
        for body, kind in bodies:
            assert name_in_body(body, kind) == (name if known else None)


@given(
    st.binary(max_size=300),
    st.sampled_from([JSON, FORM, "", "multipart/form-data", "multipart/form-data; boundary=b"])
    | st.text(max_size=40),
)
def test_no_body_is_too_strange(body: bytes, kind: str) -> None:
    for data in (body, b"--b\r\n" + body + b"\r\n--b--", b'{"model": ' + body):
        found = name_in_body(data, kind)
        assert found is None or len(found) <= LONGEST_NAME


@given(st.binary(max_size=60))
def test_no_head_of_a_part_is_too_strange(head: bytes) -> None:
    body = b"--b\r\nContent-Disposition: form-data; name=" + head + b"\r\n\r\na\r\n--b--\r\n"
    assert name_in_body(body, "multipart/form-data; boundary=b") in {None, "a"} or b"\r\n" in head
