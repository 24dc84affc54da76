"""Sums of rows that belong together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sums_by(codes: NDArray[np.int64], values: Floats, n: int | None = None) -> Floats:
    """Sums of rows by code, [G, K] for values [n, K] and [G] for values [n].

    Parameters
    ----------
    codes:
        [n], from 0 on.
    values:
        [n] or [n, K].
    n:
        How many codes there are; default one more than the largest.
    """
    size = n if n is not None else int(codes.max(initial=-1)) + 1
    if values.ndim == 1:
        return np.bincount(codes, values, size).astype(np.float64)
    found = np.zeros((size, values.shape[1]))
    for k, column in enumerate(values.T):
        found[:, k] = np.bincount(codes, column, size)
    return found
