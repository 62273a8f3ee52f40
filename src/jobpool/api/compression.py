"""gzip for answers whose callers take it."""

import asyncio
import re
import zlib

from msgspec.structs import replace

from jobpool.api.rest_body import Answer

WORTH_IT = 1024
"""Bytes below which an answer is sent as it is."""
_LARGE = 256 * 1024
"""Bytes from which compressing would hold up other callers."""
_LEVEL = 4
_GZIP = 16 + zlib.MAX_WBITS
_QUALITY = re.compile(r"\s*q\s*=\s*0(?:\.0{0,3})?\s*", re.ASCII)
_VARIES = ("vary", "Accept-Encoding")


async def compressed(answer: Answer, accepted: str) -> Answer:
    """The answer, smaller where that is worth it and `accepted` (as in `Accept-Encoding`) allows it."""
    if len(answer.body) < WORTH_IT:
        return answer
    if not accepts_gzip(accepted):
        return replace(answer, headers=(*answer.headers, _VARIES))
    body = await asyncio.to_thread(_gzip, answer.body) if len(answer.body) > _LARGE else _gzip(answer.body)
    return replace(answer, body=body, headers=(*answer.headers, _VARIES, ("content-encoding", "gzip")))


def accepts_gzip(accepted: str) -> bool:
    """What is said of gzip itself counts more than what is said of `*`."""
    said: dict[str, bool] = {}
    for part in accepted.split(","):
        coding, _, weight = part.partition(";")
        said[coding.strip().lower()] = not _QUALITY.fullmatch(weight)
    return said.get("gzip", said.get("x-gzip", said.get("*", False)))


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush()
