"""Are clusters enough, and what do the methods for few of them say?"""

import numpy as np
import pytest

import scale_impact as si
from tests.panels import NEVER, design_of, drawn, fitted


def checked(estimator, frame, *, options=None, **design):
    chosen = design_of(frame, **design)
    return si.check("few_clusters", chosen._panel, chosen, lambda p, d: si.estimate(estimator, p, d), **(options or {}))


def row(found, method):
    return next(r for r in found.details["rows"] if r["method"] == method)


def test_enough_clusters_pass():
    found = checked("twfe", drawn({3: 20, NEVER: 25}, 5, seed=1))
    assert found.verdict == "pass"
    assert "45 clusters (id, worth 4" in found.reason
    assert "20 treated, 25 to compare with: enough for the analytic interval" in found.reason
    assert [found.details[k] for k in ("clusters", "treated", "controls")] == [45, 20, 25]


def test_effective_clusters_are_by_the_weights_variance():
    """One treated unit of twenty has as much weight as all the others: 1 + 1/19 of 1, squared shares."""
    found = checked("twfe", drawn({3: 1, NEVER: 19}, 6, seed=1))
    share = np.r_[1.0, np.full(19, 1 / 19**2)]
    share = share / share.sum()
    gamma = 20 * share
    assert found.statistic == pytest.approx(20 / (1 + gamma.var()), rel=1e-9)
    assert found.details["largest_share"] == pytest.approx(share[0], rel=1e-9)


def test_intervals_stand_side_by_side_as_each_method_gives_them():
    frame = drawn({2: 3, 4: 4, NEVER: 8}, 6, seed=4)
    found = checked("callaway_santanna", frame, options={"draws": 499, "level": 0.9})
    assert [r["method"] for r in found.details["rows"]] == [
        "analytic", "conley_taber", "jackknife", "randomisation", "wild_bootstrap"
    ]  # fmt: skip
    for method, options in (("wild_bootstrap", {"draws": 499}), ("jackknife", {})):
        overall = fitted("callaway_santanna", frame, options={"inference": {method: options}}).overall
        assert (row(found, method)["ci_low"], row(found, method)["ci_high"]) == overall.interval(0.9)
        assert row(found, method)["p_value"] == overall.p_value
    assert [r["method"] for r in found.details["rows"] if r["valid"]] == ["wild_bootstrap"]
    assert (row(found, "analytic")["ci_low"]) == fitted("callaway_santanna", frame).overall.interval(0.9)[0]


def test_an_analytic_interval_that_says_more_than_the_valid_one_fails():
    """Noise in which the normal interval excludes zero and the one for few clusters does not."""
    seen = {}
    for seed in range(40):
        found = checked("callaway_santanna", drawn({2: 3, NEVER: 5}, 5, seed=seed), options={"draws": 199})
        seen.setdefault(found.verdict, found)
        if {"pass", "fail"} <= set(seen):
            break
    fail = seen["fail"]
    analytic, valid = row(fail, "analytic"), row(fail, "randomisation")
    assert (analytic["ci_low"] > 0) or (analytic["ci_high"] < 0)
    assert valid["ci_low"] < 0 < valid["ci_high"]
    assert "by randomisation it is not told apart from zero" in fail.reason
    assert "but it says the same" in seen["pass"].reason


def test_one_treated_unit_has_no_analytic_interval_and_another_one():
    found = checked("twfe", drawn({3: 1, NEVER: 24}, 6, seed=2))
    assert row(found, "analytic")["ci_low"] is None
    assert "one treated unit" in row(found, "analytic")["reason"]
    assert "there is no estimate" in row(found, "jackknife")["reason"]
    assert row(found, "conley_taber")["ci_low"] < row(found, "conley_taber")["ci_high"]
    assert "It has none; by randomisation it is" in found.reason


def test_too_few_for_any_interval_is_inconclusive():
    found = checked("twfe", drawn({3: 1, NEVER: 1}, 5, seed=2))
    assert found.verdict == "inconclusive"
    assert "2 clusters" in found.reason


def test_observations_that_stand_for_themselves_have_no_clusters(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    found = si.check("few_clusters", panel, design, lambda p, d: si.estimate("did_2x2", p, d))
    assert found.verdict == "inapplicable"


def test_with_many_clusters_only_quick_methods_are_asked():
    found = checked("twfe", drawn({3: 100, NEVER: 120}, 4, seed=1), options={"draws": 99})
    assert [r["method"] for r in found.details["rows"]] == ["analytic", "conley_taber", "wild_bootstrap"]
