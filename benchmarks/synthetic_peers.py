"""Peers of the synthetic control family doing the same work, each from the same long frame.

Installed by ``uv sync --extra benchmark``. Each returns what the work was for (an estimate, the mean squared gap of the periods
before for the treated unit and for the placebos), so that speed is compared only where the same problem was solved as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Found = dict[str, Any]
"""``treated`` and ``placebos``: mean squared gaps before treatment; ``estimate``; ``std_error``; ``interval``: where there are any."""


def wide(d: pd.DataFrame) -> tuple[pd.DataFrame, str, list[str], int]:
    """Outcomes [T, N], the treated unit, the donors, number of periods before treatment."""
    outcomes = d.pivot(index="period", columns="unit", values="y")
    treated = str(d.loc[d["treat"] == 1, "unit"].iloc[0])
    before = int((outcomes.index < d.loc[d["treat"] == 1, "period"].min()).sum())
    return outcomes, treated, [u for u in outcomes.columns if u != treated], before


# ---- outcomes of all periods before, equally weighted ----------------------------------------------------


def pysyncon_fixed(d: pd.DataFrame) -> Found:
    from pysyncon import Synth

    outcomes, treated, donors, before = wide(d)

    def loss(unit: str, pool: list[str]) -> float:
        x = outcomes.iloc[:before][[*pool, unit]]
        fit = Synth()
        # it divides each row by its standard deviation: these weights undo that
        fit.fit(X0=x[pool], X1=x[unit], Z0=x[pool], Z1=x[unit], custom_V=x.var(axis=1).to_numpy())
        return float(((x[unit] - x[pool] @ fit.W) ** 2).mean())

    placebos = [loss(unit, [other for other in donors if other != unit]) for unit in donors]
    return {"treated": loss(treated, donors), "placebos": placebos}


def diff_diff_fixed(d: pd.DataFrame) -> Found:
    from diff_diff import SyntheticControl

    outcomes, _, _, before = wide(d)
    ones = np.ones(before)
    fit = SyntheticControl(v_method="custom", custom_v=ones, standardize="none").fit(
        d, "y", "treat", "unit", "period", post_periods=list(outcomes.index[before:]), pre_period_outcomes="all"
    )
    fit.in_space_placebo()  # it keeps the treated unit among the donors of placebos: their fit is another problem
    return {"treated": fit.pre_rmspe**2}


def _augsynth(d: pd.DataFrame, kind: str, **options: Any) -> Any:
    import augsynth_py
    import polars

    outcomes, treated, _, before = wide(d)
    long = polars.DataFrame({c: d[c].to_list() for c in ("unit", "period", "y")})
    fit = getattr(augsynth_py, kind)(**options)
    fit.fit(long, unit="unit", time="period", outcome="y", treated=treated, treatment_time=int(outcomes.index[before]))
    return fit, augsynth_py.placebo_in_space(fit)


def augsynth_py_fixed(d: pd.DataFrame) -> Found:
    fit, placebos = _augsynth(d, "Synth", fixedeff=False)
    return {"treated": _before(fit), "placebos": _losses(placebos)}


def augsynth_py_ridge(d: pd.DataFrame) -> Found:
    fit, placebos = _augsynth(d, "AugSynth")
    return {"treated": _before(fit), "placebos": _losses(placebos), "estimate": fit.att_, "penalty": fit.lambda_}


def _before(fit: Any) -> float:
    return float(np.mean(fit.gap_[fit.pre_mask_] ** 2))


def _losses(placebos: Any) -> list[float]:
    rows = placebos.ratios
    return [float(v) ** 2 for v in rows.filter(~rows["is_treated"])["rmspe_pre"].to_list()]


# ---- predictors with nested weights ----------------------------------------------------------------------


def predictors(d: pd.DataFrame) -> list[tuple[str, list[int]]]:
    """Means that are matched: column and periods. California's are those of Abadie, Diamond and Hainmueller (2010)."""
    if "retprice" in d:
        years = list(range(1980, 1989))
        some = [("lnincome", years), ("age15to24", years), ("retprice", years), ("beer", years[4:])]
        return [*some, *(("y", [year]) for year in (1975, 1980, 1988))]
    first = d.loc[d["treat"] == 1, "period"].min()
    periods = sorted(int(t) for t in d["period"].unique() if t < first)
    if "x1" not in d:
        return [("y", [t]) for t in periods]
    return [*((x, periods) for x in ("x1", "x2", "x3")), *(("y", [periods[k]]) for k in (0, len(periods) // 2, -1))]


def pysyncon_nested(d: pd.DataFrame) -> Found:
    """One unit."""
    from pysyncon import Synth

    outcomes, treated, donors, before = wide(d)
    means = [d[d["period"].isin(periods)].groupby("unit")[column].mean() for column, periods in predictors(d)]
    x, z = pd.DataFrame(means).reset_index(drop=True), outcomes.iloc[:before]
    fit = Synth()
    fit.fit(X0=x[donors], X1=x[treated], Z0=z[donors], Z1=z[treated])
    return {"treated": float(fit.loss_V)}


def diff_diff_nested(d: pd.DataFrame) -> Found:
    """One unit."""
    from diff_diff import SyntheticControl

    outcomes, _, _, before = wide(d)
    fit = SyntheticControl(seed=1).fit(
        d, "y", "treat", "unit", "period", post_periods=list(outcomes.index[before:]),
        special_predictors=[(column, periods, "mean") for column, periods in predictors(d)],
    )  # fmt: skip
    return {"treated": fit.pre_rmspe**2}


# ---- synthetic difference-in-differences -----------------------------------------------------------------


def diff_diff_sdid(d: pd.DataFrame) -> Found:
    """As many placebos as there are donors: it draws them at random."""
    from diff_diff import SyntheticDiD

    outcomes, treated, donors, before = wide(d)
    ever = d.assign(ever=(d["unit"] == treated).astype(int))
    fit = SyntheticDiD(variance_method="placebo", n_bootstrap=len(donors), seed=1).fit(
        ever, "y", "ever", "unit", "period", post_periods=list(outcomes.index[before:])
    )
    return {"estimate": fit.att, "std_error": fit.se}


def synthdid_py_sdid(d: pd.DataFrame) -> Found:
    from synthdid import synthdid_estimate

    outcomes, treated, donors, before = wide(d)
    fit = synthdid_estimate(outcomes[[*donors, treated]].T.to_numpy(), len(donors), before)
    return {"estimate": float(fit), "std_error": fit.se(method="placebo", replications=len(donors))}


# ---- conformal intervals ---------------------------------------------------------------------------------


def diff_diff_conformal(d: pd.DataFrame) -> Found:
    from diff_diff import SyntheticControl

    outcomes, _, _, before = wide(d)
    fit = SyntheticControl(v_method="custom", custom_v=np.ones(before), standardize="none").fit(
        d, "y", "treat", "unit", "period", post_periods=list(outcomes.index[before:]), pre_period_outcomes="all"
    )
    found = fit.conformal_average_effect(alpha=0.05, n_grid=1_000)
    return {"estimate": float(found["point_estimate"]), "interval": [float(found["lower"]), float(found["upper"])]}


PEERS: dict[str, dict[str, Callable[[pd.DataFrame], Found]]] = {
    "fixed": {"pysyncon": pysyncon_fixed, "diff-diff": diff_diff_fixed, "augsynth-py": augsynth_py_fixed},
    "nested": {"pysyncon": pysyncon_nested, "diff-diff": diff_diff_nested},
    "lags": {"pysyncon": pysyncon_nested},
    "california": {"pysyncon": pysyncon_nested, "diff-diff": diff_diff_nested},
    "sdid": {"diff-diff": diff_diff_sdid, "synthdid-py": synthdid_py_sdid},
    "ridge": {"augsynth-py": augsynth_py_ridge},
    "large": {},
    "conformal": {"diff-diff": diff_diff_conformal},
}
