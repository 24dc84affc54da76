"""Money on an axis: in thousands, millions or billions, so that its numbers are short."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand"))


def scaled(values: NDArray[np.float64]) -> tuple[float, str]:
    """What to divide these values by, and its name before the unit: (1e6, "million ")."""
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if len(finite) else 0.0
    return next(((step, f"{name} ") for step, name in STEPS if largest >= 2 * step), (1.0, ""))
