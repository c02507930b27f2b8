"""What a user of an earlier version has on the disk: kept samples of every form, and what stands in them.

python -m fakes.released VERSION    writes the samples of this version; once it is released, they never change again
"""

from __future__ import annotations

import sys
from pathlib import Path

from model_switcher.domain.history import Record
from model_switcher.domain.need import Amount, Need, Source
from model_switcher.domain.snapshot import Reason, Result
from model_switcher.engine.database import Database
from model_switcher.engine.history.store import HistoryStore
from model_switcher.engine.needs.store import MIGRATIONS, Entry, Key
from model_switcher.engine.needs.store import _write as write_entry

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "released"

RECORD = Record(
    finished=1764000000.5, model="nemotron", result=Result.ROLLED_BACK, seconds=3.25, reason=Reason.REQUEST,
    serving="phinance", phases={"preflight": 0.001, "start": 2.5}, size=7 << 30, engine="llama-server b10434",
    load_seconds=None, cold=True, cause="model-damaged", sentence="Ein Satz – “über” etwas",
)  # fmt: skip
NEED = Need(
    device=Amount(weights=5, cache=4, compute=3), host=Amount(weights=2), source=Source.MEASURED,
    ctx_size=4096, low=12, high=12, driver=7,
)  # fmt: skip
KEY = Key(
    files="[('/ö.gguf', 1, 2)]", options='{"cache-type-k": "q8_0"}', engine="llama-server b1", gpus="RTX"
)
ENTRY = Entry(key=KEY, source=Source.MEASURED, ctx_size=4096, layers=None, need=NEED, noted=1764000000.5)

SETTINGS = """\
# Kept from version to version: comments, order, and every key that there was.
model-folders = ["D:/models", "~/models"]
stores = ["huggingface", "ollama"]
default-model = "nemotron"
start-server = "on first request"

[server]
host = "127.0.0.1"
port = 8090
api-keys = ["key"]
allowed-origins = ["http://192.168.1.5:3000"]
engine = "embedded"
unknown-model = "error"
hold-timeout = "3 min"
hold-limit = 12
hold-bytes = "64 MiB"
drain-timeout = "30 s"
starvation-bound = "5 s"
return-after = "90 s"
lease-limit = "10 min"

[memory]
keep-resident = "one at a time"
margin = "1 GiB"
unload-after-idle = "1 h"
warm-up = false

[desktop]
start-at-login = true
notifications = ["failed"]
theme = "dark"

[launch]
ctx-size = 16384
n-gpu-layers = "auto"

[models."phinance"]
alias = ["finance"]
pinned = true
engine = "D:/llama/llama-server.exe"
port = 8091
ctx-size = 8192
"""


def write(folder: Path) -> None:
    """The files of this version."""
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(SETTINGS, "utf-8")
    HistoryStore(folder / "history.sqlite").add([RECORD])
    Database(folder / "needs.sqlite", "needs", MIGRATIONS).write(
        lambda connection: write_entry(connection, ENTRY)
    )


if __name__ == "__main__":
    write(SAMPLES / sys.argv[1])
