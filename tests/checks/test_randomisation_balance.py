"""Whether those that chance dealt different things were alike before, against all dealings by hand."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.experiment.dealing import deal
from scale_impact.core.experiment.rollout_balance import Omnibus
from tests.rollouts import NEVER, lottery, trial, wedge


def people(n=8, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"t": 1, "z": np.arange(n) % 2, "age": rng.normal(size=n), "rooms": rng.normal(size=n)})
    return frame.assign(y=rng.normal(size=n))


def checked(data, **options):
    return si.check("randomisation_balance", *data, None, **options)


def distance(frame, treated):
    """Mahalanobis distance of the treated's mean: a multiple of Hansen and Bowers' statistic where there are no strata."""
    x = frame[["age", "rooms"]].to_numpy()
    gap = x[treated].mean(axis=0) - np.delete(x, treated, axis=0).mean(axis=0)
    return gap @ np.linalg.inv(np.cov(x.T)) @ gap


def test_the_p_value_is_the_share_of_dealings_with_as_large_a_distance():
    frame = people()
    found = checked(lottery(frame), covariates=["age", "rooms"])
    own = distance(frame, np.flatnonzero(frame["z"]))
    each = np.array([distance(frame, list(c)) for c in combinations(range(8), 4)])
    assert found.p_value == pytest.approx(np.mean(each >= own * (1 - 1e-9)))
    assert found.details["df"] == 2
    assert found.statistic == pytest.approx(own * 8 * 0.25)  # n1 n0 / n of the distance
    assert found.verdict == "pass"


def test_the_statistic_s_mean_over_all_dealings_is_its_rank_with_strata_and_arms():
    arms, strata = np.array([0, 1, 2, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 1, 1, 1])
    values = np.random.default_rng(1).normal(size=(7, 2))
    dealings = deal(arms, strata, draws=1000, seed=1)
    test = Omnibus.of(values, arms, strata)
    assert dealings.every
    assert test.through(dealings).mean() == pytest.approx(test.rank)


def test_units_of_measurement_do_not_matter():
    frame = people()
    scaled = frame.assign(age=frame["age"] * 1e6 + 5e8)
    one, other = (checked(lottery(f), covariates=["age", "rooms"]) for f in (frame, scaled))
    assert one.statistic == pytest.approx(other.statistic, rel=1e-6)


def test_differences_are_in_standard_deviations():
    frame = people()
    row = checked(lottery(frame), covariates=["age"]).details["rows"][0]
    gap = frame.groupby("z")["age"].mean()
    assert row["difference"] == pytest.approx((gap[1] - gap[0]) / frame["age"].std())


def test_a_lottery_that_was_none_fails():
    frame = people(40)
    frame["age"] += 2 * frame["z"]
    found = checked(lottery(frame), covariates=["age", "rooms"])
    assert found.verdict == "fail"
    assert "Most apart: age" in found.reason
    assert "Was it a lottery" in found.reason


def test_strata_explain_what_differs_between_them():
    frame = people(40)
    frame["part"] = np.repeat(["a", "b"], 20)
    frame["z"] = np.r_[np.arange(20) % 5 == 0, np.arange(20) % 5 > 0].astype(int)
    frame["age"] += 5 * (frame["part"] == "b")
    assert checked(lottery(frame), covariates=["age"]).verdict == "fail"
    assert checked(lottery(frame), covariates=["age"], strata=["part"]).verdict == "pass"


def test_in_a_roll_out_the_outcome_before_is_compared_too():
    frame = wedge([2, 2, 3, 3, NEVER, NEVER, NEVER])
    found = checked(trial(frame), covariates=["x"])
    assert [r["covariate"] for r in found.details["rows"]] == ["x", "outcome before"]
    assert found.details["clusters"] == 7
    assert found.details["df"] == 4  # two covariates, three arms less one


def test_few_dealings_leave_it_open_and_nothing_named_does_not_apply():
    assert checked(trial(wedge([2, 2, NEVER, NEVER]))).verdict == "inconclusive"
    assert checked(lottery(people())).verdict == "inapplicable"
