"""`python -m obs`: the command `obs` where its script is not on the PATH."""

import sys

from obs.cli import main

sys.exit(main())
