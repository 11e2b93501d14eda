"""`make demo`: the shop with everything around it, until Ctrl-C, or once with every claim verified."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import httpx

from examples.shop import evidence
from examples.shop.customers import Customers
from examples.shop.evidence import Row, Stack
from examples.shop.processes import Shop
from obs.manifest import Manifest, load
from obs_stack.local.supervisor import until_asked
from obs_stack.local.up import LocalStack

# An hour of an alert's window passes in a minute; the committed rules are untouched.
SPEED = 60

_MANIFEST = Path(__file__).resolve().parents[2] / "obs.toml"
_USUAL_PORTS = {"gateway": 8000, "orders": 8001, "payments": 8002}


class Demo:
    """The local stack, the shop and its customers, started together.

    Args:
        manifest: The services of the shop.
        folder: Where everything that runs keeps its files.
        bursts: Whether errors come in bursts by themselves.
    """

    def __init__(self, manifest: Manifest, folder: Path, *, bursts: bool) -> None:
        self.manifest = manifest
        self.local = LocalStack(manifest, folder / "stack", speed=SPEED)
        self._folder = folder
        self._bursts = bursts
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(self.local)
            self.stack = Stack(self.local.prometheus_url, self.local.alertmanager_url, self.local.receiver_url)
            self.shop = starting.enter_context(Shop(self._folder / "shop", self.local.environment, _USUAL_PORTS))
            self.customers = starting.enter_context(Customers(self.shop.url("gateway"), bursts=self._bursts))
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def prove(self) -> Iterator[Row]:
        """Every claim in turn, with what was seen."""
        yield from evidence.arrivals(self.stack, self.manifest)
        yield evidence.correlation(self.stack)
        yield evidence.exact_count(self.stack, self.shop)
        yield from evidence.burst(self.stack, self.customers)
        yield evidence.panels(self.stack, self.manifest)

    def where_to_look(self) -> str:
        """The addresses, for a person."""
        rows = {
            "services, alerts, traces": self.local.receiver_url,
            "dashboards": f"{self.local.receiver_url}/d/obs-http-service",
            "logs": f"{self.local.receiver_url}/logs?q=log.level:error",
            "Prometheus": f"{self.local.prometheus_url}/graph",
            "Alertmanager": self.local.alertmanager_url,
            "the shop itself": f"{self.shop.url('gateway')}/docs",
        }
        return "\n".join(f"  {what:26}{url}" for what, url in rows.items())


def _say(text: str) -> None:
    print(text, flush=True)


def _coloured(text: str, colour: int) -> str:
    wanted = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\x1b[{colour}m{text}\x1b[0m" if wanted else text


def _verify(demo: Demo) -> int:
    failed = []
    for row in demo.prove():
        _say(f"{_coloured('proved', 32) if row.holds else _coloured('FAILED', 31)}  {row.claim}: {row.figure}")
        if not row.holds:
            failed.append(row.claim)
    if failed:
        _say(f"\n{len(failed)} of the claims did not hold: {'; '.join(failed)}")
        return 1
    _say("\nEvery claim holds.")
    return 0


def _watch(demo: Demo) -> int:
    _say("The bank breaks down for a quarter of a minute every two minutes. Ctrl-C ends everything.\n")
    while not (reason := demo.local.ended()):
        with suppress(httpx.HTTPError):
            _say(f"{time.strftime('%H:%M:%S')}  {_now(demo.stack)}")
        time.sleep(10)
    sys.stderr.write(f"obs: {reason}\n")
    return 1


def _now(stack: Stack) -> str:
    """What goes on, in a line."""
    found = stack.query("sum by (job) (rate(http_server_request_duration_seconds_count[10s]))")
    rates = ", ".join(f"{s['metric']['job']} {float(s['value'][1]):.0f}/s" for s in found)
    # The Watchdog always fires: that it does is how one sees that alerts arrive.
    firing = {s["metric"]["alertname"] for s in stack.query('ALERTS{alertstate="firing"}')} - {"Watchdog"}
    return f"requests: {rates or 'none yet'}  alerts: {', '.join(sorted(firing)) or 'none'}"


def main() -> int:
    """Start the demo; returns 0, 1 when a claim did not hold, 2 when it cannot start, 130 when it was stopped early."""
    parser = argparse.ArgumentParser(prog="make demo", description="Run the example shop with everything around it.")
    parser.add_argument("--once", action="store_true", help="verify every claim, then end")
    once = parser.parse_args().once
    # Everything talks on loopback; a proxy of the environment knows nothing of it.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    try:
        with until_asked(), tempfile.TemporaryDirectory(prefix="obs-demo-") as folder:
            _say("Starting Prometheus, Alertmanager, the receiver and the shop ...")
            with Demo(load(_MANIFEST), Path(folder), bursts=not once) as demo:
                _say(f"\n{demo.where_to_look()}\n")
                return _verify(demo) if once else _watch(demo)
    except (RuntimeError, OSError) as fault:
        sys.stderr.write(f"obs: {fault}\n")
        return 2
    _say("\nEverything is stopped.")
    return 130 if once else 0


if __name__ == "__main__":
    raise SystemExit(main())
