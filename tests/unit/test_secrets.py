"""What must not be given away."""

from __future__ import annotations

import pytest

from model_switcher.domain.secrets import redacted


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer sk-abcdef123456", "Authorization: Bearer ***"),
        ("authorization: abc.def", "authorization: ***"),
        ('{"api_key": "abc", "model": "m"}', '{"api_key": "***", "model": "m"}'),
        ("X-Api-Key: abc", "X-Api-Key: ***"),
        ("started with --api-key abc -c 4096", "started with --api-key *** -c 4096"),
        ("started with --hf-token=abc --port 8080", "started with --hf-token=*** --port 8080"),
        ("--api-key-file /a/keys --ssl-key-file b.pem", "--api-key-file /a/keys --ssl-key-file b.pem"),
        ("HF_TOKEN=abc", "HF_TOKEN=***"),
        ("using hf_AbCdEfGhIjKl here", "using *** here"),
        ("get http://me:pw@host/v1", "get http://***@host/v1"),
    ],
)
def test_keys_tokens_and_passwords_are_replaced(text: str, clean: str) -> None:
    assert redacted(text) == clean
    assert redacted(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "slot release: stop processing: n_tokens = 8, truncated = 0",
        "EOS token        = 2 '</s>'",
        "llama_model_loader: - kv 0: general.key str = llama",
        "0.34 ms per token, 2923.98 tokens per second",
        "common_params_print_info: verbosity = 3 (adjust with the `-lv N` CLI arg)",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_known_secrets_go_wherever_they_stand_the_longest_first() -> None:
    assert redacted("a=hunter2 b=hunter22 c=no", known=("hunter2", "hunter22", "no")) == "a=*** b=*** c=no"


@pytest.mark.parametrize(
    ("home", "text", "clean"),
    [
        ("/home/anna", "loading '/home/anna/models/a.gguf'", "loading '~/models/a.gguf'"),
        ("/home/anna", "/home/annabel/a.gguf", "/home/annabel/a.gguf"),
        (r"C:\Users\Anna", r"loading C:\Users\anna\models\a.gguf", r"loading ~\models\a.gguf"),
        (r"C:\Users\Anna", "loading C:/Users/Anna/a.gguf", "loading ~/a.gguf"),
        (r"C:\Users\Anna", r'{"path": "C:\\Users\\Anna\\a.gguf"}', r'{"path": "~\\a.gguf"}'),
        ("/", "loading /a.gguf", "loading /a.gguf"),
        ("", "loading /a.gguf", "loading /a.gguf"),
    ],
)
def test_the_home_folder_does_not_tell_who_it_is(home: str, text: str, clean: str) -> None:
    assert redacted(text, home=home) == clean
