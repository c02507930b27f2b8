"""A real process that behaves like an engine, with the faults that a real one does not produce on demand.

Run as `python fake_engine.py [--fault …] <llama-server flags>`. Flags that it does not know are ignored. With
`--faults FOLDER` each start looks up its faults in the folder, in a file that is named as its model.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def report(state: str, payload: dict[str, object]) -> None:
    print(f"cmd_child_to_router:state:{json.dumps({'state': state, 'payload': payload})}", flush=True)


def loading(part: float) -> None:
    report("loading", {"stages": ["text_model"], "current": "text_model", "value": part})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    aliases: tuple[str, ...] = ()

    def do_GET(self) -> None:
        self._answer({"data": [{"id": self.aliases[0], "aliases": list(self.aliases)}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer({"model": self.aliases[0], "content": "a"})

    def _answer(self, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The access log is nobody's concern."""


def watch_stdin() -> None:
    while sys.stdin.buffer.read(1):
        continue
    os._exit(1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--faults", type=Path, metavar="FOLDER")
    parser.add_argument("--alias", default="x")
    parser.add_argument("--load-seconds", type=float, default=0.0)
    parser.add_argument("--load-until", type=Path, metavar="FILE", help="load until there is such a file")
    parser.add_argument("--exit-at-once", type=int)
    parser.add_argument("--exit-while-loading", type=int)
    parser.add_argument("--exit-after-ready", type=float)
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--ignore-termination", action="store_true")
    parser.add_argument("--leave-child", type=Path, metavar="PIDFILE")
    parser.add_argument("--leave-child-on-port", action="store_true", help="one that holds our port with us")
    parser.add_argument("--hang", action="store_true", help="stop working once ready")
    parser.add_argument("--silent", action="store_true", help="report nothing, as older engines do")
    parser.add_argument("--wrong-alias", action="store_true")
    parser.add_argument("--garbage", action="store_true")
    parser.add_argument("--deaf", action="store_true", help="compute for ever once ready, and answer nothing")
    parser.add_argument("--flood-mib", type=int, default=0)
    options = parser.parse_known_args()[0]
    if options.faults is None:
        return options
    file = options.faults / options.alias.split(",")[0]
    faults = shlex.split(file.read_text("utf-8")) if file.exists() else []
    return parser.parse_known_args([*faults, *sys.argv[1:]])[0]


def begin(options: argparse.Namespace, server: ThreadingHTTPServer) -> None:
    """What comes before the load."""
    if options.exit_at_once is not None:
        print("error: refusing to work", file=sys.stderr)
        raise SystemExit(options.exit_at_once)
    if options.leave_child_on_port and os.fork() == 0:
        assert server.fileno() >= 0
        signal.pause()
    if options.ignore_termination:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        threading.Thread(target=watch_stdin, daemon=True).start()
    if options.leave_child:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        options.leave_child.write_text(str(child.pid), encoding="utf-8")
    if options.garbage:
        sys.stdout.buffer.write(b"\x00\xff\xfe cmd_child_to_router:state:{{{\n" + b"\xff" * 200_000)
        sys.stdout.buffer.write(b'\ncmd_child_to_router:state:{"state":"ready","payload":7}\n')
        sys.stdout.flush()
    lines = (b"x" * 1023 + b"\n") * 64
    for _ in range(options.flood_mib * 16):
        sys.stderr.buffer.write(lines)


def load(options: argparse.Namespace) -> None:
    if not options.silent:
        loading(0.0)
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < options.load_seconds:
            loading(passed / options.load_seconds)
            time.sleep(0.01)
    while options.load_until and not options.load_until.exists():
        time.sleep(0.01)
    if options.exit_while_loading is not None:
        print("error: giving up", file=sys.stderr, flush=True)
        os._exit(options.exit_while_loading)
    while options.never_ready:
        time.sleep(1)


def serve(options: argparse.Namespace, server: ThreadingHTTPServer) -> None:
    Handler.aliases = ("stranger",) if options.wrong_alias else tuple(options.alias.split(","))
    print(f"listening on http://127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)
    if not options.silent:
        report("ready", {"id": Handler.aliases[0], "aliases": list(Handler.aliases)})
    if options.exit_after_ready is not None:
        threading.Timer(options.exit_after_ready, lambda: os._exit(3)).start()
    if options.hang:
        os.kill(os.getpid(), signal.SIGSTOP)
    while options.deaf:
        pass
    server.serve_forever()


def main() -> None:
    options = arguments()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    begin(options, server)
    load(options)
    serve(options, server)


if __name__ == "__main__":
    main()
