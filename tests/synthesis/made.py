"""City effects for tests: published ones, drawn ones, and answers made the slow and plain way with dense matrices."""

import numpy as np
import pandas as pd

from scale_impact.core.city_effects import CityEffects
from tests.panels import reference, shared


def bcg():
    """Log risk ratios of 13 trials of the BCG vaccine."""
    found = reference("meta_bcg", "escalc_RR")
    return CityEffects.of(found["yi"], np.sqrt(found["vi"]))


def bcg_with_context():
    """The same with latitude, year and allocation."""
    frame = pd.read_csv(shared("reference/data/dat_bcg_es.csv"))
    context = frame[["ablat", "year", "alloc"]]
    return CityEffects(tuple(frame["trial"].astype(str)), frame["yi"].to_numpy(), np.diag(frame["vi"]), context=context)


def konstantopoulos():
    """56 studies of modified school calendars in 11 districts."""
    found = reference("metafor_examples", "konstantopoulos2011_data")
    year = np.array(found["year"], float)
    context = pd.DataFrame({"year": year - year.mean()})
    return CityEffects(
        tuple(found["study"]),
        np.array(found["yi"]),
        np.diag(found["vi"]),
        clusters=tuple(found["district"]),
        context=context,
    )


def raudenbush():
    """19 experiments on teachers' expectations, with weeks of contact before."""
    found = reference("metafor_examples", "raudenbush1985_data")
    context = pd.DataFrame({"weeks": np.minimum(found["weeks"], 3)})
    k = len(found["yi"])
    return CityEffects(tuple(map(str, range(k))), np.array(found["yi"]), np.diag(found["vi"]), context=context)


def drawn(k, seed, tau=0.5, shared_error=0.3, clusters=None, between=0.5):
    """Effects with errors that k cities share through two control groups, and clusters that differ."""
    rng = np.random.default_rng(seed)
    errors = np.diag(rng.uniform(0.05, 0.6, k)) + shared_error * np.outer(loads := rng.uniform(0.2, 1, k), loads)
    true = 1 + tau * rng.standard_normal(k)
    if clusters is not None:
        true = true + between * rng.standard_normal(max(clusters) + 1)[list(clusters)]
    y = rng.multivariate_normal(true, errors)
    named = None if clusters is None else tuple(f"study {c}" for c in clusters)
    return CityEffects(tuple(f"city {i}" for i in range(k)), y, errors, clusters=named)


def likelihood(y, total, x, restricted=True):
    """The (restricted) log likelihood of y with a dense covariance, constants in pi included, those of x too."""
    k, p = x.shape
    inverse = np.linalg.inv(total)
    information = x.T @ inverse @ x
    beta = np.linalg.solve(information, x.T @ inverse @ y)
    rest = y - x @ beta
    found = -0.5 * (np.linalg.slogdet(total)[1] + rest @ inverse @ rest)
    if not restricted:
        return found - 0.5 * k * np.log(2 * np.pi)
    found += 0.5 * (np.linalg.slogdet(x.T @ x)[1] - np.linalg.slogdet(information)[1])
    return found - 0.5 * (k - p) * np.log(2 * np.pi)
