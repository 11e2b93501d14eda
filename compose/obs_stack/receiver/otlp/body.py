"""The body of a request: never larger than allowed, before and after decompression."""

from __future__ import annotations

import zlib

from starlette.requests import Request

_GZIP = 16 + zlib.MAX_WBITS


class RefusedError(Exception):
    """A request that is answered with an error.

    Args:
        status: The HTTP status.
        problem: What is wrong, one sentence.
    """

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem


async def read_body(request: Request, limit: int) -> bytes:
    """Read and decompress a body.

    Args:
        request: The request.
        limit: The most bytes, before and after decompression.

    Raises:
        RefusedError: It is too large (413), compressed in an unknown way (415), or no gzip (400).
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise RefusedError(415, f"content-encoding {encoding[:40]!r} is not supported; send gzip or none")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise _too_large(limit)
    return _gunzip(bytes(received), limit) if encoding == "gzip" else bytes(received)


def _gunzip(packed: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        body = unpacker.decompress(packed, limit + 1)
    except zlib.error as error:
        raise RefusedError(400, f"the body is no gzip: {error}") from None
    if len(body) > limit:
        raise _too_large(limit)
    if not unpacker.eof:
        raise RefusedError(400, "the gzip body is cut off")
    return body


def _too_large(limit: int) -> RefusedError:
    return RefusedError(413, f"the body is larger than {limit} bytes; send smaller batches")
