"""Which of our two languages a caller reads: Chinese where `Accept-Language` prefers it, English otherwise."""

import re

_QUALITY = re.compile(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", re.ASCII)
_LONGEST = 500


def wants_chinese(accepted: str) -> bool:
    """`accepted` as in `Accept-Language`: `zh-CN,zh;q=0.9,en;q=0.8`. Between equals the first one named wins."""
    best: tuple[float, bool] = (0.0, False)
    for part in accepted[:_LONGEST].split(","):
        tag, _, weight = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        quality = _quality(weight)
        if language in ("zh", "en", "*") and quality > best[0]:
            best = (quality, language == "zh")
    return best[1]


def _quality(weight: str) -> float:
    if not weight:
        return 1.0
    form = _QUALITY.fullmatch(weight)
    return float(form[1]) if form else 0.0
