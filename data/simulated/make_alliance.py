"""A simulated alliance of 60 cities: who tried which of five measures, what happened, and the truth behind it.

Nothing here was measured anywhere. The file is for learning the chain from benchmark to decision, and for testing it: what the cities
really get from each measure stands beside it.

    python data/simulated/make_alliance.py     writes alliance.csv and alliance_truth.csv beside this file
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 60_2026
CITIES, YEARS = 60, range(2010, 2022)
STARTS = (2014, 2016)
ADOPTERS = 24
ASKS = "Havenmoor"
"""The city that asks: it has tried nothing."""

FIRST = [
    "Alder",
    "Birch",
    "Cedar",
    "Dune",
    "Elm",
    "Fern",
    "Gorse",
    "Haven",
    "Iron",
    "Juniper",
    "Kelp",
    "Larch",
    "Mill",
    "North",
    "Oak",
]
LAST = ["moor", "bridge", "ford", "wick"]


@dataclass(frozen=True)
class Measure:
    """What a measure really does.

    Attributes
    ----------
    key, outcome:
        The measure, and the column of what it is meant to change.
    level, between, shock, error:
        Mean of the outcome without it, how much cities differ for good, standard deviation of lasting shocks (which half remember), and of
        errors of measurement.
    effect, by_density, own:
        Mean effect, how it changes with a standard deviation of (log) density, and how cities differ beyond that.
    """

    key: str
    outcome: str
    level: float
    between: float
    shock: float
    error: float
    effect: float
    by_density: float
    own: float


MEASURES = (
    Measure("smart_lighting", "electricity_use", 1500, 130, 5, 4, -40, -4, 6),
    Measure("low_emission_zone", "no2", 24, 5, 0.3, 0.3, -2.4, -1.6, 0.4),
    Measure("participatory_budgeting", "local_turnout", 52, 6, 0.6, 0.5, 0.0, 0.0, 0.5),
    Measure("digital_counter", "satisfaction_with_digital_services", 5.5, 0.6, 0.06, 0.06, 0.6, 0.0, 0.12),
    Measure("predictive_waste_collection", "waste_recycled", 45, 7, 0.4, 0.4, -1.6, 0.0, 0.4),
)


def cities(rng: np.random.Generator) -> pd.DataFrame:
    """Who they are: what no city can choose."""
    names = [f"{a}{b}" for a in FIRST for b in LAST]
    size = rng.normal(size=CITIES)
    density = 0.6 * size + 0.8 * rng.normal(size=CITIES)
    frame = pd.DataFrame(
        {
            "city": names,
            "residents": np.round(np.exp(11.8 + 0.8 * size)).astype(int),
            "density": np.round(np.exp(7.4 + 0.6 * density)).astype(int),
            "income": np.round(31_000 + 2_500 * size + 3_000 * rng.normal(size=CITIES)).astype(int),
            "share_65": np.round(20 - 1.2 * size + 2 * rng.normal(size=CITIES), 1),
            "region": rng.choice(["coast", "hills", "plain", "river"], size=CITIES),
        }
    )
    frame.loc[frame["city"] == ASKS, ["residents", "density"]] = [160_000, 2_400]
    return frame


def standard(values: pd.Series) -> np.ndarray:
    """Values with mean 0 and standard deviation 1."""
    return ((values - values.mean()) / values.std(ddof=0)).to_numpy()


def adopters(known: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """First year with a measure, NaN for never: bigger cities try more often, and the city that asks has not."""
    taste = standard(np.log(known["residents"])) * 0.7 + rng.gumbel(size=CITIES)
    taste[known["city"] == ASKS] = -np.inf
    first = np.full(CITIES, np.nan)
    chosen = np.argsort(-taste, kind="stable")[:ADOPTERS]
    first[chosen] = rng.choice(STARTS, size=ADOPTERS)
    return first


def course(measure: Measure, known: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What was measured of an outcome, city by city and year by year, and the truth: effect of each city, and last year's value."""
    n, periods = CITIES, len(YEARS)
    first = adopters(known, rng)
    effect = measure.effect + measure.by_density * standard(np.log(known["density"])) + measure.own * rng.normal(size=n)
    fixed = measure.level + measure.between * (0.5 * standard(known["income"]) + 0.87 * rng.normal(size=n))
    common = np.cumsum(rng.normal(scale=measure.shock, size=periods))
    shocks = np.zeros((n, periods))
    shocks[:, 0] = rng.normal(scale=measure.shock / np.sqrt(0.75), size=n)
    for t in range(1, periods):
        shocks[:, t] = 0.5 * shocks[:, t - 1] + rng.normal(scale=measure.shock, size=n)
    since = np.asarray(YEARS)[None, :] >= np.where(np.isnan(first), np.inf, first)[:, None]
    true = fixed[:, None] + common[None, :] + shocks + effect[:, None] * since
    seen = true + rng.normal(scale=measure.error, size=true.shape)
    rows = pd.DataFrame(
        {
            "city": np.repeat(known["city"].to_numpy(), periods),
            "year": np.tile(np.asarray(YEARS), n),
            measure.outcome: np.round(seen.ravel(), 3),
            f"{measure.outcome}_se": measure.error,
            f"{measure.key}_from": np.repeat(first, periods),
        }
    )
    truth = pd.DataFrame(
        {
            "city": known["city"],
            "measure": measure.key,
            "effect": np.round(effect, 4),
            "first_treated": first,
            "value": np.round(true[:, -1], 4),
        }
    )
    return rows, truth


def alliance() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The data as a city office would have them, and the truth."""
    rng = np.random.default_rng(SEED)
    known = cities(rng)
    data, truths = known.merge(pd.DataFrame({"year": list(YEARS)}), how="cross"), []
    for measure in MEASURES:
        rows, truth = course(measure, known, rng)
        data, truths = data.merge(rows, on=["city", "year"]), [*truths, truth]
    for measure in MEASURES:
        data[f"{measure.key}_from"] = data[f"{measure.key}_from"].astype("Int64")
    truth = pd.concat(truths, ignore_index=True)
    return data, truth.astype({"first_treated": "Int64"})


def main() -> None:
    """Write both files."""
    folder = Path(__file__).parent
    for name, frame in zip(("alliance.csv", "alliance_truth.csv"), alliance(), strict=True):
        frame.to_csv(folder / name, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
