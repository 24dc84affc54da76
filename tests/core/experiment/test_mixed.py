"""The mixed model against published variances and against statsmodels' own formula interface."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.experiment.mixed import mixed_model, whitened

DYESTUFF = [
    [1545, 1440, 1440, 1520, 1580], [1540, 1555, 1490, 1560, 1495], [1595, 1550, 1605, 1510, 1560],
    [1445, 1440, 1595, 1465, 1545], [1595, 1630, 1515, 1635, 1625], [1520, 1455, 1450, 1480, 1445],
]  # fmt: skip
"""Davies and Goldsmith (1972), table 6.1; Dyestuff of R's lme4."""


def test_the_dyestuff_of_lme4_has_its_published_variances():
    y = np.array(DYESTUFF, dtype=float).ravel()
    found = mixed_model(y, np.ones((30, 1)), np.repeat(np.arange(6), 5))
    assert found.between == pytest.approx(1764.05, abs=0.02)
    assert found.residual == pytest.approx(2451.25, abs=0.02)
    assert found.coefficients[0] == pytest.approx(1527.5)
    white = whitened(found, np.repeat(np.arange(6), 5))(np.ones((30, 1)))
    assert 1 / np.sqrt((white**2).sum()) == pytest.approx(19.38, abs=0.005)


def people(seed=1, clusters=8, periods=4, size=5):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        [(c, t, c * 10 + t) for c in range(clusters) for t in range(periods) for _ in range(size)],
        columns=["c", "t", "ct"],
    )
    frame["x"] = rng.normal(size=len(frame))
    frame["y"] = frame["x"] + rng.normal(size=clusters)[frame["c"]] + 0.7 * rng.normal(size=100)[frame["ct"]]
    frame["y"] += rng.normal(size=len(frame))
    return frame.sample(frac=0.8, random_state=seed).sort_values(["c", "t"])


@pytest.mark.parametrize("nested", [False, True])
def test_whitened_least_squares_is_the_mixed_model_s_estimate(nested):
    from statsmodels.formula.api import mixedlm

    frame = people()
    fixed = np.column_stack([np.ones(len(frame)), frame["x"]])
    cluster, parts = frame["c"].to_numpy(), frame["t"].to_numpy() if nested else None
    found = mixed_model(frame["y"].to_numpy(), fixed, cluster, parts)
    more = {"vc_formula": {"t": "0 + C(t)"}} if nested else {}
    other = mixedlm("y ~ x", frame, groups="c", re_formula="1", **more).fit(reml=True, method="nm")
    assert found.coefficients == pytest.approx(other.fe_params.to_numpy(), abs=1e-5)
    assert found.between == pytest.approx(float(np.asarray(other.cov_re).ravel()[0]), abs=1e-4)
    assert found.residual == pytest.approx(other.scale, abs=1e-4)
    white = whitened(found, cluster, parts)
    x, y = white(fixed), white(frame[["y"]].to_numpy())[:, 0]
    inverse = np.linalg.inv(x.T @ x)
    assert inverse @ x.T @ y == pytest.approx(found.coefficients, abs=1e-10)
    # statsmodels counts the variances as estimated too, lme4 as given
    assert np.sqrt(np.diag(inverse)) == pytest.approx(other.bse_fe.to_numpy(), rel=1e-2)


def test_whitening_undoes_the_covariance_of_each_cluster():
    frame = people(seed=3, clusters=3)
    cluster, parts = frame["c"].to_numpy(), frame["t"].to_numpy()
    found = mixed_model(frame["y"].to_numpy(), np.ones((len(frame), 1)), cluster, parts)
    same = np.equal.outer(cluster, cluster)
    covariance = (
        found.residual * np.eye(len(frame))
        + found.between * same
        + found.within * (same & np.equal.outer(parts, parts))
    )
    map_ = whitened(found, cluster, parts)(np.eye(len(frame)))
    assert map_ @ covariance @ map_.T == pytest.approx(np.eye(len(frame)), abs=1e-9)
