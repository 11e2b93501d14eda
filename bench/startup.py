"""What importing and setting up costs before the first request: CPU and memory, beside the bare application."""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import cast, get_args

from bench import sink
from bench.overhead import Figures, chosen, figures_of, interleaved
from bench.variants import BARE, VARIANTS, Framework


def _measure(framework: Framework, variant: str, url: str, log_file: str) -> Figures:
    """Set up in this process, whose time so far went into the interpreter and the framework."""
    VARIANTS[variant].prepare(framework, url, log_file)
    return {
        "milliseconds": time.process_time() * 1e3,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _in_its_own_process(framework: str, variant: str, url: str, folder: str) -> Figures:
    log_file = str(Path(folder) / "lines.log")
    return figures_of("bench.startup", variant, "--one", framework, variant, url, log_file)


def main() -> int:
    """Measure and print a table for each framework."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each variant is started (default: 7)")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="variants whose name contains this")
    parser.add_argument("--one", nargs=4, metavar=("FRAMEWORK", "NAME", "SINK", "LOG_FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        framework, variant, url, log_file = given.one
        sys.stderr.write("\n" + json.dumps(_measure(cast(Framework, framework), variant, url, log_file)))
        sys.stderr.flush()
        return 0
    with tempfile.TemporaryDirectory() as folder, sink.running() as url:
        for framework in get_args(Framework):

            def once(variant: str, framework: str = framework) -> Figures:
                return _in_its_own_process(framework, variant, url, folder)

            results = interleaved(chosen(given.only), given.rounds, once)
            print(f"{framework}\n\n| variant | CPU over bare, milliseconds | memory over bare, MB |\n|---|---|---|")
            for variant in results:
                over = {
                    figure: statistics.median(run[figure] for run in results[variant])
                    - statistics.median(run[figure] for run in results[BARE])
                    for figure in ("milliseconds", "megabytes")
                }
                print(f"| {variant} | {over['milliseconds']:.0f} | {over['megabytes']:.1f} |")
            print(flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
