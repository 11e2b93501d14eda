"""uvicorn: what is held is delivered when the server has shut down, whatever it serves.

After its shutdown uvicorn raises the signal that ended it again, with the handlers of before; a worker that has loaded
the application inside the server ends there, without `atexit` and without obs's own handler.
"""

from __future__ import annotations

from typing import Any

from obs.integrations import Library
from obs.runtime import lifecycle
from obs.runtime.patcher import Patcher

LIBRARY = Library("uvicorn", "uvicorn", "0.20")


def install(patch: Patcher) -> None:
    """Deliver after `Server.shutdown`, which every way of ending passes."""
    from uvicorn.server import Server

    patch.wrap(Server, "shutdown", _delivering)


def _delivering(original: Any) -> Any:
    async def shutdown(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            await original(self, *args, **kwargs)
        finally:
            lifecycle.flush()

    return shutdown
