"""Values as they may really be, where they are known with errors.

The best of many measured with error look better than they are: a frontier through measured values lies too far out, and draws around
the measured values would move it out once more. So the draws are of what the values may really be, given what was measured: each is
drawn towards the middle of all cities, the more the larger its error, and keeps the error that is left. What was filled in, or
shrunk before, has been drawn towards the others already, and is only moved.

Source: Efron and Morris (1973) for the empirical Bayes prior; Hoffman and Ribak (1991), Astrophysical Journal 380, for draws given
data: a draw of the prior, moved by the gain times what is measured beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST = 20
"""Draws of values below which no interval is made of them."""

LEAST, MOST_STEPS = 40, 5e9
"""Draws held against a frontier at least, and cities x cities x dimensions over all of them, for time."""

PRIOR = 3
"""Which of the random streams of a seed the prior's is."""


@dataclass(frozen=True)
class Errors:
    """What is not sure about values [N, D].

    Attributes
    ----------
    measured:
        Values drawn anew within their errors of measurement [B, N, D]; None: they have none.
    filled:
        Values with what was filled in, or shrunk towards others, drawn anew [B, N, D]; None: there is nothing such.
    """

    measured: Floats | None = None
    filled: Floats | None = None

    @property
    def known(self) -> list[tuple[str, Floats]]:
        """What there is, by the name of the argument."""
        named = (("value_draws", self.measured), ("filled_draws", self.filled))
        return [(name, np.asarray(draws, dtype=float)) for name, draws in named if draws is not None]

    @property
    def draws(self) -> int:
        """How many there are, the shorter of both again in turn; 0 where nothing is unsure."""
        return max((len(draws) for _, draws in self.known), default=0)

    def take(self, rows: Ints) -> Errors:
        """Some cities."""
        measured, filled = (
            None if d is None else np.asarray(d, dtype=float)[:, rows] for d in (self.measured, self.filled)
        )
        return Errors(measured, filled)


def error_problems(errors: Errors, shape: tuple[int, int], values: Floats) -> Iterator[str]:
    """Draws that do not fit the values."""
    for name, draws in errors.known:
        if draws.ndim != 3 or draws.shape[1:] != shape:
            seen = " x ".join(map(str, draws.shape))
            yield f"{name}: they are {seen}, for {shape[0]} cities and {shape[1]} names. Give draws x cities x dimensions."
        elif len(draws) < FEWEST:
            yield f"{name}: {len(draws)} are too few. Give at least {FEWEST}."
        elif values.shape == shape and not np.isfinite(draws[:, ~np.isnan(values).any(axis=1)]).all():
            yield f"{name}: a value is missing or infinite where the city's value is known. Draw all dimensions of such a city."


def likely(values: Floats, errors: Errors, *, seed: int) -> Floats:
    """Values [B, N, D] as they may really be; exactly as they are where they have no error.

    ``values`` [N, D] and errors come in an order that does not depend on the user's.
    """
    found = np.repeat(values[None], errors.draws, axis=0)
    if errors.measured is not None:
        off = errors.measured - errors.measured.mean(axis=0)
        _shrink(found, off[np.arange(len(found)) % len(off)], np.random.default_rng([seed, PRIOR]))
    if errors.filled is not None:
        filled = errors.filled - errors.filled.mean(axis=0)
        found += filled[np.arange(len(found)) % len(filled)]
    return np.maximum(found, 0.0)


def _shrink(found: Floats, off: Floats, rng: np.random.Generator) -> None:
    """Move equal values [B, N, D] to draws given that they were measured with errors like ``off``, in place."""
    values, variance = found[0].copy(), off.var(axis=0, ddof=1)
    n, dim = values.shape
    middle = values.mean(axis=0)
    apart = np.zeros((dim, dim)) if n == 1 else np.cov(values.T).reshape(dim, dim)
    roots, axes = np.linalg.eigh(apart - np.diag(variance.mean(axis=0)))
    roots = np.maximum(roots, 0.0)  # errors that explain more than there is leave nothing
    prior = (axes * roots) @ axes.T
    gain = prior @ np.linalg.pinv(prior + variance[:, :, None] * np.eye(dim), hermitian=True)
    sure = variance <= 1e-24 * np.maximum(values**2, 1e-300)
    for b in range(len(found)):
        real = middle + rng.standard_normal((n, dim)) @ (axes * np.sqrt(roots)).T
        moved = real + np.matmul(gain, (values - real - off[b])[:, :, None])[:, :, 0]
        found[b] = np.where(sure, values, moved)


def indices(values: Floats, errors: Errors, index_of: Callable[[Floats], Floats], *, seed: int, most: int) -> Floats:
    """The index of all cities by values as they may really be [B, N]; fewer draws where there are many cities."""
    n, dim = values.shape
    number = min(errors.draws, most, max(LEAST, int(MOST_STEPS // (n * n * dim))))
    return np.stack([index_of(v) for v in likely(values, errors, seed=seed)[:number]])
