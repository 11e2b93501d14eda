"""Requests a second and latency over a real server, beside the bare application: uvicorn and gunicorn, driven by wrk.

The server runs on one core and wrk on another, where there are two. Each variant writes what it would in production:
the bare application and the peers have their server's access line, obs has its own in its place.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import cast, get_args

from bench import sink
from bench.overhead import Figures, chosen, environment, interleaved, median, ratio
from bench.variants import BARE, VARIANTS, Framework

# Each request of a connection has an item and a text that no other had.
_SCRIPT = """
local number = 0
local part = 0
setup = function(thread) thread:set("part", part); part = part + 1 end
request = function()
  number = number + 1
  local path = string.format("/items/%d?note=note-%d-%d&page=%d", number, part, number, number % 97)
  return wrk.format("GET", path)
end
done = function(summary, latency)
  io.write(string.format("figures %f %f %f %d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.status + summary.errors.read + summary.errors.connect + summary.errors.timeout))
end
"""

_APPLICATION = "bench.served:application"
_SERVERS: dict[Framework, list[str]] = {
    "fastapi": ["uvicorn", _APPLICATION, "--loop", "asyncio", "--port"],
    "flask": ["gunicorn", _APPLICATION, "--worker-class", "gthread", "--threads", "4", "--access-logfile", "-", "-b"],
}


def _command(framework: Framework, port: int) -> list[str]:
    address = str(port) if framework == "fastapi" else f"127.0.0.1:{port}"
    return [sys.executable, "-m", *_SERVERS[framework], address]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _on_core(number: int, command: list[str]) -> list[str]:
    enough = (os.cpu_count() or 1) > 1 and shutil.which("taskset")
    return ["taskset", "-c", str(number), *command] if enough else command


def _await(port: int, server: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"the server does not answer:\n{output.read_text()}")


def _wrk(port: int, seconds: int, script: Path) -> Figures:
    command = ["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}"]
    printed = subprocess.run(_on_core(1, command), capture_output=True, text=True, check=True).stdout
    found = re.search(r"figures (\S+) (\S+) (\S+) (\d+)", printed)
    if found is None or int(found[4]):
        raise SystemExit(f"wrk saw failed requests:\n{printed}")
    return {"requests": float(found[1]), "p50": float(found[2]), "p99": float(found[3])}


def _once(framework: Framework, variant: str, url: str, folder: Path, seconds: int) -> Figures:
    port, output, script = _free_port(), folder / "output", folder / "requests.lua"
    script.write_text(_SCRIPT)
    names = {"BENCH_FRAMEWORK": framework, "BENCH_VARIANT": variant, "BENCH_SINK": url}
    variables = {**environment(variant), **names, "BENCH_LOG": str(folder / "lines.log")}
    with (
        output.open("wb") as file,
        subprocess.Popen(_on_core(0, _command(framework, port)), env=variables, stdout=file, stderr=file) as server,
    ):
        try:
            _await(port, server, output)
            _wrk(port, 1, script)
            return _wrk(port, seconds, script)
        finally:
            server.terminate()
            server.wait(30)


def main() -> int:
    """Measure and print a table for each framework."""
    parser = argparse.ArgumentParser(prog="python -m bench.servers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each variant is run (default: 3)")
    parser.add_argument("--seconds", type=int, default=5, help="how long each run lasts (default: 5)")
    parser.add_argument("--framework", choices=get_args(Framework), help="only this one")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="variants whose name contains this")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("wrk is not there; it is a package of that name (apt-get install wrk, brew install wrk)")
    # With a server there is its own access line.
    variants = [name for name in chosen(given.only) if name != "bare, access line too"]
    with tempfile.TemporaryDirectory() as folder, sink.running() as url:
        for framework in cast("tuple[Framework, ...]", (given.framework,) if given.framework else get_args(Framework)):

            def once(variant: str, framework: Framework = framework) -> Figures:
                return _once(framework, variant, url, Path(folder), given.seconds)

            results = interleaved(variants, given.rounds, once)
            bare = median(results, BARE, "requests")
            print(f"{framework}; bare answered {bare:.0f} requests a second\n")
            print("| variant | gives | requests a second / bare | p50, ms | p99, ms | p99 / bare |")
            print("|---|---|---|---|---|---|")
            for name in results:
                latency = " | ".join(f"{median(results, name, figure):.1f}" for figure in ("p50", "p99"))
                print(
                    f"| {name} | {VARIANTS[name].gives} | {ratio(results, name, 'requests')} | {latency} "
                    f"| {ratio(results, name, 'p99')} |"
                )
            print(flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
