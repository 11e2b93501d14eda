"""What a request costs in CPU with obs and with its peers, as ratios to the bare application, measured in one run."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from bench import sink
from bench.variants import BARE, VARIANTS, Framework

Figures = dict[str, float]
Results = dict[str, list[Figures]]


def figures_of(module: str, variant: str, *arguments: str) -> Figures:
    """Run a module of the bench in a process of its own, whose last line is its figures."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=environment(variant),
    )
    if done.returncode:
        raise SystemExit(f"{variant} failed:\n{done.stderr}")
    figures: Figures = json.loads(done.stderr.splitlines()[-1])
    return figures


def environment(variant: str) -> dict[str, str]:
    """What a variant runs with: logfire is a plugin of pydantic, which would load it into every other one."""
    return dict(os.environ) if variant == "logfire" else {**os.environ, "PYDANTIC_DISABLE_PLUGINS": "1"}


def _once(framework: str, variant: str, url: str, folder: str, requests: int) -> Figures:
    log_file = Path(folder) / "lines.log"
    figures = figures_of("bench.worker", variant, framework, variant, url, str(log_file), str(requests))
    log_file.unlink(missing_ok=True)
    return figures


def interleaved(variants: list[str], rounds: int, once: Callable[[str], Figures]) -> Results:
    """Run every variant in turn, round after round, so that a slow minute of the machine hits all alike."""
    results: Results = {variant: [] for variant in variants}
    for number in range(rounds):
        for variant in variants:
            if sys.stderr.isatty():
                sys.stderr.write(f"\r\x1b[Kround {number + 1} of {rounds}: {variant}")
            results[variant].append(once(variant))
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    return results


def ratio(results: Results, variant: str, figure: str) -> str:
    """The median of each round's ratio to its own bare run, with the least and the greatest."""
    pairs = zip(results[variant], results[BARE], strict=True)
    ratios = [run[figure] / bare[figure] for run, bare in pairs]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def median(results: Results, variant: str, figure: str) -> float:
    """The median of a figure over the rounds."""
    return statistics.median(run[figure] for run in results[variant])


def _table(results: Results) -> str:
    lines = [
        "| variant | gives | CPU of a request / bare | of it other threads | peak memory over bare, MB |",
        "|---|---|---|---|---|",
    ]
    for variant in results:
        share = median(results, variant, "of other threads") / median(results, variant, "microseconds")
        memory = median(results, variant, "peak") - median(results, BARE, "peak")
        lines.append(
            f"| {variant} | {VARIANTS[variant].gives} | {ratio(results, variant, 'microseconds')} "
            f"| {share:.0%} | {memory:.1f} |"
        )
    return "\n".join(lines)


def chosen(names: list[str]) -> list[str]:
    """The variants of which one of these is a part of the name, and the bare one always."""
    return [name for name in VARIANTS if name == BARE or not names or any(part in name for part in names)]


def main() -> int:
    """Measure and print a table for each framework."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each variant is run (default: 5)")
    parser.add_argument("--requests", type=int, default=6000, help="requests in each run (default: 6000)")
    parser.add_argument("--framework", choices=get_args(Framework), help="only this one")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="variants whose name contains this")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sink.running() as url:
        for framework in [given.framework] if given.framework else get_args(Framework):

            def once(variant: str, framework: str = framework) -> Figures:
                return _once(framework, variant, url, folder, given.requests)

            results = interleaved(chosen(given.only), given.rounds, once)
            bare = median(results, BARE, "microseconds")
            print(f"{framework}; a bare request took {bare:.0f} microseconds\n\n{_table(results)}\n", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
