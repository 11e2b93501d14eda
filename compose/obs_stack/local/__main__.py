"""`python -m obs_stack.local`: the process that stays in the background after `obs up --detach`."""

from __future__ import annotations

import argparse
import sys

from obs_stack.commands import up

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m obs_stack.local")
    up.configure(parser)
    sys.exit(up.run(parser.parse_args()))
