"""Whether the dealing changed who received the measure."""

import json

import numpy as np
import pytest

import scale_impact as si
from tests.rollouts import NEVER, lottery, trial, wedge


def checked(data, **options):
    return si.check("compliance", *data, None, **{"received": "got", **options})


def test_shares_by_period_are_plain_means_and_the_share_moved_is_the_first_stage():
    frame = wedge([2] * 6 + [NEVER] * 6, seed=3)
    found = checked(trial(frame))
    after = frame[frame["t"] == 3].groupby("z")["got"].mean()
    row = found.details["rows"][3]
    assert (row["assigned"], row["others"]) == pytest.approx((after[1], after[0]))
    assert found.details["rows"][0]["assigned"] is None
    first = si.estimate("randomised_rollout", *trial(frame), received="got").summaries["received"]
    assert (found.statistic, found.p_value) == pytest.approx((first.value, first.p_value))
    assert found.verdict == "pass"
    json.dumps(dict(found.details))


def test_a_dealing_that_may_have_moved_nobody_fails():
    frame = wedge([2] * 4 + [NEVER] * 4, seed=2)
    frame["got"] = np.random.default_rng(1).integers(0, 2, len(frame)).astype(float)
    found = checked(trial(frame))
    assert found.verdict == "fail"
    assert "It may have moved nobody" in found.reason
    assert "moved nobody" in checked(trial(frame.assign(got=1.0))).reason


def test_a_dealing_that_moved_few_says_how_diluted_its_effect_is():
    frame = wedge([2] * 10 + [NEVER] * 10, seed=2).assign(got=lambda f: 0.9 + 0.05 * f["z"])
    found = checked(trial(frame))
    assert found.verdict == "inconclusive"
    assert "diluted 20 times" in found.reason


def test_everyone_who_does_as_dealt_is_found_in_a_cross_section():
    frame = wedge([0] * 10 + [NEVER] * 10, periods=1).assign(got=lambda f: f["z"])
    found = checked(lottery(frame))
    assert found.statistic == pytest.approx(1.0)
    assert (found.details["received_assigned"], found.details["received_others"]) == (1.0, 0.0)
    assert found.verdict == "pass"
