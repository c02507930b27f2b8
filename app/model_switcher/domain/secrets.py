"""What must not be shown or given away: keys, tokens and passwords in command lines and in texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

HIDDEN = "***"
SHORTEST_SECRET = 4
"""Characters; a shorter key would be found in half of all words."""

_SECRET = r"(?:key|token|password|passwd|secret|credential)"  # noqa: S105 - a pattern
_SECRET_OPTION = re.compile(rf"^-{{1,2}}[\w-]*{_SECRET}[\w-]*(?P<joined>=)?", re.IGNORECASE)
# What follows these is no secret, but the name of a file that holds one.
_FILE_OPTION = re.compile(r"^-{1,2}[\w-]*file[\w-]*", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"^(?:sk-|hf_|ghp_|github_pat_|Bearer )\S+")
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+(?=@)")

_IN_TEXT = (
    (_IN_ADDRESS, HIDDEN),
    (re.compile(r"\b(Bearer|Basic)\s+(?!\*)[^\s\"',;]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\b(?:sk-|hf_|ghp_|gho_|github_pat_|xox[abp]-)[\w-]{6,}"), HIDDEN),
    # An option with its value, but for those that name a file: --api-key X, --hf-token=X.
    (
        re.compile(
            rf"(?<!\S)(-{{1,2}}(?![\w-]*file)[\w-]*{_SECRET}(?![\w-]*file)[\w-]*(?:=|\s+))(?!-)\S+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    # A field of JSON, a header, or a variable: "api_key": "X", X-Api-Key: X, HF_TOKEN=X. Not "n_tokens = 8".
    (
        re.compile(
            r"((?:[\w-]*(?:api[_-]?key|password|passwd|secret)|authorization|access[_-]token|(?-i:[A-Z]+_TOKEN))"
            r"[\"']?\s*[:=]\s*[\"']?)(?!\*|Bearer\b|Basic\b)[^\s\"',;}]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)


def without_secrets(command: Sequence[str]) -> tuple[str, ...]:
    """A command line whose keys, tokens and passwords are replaced by "***"."""
    shown: list[str] = []
    hide_next = False
    for word in command:
        option = None if hide_next or _FILE_OPTION.match(word) else _SECRET_OPTION.match(word)
        if hide_next or _SECRET_VALUE.match(word):
            shown.append(HIDDEN)
        elif option is not None and option["joined"]:
            shown.append(option[0] + HIDDEN)
        else:
            shown.append(_IN_ADDRESS.sub(HIDDEN, word))
        hide_next = option is not None and not option["joined"]
    return tuple(shown)


def redacted(text: str, *, known: Collection[str] = (), home: str = "") -> str:
    """`text` without what looks like a key, a token or a password, and without the user's name in paths.

    Args:
        text: Lines of a log, or anything else.
        known: Secrets that are known to be such, wherever they stand.
        home: The user's home folder, which becomes "~"; empty for none.
    """
    for secret in sorted((one for one in known if len(one) >= SHORTEST_SECRET), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    for folder in _spellings(home):
        text = re.sub(rf"{re.escape(folder)}(?![\w.-])", "~", text, flags=re.IGNORECASE)
    return text


def _spellings(folder: str) -> list[str]:
    """A folder as paths are written: with either slash, and with those that JSON doubles. The root folder is none."""
    plain = folder.rstrip("/\\")
    if not plain.strip("/\\:"):
        return []
    return list(dict.fromkeys((plain, plain.replace("\\", "/"), plain.replace("\\", "\\\\"))))
