"""Small panels, and estimates made the slow and plain way, to hold the package against."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scale_impact as si

ROOT = Path(__file__).resolve().parent.parent
NEVER = np.inf
BEFORE = -1  # treated before the first period of `drawn`, which is 0


def shared(name):
    """A file beside the project; without it the test is skipped, and fails where CI=true."""
    folder = Path(os.environ.get("SCALE_IMPACT_SHARED", ROOT.parent / "shared"))
    path = folder / name
    if path.exists():
        return path
    reason = f"{path} is not here: put the shared folder beside the project or name it in SCALE_IMPACT_SHARED."
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def with_data(source, root=ROOT):
    """Get the data of a source into the store of a project, from the shared folder; skipped as ``shared`` is."""
    from scale_impact.core.source import load_source
    from scale_impact.sources import is_here
    from scale_impact.sources._pulling.pull import pull

    card = f"data/sources/{source}.yaml"
    if source and not is_here(load_source(root / card), root, card):  # a scale-up has none
        pull(source, root, shared("data"))


def california(**columns):
    """Cigarette sales in 39 states, 1970 to 2000, California treated from 1989 on: panel and design; other columns by state.

    From the file that comes with a package, at the ten digits of the file of R's synthdid (california_prop99) that the
    programs in tests/reference read: with more, weights are another 1e-9.
    """
    from scale_impact.sources import read

    frame = read(ROOT / "data/sources/us_cigarette_sales_1970_2000.yaml", ROOT)
    frame["cigsale"] = [float(f"{v:.10g}") for v in frame["cigsale"]]
    for column, of in columns.items():
        frame[column] = frame["state"].map(of)
    panel = si.Panel.from_frame(frame, unit="state", period="year", outcome="cigsale")
    return panel, si.Design.from_panel(panel, cohorts={"California": 1989})


def reference(case, entry):
    """Values of one entry of tests/reference/<case>.json."""
    found = json.loads((ROOT / "tests" / "reference" / f"{case}.json").read_text())["results"]
    return next(e["values"] for e in found if e["id"] == entry)


def long(paths, first_treated, *, start=2001):
    """Long frame from one outcome path and one first treated period a unit."""
    rows = [
        {"id": unit, "t": start + k, "g": first_treated.get(unit, NEVER), "y": float(value)}
        for unit, path in paths.items()
        for k, value in enumerate(path)
    ]
    return pd.DataFrame(rows)


def drawn(sizes, n_periods, seed):
    """Random walks: `sizes` says how many units each first treated position has; periods 0 to T - 1."""
    rng = np.random.default_rng(seed)
    first = np.repeat(list(sizes), list(sizes.values())).astype(float)
    y = rng.normal(size=(len(first), n_periods)).cumsum(axis=1) + 3 * rng.normal(size=(len(first), 1))
    return framed(y, first, rng.permutation(len(first)))


def framed(y, first, ids=None):
    """Long frame of a units x periods matrix."""
    n, t = y.shape
    ids = np.arange(n) if ids is None else ids
    return pd.DataFrame(
        {"id": np.repeat(ids, t), "t": np.tile(np.arange(t), n), "g": np.repeat(first, t), "y": y.ravel()}
    )


def panel_of(frame, **more):
    return si.Panel.from_frame(frame, **{"unit": "id", "period": "t", "outcome": "y", **more})


def design_of(frame, **options):
    return si.Design.from_panel(panel_of(frame), **{"first_treated": "g", **options})


def fitted(estimator, frame, *, options=None, **design):
    """Estimate from a frame with columns id, t, g, y."""
    panel = panel_of(frame)
    return si.estimate(
        estimator, panel, si.Design.from_panel(panel, **{"first_treated": "g", **design}), **(options or {})
    )


# ---- Callaway and Sant'Anna by the definition ------------------------------------------------------


def group_time(y, start, weight, *, control="never", base_period="varying", anticipation=0):
    """Effects {(g, t): value} of units with weights; `start` is a position, T for never treated.

    `y` and `weight` are [units, periods]; an observation with weight 0 is not there.
    """
    n_periods = y.shape[1]

    def mean(units, t):
        return (weight[units, t] * y[units, t]).sum() / weight[units, t].sum()

    effects = {}
    # where nobody is never treated the last cohort serves as control only, as in R's did
    last = n_periods if (start == n_periods).any() else start.max()
    for g in np.unique(start[(start > anticipation) & (start < last)]):
        for t in range(n_periods):
            base = g - 1 - anticipation if base_period == "universal" or t >= g - anticipation else t - 1
            others = start == n_periods
            if control == "not_yet":
                others |= (start > max(t, base) + anticipation) & (start != g)
            if base >= 0 and others.any():
                treated = start == g
                effects[int(g), t] = mean(treated, t) - mean(treated, base) - mean(others, t) + mean(others, base)
    return effects


def averages(effects, start, weight, by="unit"):
    """The four overall averages by cohorts' shares, as in section 3 of Callaway and Sant'Anna (2021).

    A unit counts once, however often it is observed; where no unit is followed, observations count.
    """
    members = weight.max(axis=1) if by == "unit" else weight.sum(axis=1)
    size = {g: members[start == g].sum() for g in {g for g, _ in effects}}
    post = [c for c in effects if c[1] >= c[0]]

    def average(cells):
        return sum(size[g] * effects[g, t] for g, t in cells) / sum(size[g] for g, t in cells)

    cohorts = sorted({g for g, _ in post})
    by_cohort = [np.mean([effects[c] for c in post if c[0] == g]) for g in cohorts]
    by_period = [average([c for c in post if c[1] == t]) for t in sorted({t for _, t in post})]
    by_elapsed = [average([c for c in post if c[1] - c[0] == e]) for e in sorted({t - g for g, t in post})]
    return {
        "simple": average(post),
        "event_time": np.mean(by_elapsed),
        "cohort": np.average(by_cohort, weights=[size[g] for g in cohorts]),
        "period": np.mean(by_period),
    }


def jackknifed(statistics, weight, blocks, step=1e-4):
    """Covariance of statistics by the infinitesimal jackknife: each block's weight is moved a little.

    The derivative with respect to a block's weight is what the block adds to the error. Central
    differences of step h err by h squared: 1e-8 here, well under the tolerances of the tests.
    """
    slopes = []
    for block in np.unique(blocks):
        moved = [np.where(blocks == block, weight * (1 + sign * step), weight) for sign in (1, -1)]
        slopes.append((statistics(moved[0]) - statistics(moved[1])) / (2 * step))
    return np.transpose(slopes) @ np.array(slopes)


# ---- two-way fixed effects by dummy variables -----------------------------------------------------


def dummy_regression(frame, regressors, cluster="id", *, K_fixef="nonnested"):
    """Coefficients and clustered covariance (fixest's correction) by least squares on dummies."""
    effects = np.hstack([pd.get_dummies(frame[c]).to_numpy(float) for c in ("id", "t")])
    x = np.column_stack([np.asarray(r, float) for r in regressors])
    y = frame["y"].to_numpy()
    rest = lambda v: v - effects @ np.linalg.lstsq(effects, v, rcond=None)[0]  # noqa: E731
    x, y = rest(x), rest(y)
    bread = np.linalg.inv(x.T @ x)
    coefficients = bread @ x.T @ y
    scores = pd.DataFrame(x * (y - x @ coefficients)[:, None]).groupby(frame[cluster].to_numpy()).sum().to_numpy()
    n_units, n_periods, groups = frame["id"].nunique(), frame["t"].nunique(), len(scores)
    k = x.shape[1] + {"nonnested": n_periods, "full": n_units + n_periods - 1, "none": 0}[K_fixef]
    factor = (len(y) - 1) / (len(y) - k) * groups / (groups - 1)
    return coefficients, bread @ scores.T @ scores @ bread * factor
