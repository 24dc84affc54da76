"""Small sets of cities, and their ranks made the slow and plain way."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from scale_impact.benchmark.cities import Cities, Criterion
from scale_impact.benchmark.scores import score


def cities(values, dimensions=None, *, posts=(0.0, 100.0), errors=None, directions=None):
    """Cities c00, c01, ... by indicators x0, x1, ..., each a dimension of its own unless said."""
    values = np.asarray(values, dtype=float)
    n, k = values.shape
    columns = [f"x{j}" for j in range(k)]
    frame = pd.DataFrame(values, columns=columns).assign(city=[f"c{i:02d}" for i in range(n)])
    names = dimensions or [f"d{j}" for j in range(k)]
    signs = directions or ["+"] * k
    ends = [posts if s == "+" else posts[::-1] for s in signs]
    criteria = [
        Criterion(c, c, "", d, s, worst=e[0], best=e[1]) for c, d, s, e in zip(columns, names, signs, ends, strict=True)
    ]
    spread = None
    if errors is not None:
        frame = frame.assign(**{f"e{j}": np.asarray(errors, dtype=float)[:, j] for j in range(k)})
        spread = {f"x{j}": f"e{j}" for j in range(k)}
    return Cities.from_frame(frame, city="city", criteria=criteria, std_errors=spread)


def scores(values, dimensions=None, **options):
    """Their scores; options of `cities` and of `score`."""
    mine = {k: options.pop(k) for k in ("posts", "errors", "directions") if k in options}
    return score(cities(values, dimensions, **mine), **options)


def drawn_values(n, k, seed=0):
    return np.random.default_rng(seed).uniform(5, 95, (n, k)).round(3)


def ranks(values):
    """1 the best, ties share the better."""
    return rankdata(-np.asarray(values), method="min")
