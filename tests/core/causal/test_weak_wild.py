"""The wild cluster bootstrap of the Anderson-Rubin test."""

import itertools

import numpy as np
import pytest

from scale_impact.core.causal.instruments.estimation import fitted, partialled
from scale_impact.core.causal.instruments.wild import wild
from tests.core.causal.test_instruments import variables
from tests.instruments import drawn


def drawn_wild(frame, names, *, draws=9_999, seed=1, **more):
    case = partialled(variables(frame, names, clusters="g", **more), "CR1")
    found = fitted(case, "2sls")
    return wild(case, found.value, found.std_error, draws=draws, seed=seed), found


def slowly(frame, names, effect):
    """All sign patterns, a regression each."""
    x = np.column_stack([np.ones(len(frame)), frame["x"]])
    z = np.column_stack([x, frame[names]])
    g = frame["g"].to_numpy()
    bread = np.linalg.inv(z.T @ z)
    members = [g == c for c in range(g.max() + 1)]

    def wald(y):
        b = bread @ z.T @ y
        scores = np.stack([z[m].T @ (y - z @ b)[m] for m in members])
        v = (bread @ scores.T @ scores @ bread)[2:, 2:]
        return b[2:] @ np.linalg.solve(v, b[2:])

    y = (frame["y"] - effect * frame["d"]).to_numpy()
    fit = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    signs = itertools.product([1, -1], repeat=len(members) - 1)
    draws = np.array([wald(fit + np.array((1, *s))[g] * (y - fit)) for s in signs])
    return float((draws >= wald(y) * (1 - 1e-9)).mean())


@pytest.mark.parametrize("names", [["z0"], ["z0", "z1"]])
def test_p_values_are_those_of_regressions_under_all_sign_patterns(names):
    frame = drawn(70, 11, instruments=2, strength=0.3, seed=4)
    found, _ = drawn_wild(frame, names)
    assert "all 1,024 sign patterns" in found.words
    for effect in (0.0, 0.4):
        assert found.p_value(effect) == slowly(frame, names, effect)


def test_the_set_holds_what_is_not_rejected():
    found, own = drawn_wild(drawn(120, 12, strength=0.5), ["z0"])
    ((low, high),) = found.region(0.9)
    assert low < own.value < high
    step = 1e-6 * own.std_error
    assert all(found.p_value(b) > 0.1 for b in (low + step, own.value, high - step))
    assert all(found.p_value(b) <= 0.1 for b in (low - step, high + step))


def test_an_instrument_that_moves_nothing_leaves_rays_or_everything():
    found, _ = drawn_wild(drawn(100, 12, strength=0.0, seed=3), ["z0"])
    region = found.region(0.95)
    assert region[0][0] == -np.inf
    assert region[-1][1] == np.inf


def test_unit_effects_need_no_sums_of_their_own():
    """Dummies of units that lie within clusters as controls give the same draws as units taken out."""
    import pandas as pd

    frame = drawn(90, 30, seed=6).assign(unit=lambda f: f["g"], g=lambda f: f["g"] % 12)
    dummies = pd.get_dummies(frame["unit"], drop_first=True, dtype=float).add_prefix("u")
    swept, _ = drawn_wild(frame, ["z0"], units=frame["unit"].to_numpy())
    case, _ = drawn_wild(pd.concat([frame, dummies], axis=1), ["z0"], controls=["x", *dummies.columns])
    assert swept.p_value(0.2) == case.p_value(0.2)


def test_the_same_seed_gives_the_same_set_and_few_clusters_take_six_points():
    frame = drawn(100, 8, seed=2)
    one, other = (drawn_wild(frame, ["z0"], draws=499, seed=7)[0] for _ in range(2))
    assert one.region(0.95) == other.region(0.95)
    assert one.words == "wild cluster bootstrap of the Anderson-Rubin test, 499 draws (webb)"
