"""Files that bear the name of a GGUF file and are something else: what they are, for people."""

from __future__ import annotations

# Formats that llama.cpp wrote before GGUF: their magic numbers as they stand in the file.
_BEFORE_GGUF = (b"lmgg", b"fmgg", b"tjgg", b"algg", b"GGML", b"GGJT")


def name_look_alike(beginning: bytes) -> str:
    """One sentence on what a file is that begins with `beginning` and not as a GGUF file does."""
    text = beginning.lstrip().lower()
    if text.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not the model itself; fetch it with `git lfs pull`"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"{")):
        return "it is a web page or a server's answer that was saved in place of the model; download it again"
    if beginning.startswith(_BEFORE_GGUF):
        return "it has a format that llama.cpp gave up for GGUF in 2023; look for a newer file of this model"
    if beginning.startswith((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf")):
        return "it is an archive; unpack it"
    if not beginning.strip(b"\0"):
        return "it begins with zeros: the download did not finish"
    return "it is not a GGUF file"
