"""Stand by a running local stack until somebody ends it or a program of it ends by itself."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from obs_stack.local.targets import ScrapedTarget, scraped
from obs_stack.local.up import LocalStack

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_AGAIN_SECONDS = 0.5


class Ended(BaseException):
    """A signal asked for the end; no error handler on the way may take it for a fault."""


@contextmanager
def until_asked() -> Iterator[None]:
    """Leave the block at the first SIGINT, SIGTERM or SIGHUP; later ones do not disturb its clean-up.

    A SIGHUP that is ignored already stays so: that is what `nohup` is for.
    """

    def leave(_: int, __: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise Ended

    deaf = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    heard = [number for number in _SIGNALS if not (deaf and number is signal.SIGHUP)]
    before = {number: signal.signal(number, leave) for number in heard}
    try:
        yield
    except Ended:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def watch(stack: LocalStack) -> str:
    """Print what happens to the services' targets until a program ends.

    Returns:
        Which program has ended, and what it printed last.
    """
    seen: dict[tuple[str, str], str] = {}
    while not (reason := stack.ended()):
        now = {(target.service, target.instance): target for target in scraped(stack.prometheus_url)}
        for key, target in now.items():
            if target.health != "unknown" and seen.get(key) != target.health:
                _tell(_news(target))
                seen[key] = target.health
        for key in [key for key in seen if key not in now]:
            _tell(f"{key[0]} has ended")
            del seen[key]
        time.sleep(_LOOK_AGAIN_SECONDS)
    return reason


def _news(target: ScrapedTarget) -> str:
    if target.health == "up":
        return f"{target.service} is seen at {target.url}"
    return f"{target.service} does not answer at {target.url}: {target.error}"


def _tell(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()
