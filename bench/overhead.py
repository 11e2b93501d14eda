"""What a request costs with obs and with its peers, as ratios to the bare application, measured in one run."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.variants import VARIANTS

_BARE = next(iter(VARIANTS))


def _once(variant: str, sink: str, folder: str, requests: int) -> dict[str, float]:
    log_file = str(Path(folder) / "lines.log")
    command = [sys.executable, "-m", "bench.worker", variant, sink, log_file, str(requests)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{variant} failed:\n{done.stderr}")
    Path(log_file).unlink(missing_ok=True)
    figures: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return figures


def measure(variants: list[str], rounds: int, requests: int) -> dict[str, list[dict[str, float]]]:
    """Run every variant in turn, round after round, so that a slow minute of the machine hits all alike."""
    results: dict[str, list[dict[str, float]]] = {variant: [] for variant in variants}
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([sys.executable, "-m", "bench.sink"], stdout=subprocess.PIPE, text=True) as sink,
    ):
        assert sink.stdout is not None
        url = f"http://127.0.0.1:{sink.stdout.readline().strip()}"
        try:
            for number in range(rounds):
                for variant in variants:
                    sys.stderr.write(f"\rround {number + 1} of {rounds}: {variant:40}")
                    results[variant].append(_once(variant, url, folder, requests))
        finally:
            sink.kill()
    sys.stderr.write("\r" + " " * 70 + "\r")
    return results


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """The result as a Markdown table; ratios are of each round's own bare run, then the median."""
    bare = [figures["microseconds"] for figures in results[_BARE]]
    lines = ["| variant | gives | CPU of a request / bare | spread | peak RSS, MB |", "|---|---|---|---|---|"]
    for variant, runs in results.items():
        ratios = [figures["microseconds"] / base for figures, base in zip(runs, bare, strict=True)]
        memory = statistics.median(figures["rss_megabytes"] for figures in runs)
        lines.append(
            f"| {variant} | {VARIANTS[variant].gives} | {statistics.median(ratios):.2f} "
            f"| {min(ratios):.2f} to {max(ratios):.2f} | {memory:.0f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each variant is run (default: 5)")
    parser.add_argument("--requests", type=int, default=6000, help="requests in each run (default: 6000)")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="variants whose name contains this")
    chosen = parser.parse_args()
    variants = [name for name in VARIANTS if name == _BARE or not chosen.only or any(o in name for o in chosen.only)]
    results = measure(variants, chosen.rounds, chosen.requests)
    bare = statistics.median(figures["microseconds"] for figures in results[_BARE])
    print(table(results))
    print(f"\nbare: {bare:.0f} microseconds; {platform.python_implementation()} {platform.python_version()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
