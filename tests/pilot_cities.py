"""Small panels with one treated city or a few, and an estimator that is arithmetic by hand: the plain mean of the donors."""

import numpy as np
import pandas as pd

import scale_impact as si
from scale_impact.core.effect import Effect, Estimate, Sample
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.pilots import pilots


def cities(paths, starts, *, first=2001, **columns):
    """Panel and design of paths by city; ``starts`` says who is treated from when; other columns by city."""
    rows = [
        {"city": name, "year": first + k, "y": float(v), **{c: of[name] for c, of in columns.items()}}
        for name, path in paths.items()
        for k, v in enumerate(path)
    ]
    panel = si.Panel.from_frame(pd.DataFrame(rows), unit="city", period="year", outcome="y")
    return panel, si.Design.from_panel(panel, cohorts=starts)


def walks(n, periods, seed, *, effect=0.0, treated=("c0",), start=None, spread=0.3):
    """Cities c0, c1, ... that follow two common paths with noise; the treated get an effect from ``start`` on."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(2, periods)).cumsum(axis=1)
    y = rng.dirichlet((1.0, 1.0), n) @ common + spread * rng.normal(size=(n, periods))
    start = periods // 2 if start is None else start
    for k in range(n):
        y[k, start:] += effect * (f"c{k}" in treated)
    return cities({f"c{k}": y[k] for k in range(n)}, dict.fromkeys(treated, 2001 + start))


def plain_mean(panel, design):
    """The effect against the donors' plain mean, with all that checks may ask of it."""
    found = pilots(panel, design, "plain_mean")
    worlds = found.worlds()

    def again(w):
        return w.targets - w.donors @ w.outcomes / w.donors.sum(axis=1, keepdims=True)

    gaps, t = again(worlds), worlds.outcomes.shape[1]
    after = np.arange(t) >= found.starts[:, None]
    shares = np.full((len(found.donor_names), found.n_treated), 1 / len(found.donor_names))
    counterfactual = Counterfactual(
        periods=tuple(panel.periods), names=found.names[: found.n_treated], sizes=np.ones(found.n_treated),
        starts=tuple(found.starts), fitted=tuple(found.fitted), observed=worlds.targets, expected=worlds.targets - gaps,
        donors=pd.DataFrame(shares, index=list(found.donor_names), columns=list(found.names[: found.n_treated])),
        worlds=worlds, again=again,
    )  # fmt: skip
    n = len(found.units)
    return Effect(
        estimator="plain_mean", overall=Estimate(float(gaps[after].mean()), reason="by hand"),
        sample=Sample(n, found.n_treated, t, n * t, n), inference="none", counterfactual=counterfactual, judged_by="placebo",
    )  # fmt: skip


def fitted(name, **options):
    """An estimator of the package as a refit."""
    return lambda panel, design: si.estimate(name, panel, design, **options)


def california(**columns):
    """Cigarette sales in 39 states, 1970 to 2000, California treated from 1989 on."""
    from tests.panels import shared

    frame = pd.read_csv(shared("reference/data/smoking_adh2010.csv"))
    for column, of in columns.items():
        frame[column] = frame["state"].map(of)
    panel = si.Panel.from_frame(frame, unit="state", period="year", outcome="cigsale")
    return panel, si.Design.from_panel(panel, cohorts={"California": 1989})
