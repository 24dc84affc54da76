"""Data for refuters, and DoWhy's own answers to the same questions."""

import logging
import warnings

import numpy as np
import pandas as pd

import scale_impact as si

COVARIATES = ("income", "age", "dense")


def city_rows(n=240, seed=5, *, effect=1.0):
    """A cross-section of cities: richer and older ones have the measure more often; `dense` is 0 or 1."""
    rng = np.random.default_rng(seed)
    income, age, dense = rng.normal(size=n), rng.normal(size=n), rng.integers(0, 2, n).astype(float)
    measure = (income + 0.5 * age + rng.normal(size=n) > 0).astype(float)
    score = effect * measure + income + 0.3 * age - dense + rng.normal(size=n)
    return pd.DataFrame(
        {"income": income, "age": age, "dense": dense, "measure": measure, "score": score, "year": 2020}
    )


def asked(frame, *, unit=None, exposure="measure", outcome="score", cluster=None):
    """Panel and design of an exposure."""
    panel = si.Panel.from_frame(frame, unit=unit, period="year", outcome=outcome)
    return panel, si.Design.from_panel(panel, exposure=exposure, cluster=cluster)


def regression(**options):
    """Refits by backdoor_regression."""
    given = {"covariates": COVARIATES, **options}
    return lambda panel, design: si.estimate("backdoor_regression", panel, design, **given)


def checked(name, data, refit=None, **options):
    return si.check(name, *data, refit or regression(), **options)


def panel_rows(n_units=12, n_periods=6, seed=2, *, fixed=False):
    """Cities followed over years: levels by city and year, exposures that come and go (`fixed`: one a city)."""
    rng = np.random.default_rng(seed)
    city, year = np.repeat(np.arange(n_units), n_periods), np.tile(np.arange(n_periods), n_units)
    income = rng.normal(size=len(city)) + city / n_units
    measure = (rng.random(len(city)) < 0.3 + 0.4 * (income > 0.5)).astype(float)
    measure = (city % 2).astype(float) if fixed else measure
    score = measure + income + 0.4 * city + 0.3 * year + rng.normal(size=len(city))
    return pd.DataFrame({"city": city, "year": year, "income": income, "measure": measure, "score": score})


class Peer:
    """DoWhy's linear regression of the same rows, which keeps the estimates that a refuter simulates."""

    def __init__(self, frame, exposure="measure", outcome="score", covariates=COVARIATES):
        logging.disable(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from dowhy import CausalModel

            self.frame = frame[[*covariates, exposure, outcome]]
            model = CausalModel(self.frame, exposure, outcome, common_causes=list(covariates))
            self.estimand = model.identify_effect(proceed_when_unidentifiable=True)
            self.estimate = model.estimate_effect(self.estimand, method_name="backdoor.linear_regression")

    def simulated(self, monkeypatch, module, refute, **options):
        """All estimates of a refuter, and its result."""
        seen = []
        own = module.test_significance
        monkeypatch.setattr(
            module, "test_significance", lambda e, values, **k: (seen.append(values), own(e, values, **k))[1]
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = refute(self.frame, self.estimand, self.estimate, n_jobs=1, **options)
        return np.array(seen[0]), result
