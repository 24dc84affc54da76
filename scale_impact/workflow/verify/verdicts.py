"""Verdict: how a number that was computed again stands to the published one, and within which tolerance.

Two machines rarely give the same last digit. Over BLAS kernels, numbers of threads and a stack of
packages 18 months older, coefficients and standard errors agreed to 1.3e-14 relative, an optimiser's
weights to 1.4e-12: the tolerances leave room for that and for nothing that a reader would call a change.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Verdict = Literal[
    "identical", "within tolerance", "same sign and significance", "same sign", "new", "different", "missing"
]
ORDER: tuple[Verdict, ...] = get_args(Verdict)
"""From best to worst. ``new`` is there now and was not published, ``missing`` the other way round."""

GOOD: tuple[Verdict, ...] = ORDER[:2]
"""Verdicts with which a number is verified."""

Value = float | int | bool | str
"""A number or a text of a row; None stands for no value."""


@dataclass(frozen=True)
class Tolerance:
    """Two numbers agree where they differ by at most ``absolute`` + ``relative`` times the published one."""

    relative: float
    absolute: float

    def holds(self, published: float, now: float) -> bool:
        """Whether two numbers agree."""
        return abs(now - published) <= self.absolute + self.relative * abs(published)


EXACT = Tolerance(0.0, 0.0)
ESTIMATE = Tolerance(1e-8, 1e-12)
OPTIMISED = Tolerance(1e-6, 1e-12)
P_VALUE = Tolerance(0.0, 1e-8)
OPTIMISED_P_VALUE = Tolerance(0.0, 1e-6)

WORDS = {
    "counts": "exactly",
    "texts": "exactly; a number with decimals in a sentence may differ by one in its last digit",
    "estimates, standard errors, interval ends, statistics": "1e-8 relative, 1e-12 absolute",
    "p-values": "1e-8 absolute",
    "estimators and checks that search an optimum": "1e-6",
}
"""The tolerances as reports say them."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts; of none: identical."""
    return max(verdicts, key=ORDER.index, default="identical")


def distance(published: Value | None, now: Value | None) -> float | None:
    """Relative difference of two numbers, by the larger one; None where one is no number.

    Numbers that are zero but for rounding (1e-17 and 3e-17) do not differ.
    """
    if not (_is_number(published) and _is_number(now)):
        return None
    a, b = float(published), float(now)  # type: ignore[arg-type]
    return 0.0 if abs(b - a) <= ESTIMATE.absolute else abs(b - a) / max(abs(a), abs(b))


@dataclass(frozen=True)
class Conclusion:
    """What a reader takes from a row: the sign of its estimate, and whether it is told apart from zero.

    ``sign`` None: each number has its own. ``sure`` is the verdict where the row is a check's.
    """

    sign: int | None
    sure: bool | str | None


def judge(
    published: Value | None, now: Value | None, tolerance: Tolerance, before: Conclusion, after: Conclusion
) -> Verdict:
    """The verdict of one number or text; not for two that are both None."""
    if published is None or now is None:
        return "identical" if published is now else "new" if published is None else "missing"
    if published == now and isinstance(published, bool) == isinstance(now, bool):
        return "identical"
    if isinstance(published, str) and isinstance(now, str):
        return _of_texts(published, now, before, after)
    if not (_is_number(published) and _is_number(now)):
        return "different"
    a, b = float(published), float(now)
    whole = isinstance(published, int) and isinstance(now, int)
    if not whole and tolerance.holds(a, b):
        return "within tolerance"
    return "different" if whole or tolerance is EXACT else _reading(a, b, before, after)


def _of_texts(published: str, now: str, before: Conclusion, after: Conclusion) -> Verdict:
    """A sentence of which only numbers moved says no more than they do, as long as the conclusion is the same."""
    if same_text(published, now):
        return "within tolerance"
    same_words = NUMBER.sub("#", published) == NUMBER.sub("#", now)
    return "same sign and significance" if same_words and before == after else "different"


def _reading(a: float, b: float, before: Conclusion, after: Conclusion) -> Verdict:
    """Beyond the tolerance: whether a reader would still conclude the same."""
    signs = (_sign(a), _sign(b)) if before.sign is None or after.sign is None else (before.sign, after.sign)
    if signs[0] != signs[1]:
        return "different"
    return "same sign and significance" if before.sure == after.sure else "same sign"


def _sign(value: float) -> int:
    return 0 if value == 0 else int(math.copysign(1, value))


def sign_of(value: float | None) -> int | None:
    """-1, 0 or 1; None of no value."""
    return None if value is None else _sign(value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


NUMBER = re.compile(r"[-+−]?\d[\d,.]*\d|[-+−]?\d")
DECIMAL = re.compile(r"([-+−]?\d[\d,]*\.\d+)")


def same_text(published: str, now: str) -> bool:
    """Whether two sentences say the same: equal words, and decimals that differ by one in the last digit at most.

    A number that moved within its tolerance may be printed with another last digit.
    """
    before, after = DECIMAL.split(published), DECIMAL.split(now)
    if before[::2] != after[::2]:
        return False
    return all(a == b or _last_digit(a, b) for a, b in zip(before[1::2], after[1::2], strict=True))


def _last_digit(a: str, b: str) -> bool:
    one, other = (len(text.partition(".")[2]) for text in (a, b))
    x, y = (float(text.replace(",", "").replace("−", "-")) for text in (a, b))
    return one == other and abs(x - y) <= 1.5 * 10.0**-one
