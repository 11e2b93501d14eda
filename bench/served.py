"""The application of one variant, as a server imports it; which one, the environment says."""

from __future__ import annotations

import os
from typing import cast

from bench.variants import VARIANTS, Framework

_framework = cast(Framework, os.environ["BENCH_FRAMEWORK"])
application = (
    VARIANTS[os.environ["BENCH_VARIANT"]]
    .prepare(_framework, os.environ["BENCH_SINK"], os.environ["BENCH_LOG"])
    .application
)
