"""The bootstrap over units against draws made by hand, and where it is refused."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, EstimationError
from scale_impact.inference import bootstrap
from scale_impact.inference.bootstrap import copied_design, copied_panel
from tests.inference import overall
from tests.panels import NEVER, design_of, drawn, fitted, framed, panel_of


def judged(estimator, frame, *, design=None, options=None, **asked):
    chosen = design_of(frame, **(design or {}))
    again = lambda p, d: si.estimate(estimator, p, d, **(options or {}))  # noqa: E731
    return overall(bootstrap, chosen._panel, chosen, again, again(chosen._panel, chosen), **asked)


def by_hand(estimator, frame, draws, seed, cluster="id", **options):
    """The estimate on copies of the clusters that the same seed draws."""
    rng, names = np.random.default_rng(seed), sorted(frame[cluster].unique())
    found = []
    while len(found) < draws:
        chosen = np.sort(rng.integers(len(names), size=len(names)))
        parts = [frame[frame[cluster] == names[c]] for c in chosen]
        copies = [p.assign(id=p["id"].astype(str) + f"-{k:02d}", st=f"s{k:02d}") for k, p in enumerate(parts)]
        whole = np.concatenate([p["g"].to_numpy() for p in copies])
        if (whole == NEVER).any() and (whole != NEVER).any():
            import pandas as pd

            found.append(fitted(estimator, pd.concat(copies, ignore_index=True), options=options).overall.value)
    return np.array(found)


@pytest.mark.parametrize(
    ("estimator", "options"),
    [("synthetic_did", {"solver": "exact"}), ("synthetic_control", {}), ("twfe", {}), ("callaway_santanna", {})],
)
def test_each_draw_is_the_estimate_on_copies_of_the_units_drawn(estimator, options):
    frame = drawn({6: 4, NEVER: 8}, 9, seed=3)
    found = judged(estimator, frame, draws=12, seed=5, options=options)
    each = by_hand(estimator, frame, 12, 5, **options)
    assert found.each == pytest.approx(each, abs=1e-7)  # twins share weights: only their sum is settled
    assert found.std_error == pytest.approx(each.std(), rel=1e-6)


@pytest.mark.parametrize("estimator", ["synthetic_did", "twfe"])
def test_clusters_are_drawn_as_wholes(estimator):
    frame = drawn({6: 4, NEVER: 8}, 9, seed=3).assign(st=lambda f: "s" + (f["id"] % 6).astype(str))
    options = {"solver": "exact"} if estimator == "synthetic_did" else {}
    found = judged(estimator, frame, design={"cluster": "st"}, draws=8, seed=2, options=options)
    assert found.each == pytest.approx(by_hand(estimator, frame, 8, 2, "st", **options), abs=1e-7)
    assert "8 draws of 6 clusters, seed 2" in found.words


def test_copies_of_a_cluster_are_clusters_of_their_own():
    frame = drawn({6: 4, NEVER: 8}, 9, seed=3).assign(st=lambda f: "s" + (f["id"] // 3).astype(str))
    design = design_of(frame, cluster="st")
    units = np.array([0, 1, 2, 0, 1, 2, 9, 10, 11])
    panel = copied_panel(design._panel, units)
    copied = copied_design(panel, design, units)
    assert len(np.unique(copied.cluster_codes)) == 3
    assert panel.matrix == pytest.approx(design._panel.matrix[units])
    assert panel.column("st").reshape(9, 9)[:, 0].tolist() == [f"s{k // 3}" for k in [0, 1, 2] * 2 + [9, 10, 11]]
    assert [len(copied.members(g)) for g in range(len(copied.starts))] == np.bincount(copied.cohort_codes).tolist()


def test_the_interval_is_normal_and_the_same_seed_gives_the_same_number():
    frame = drawn({6: 4, NEVER: 8}, 9, seed=3)
    found = judged("synthetic_did", frame, draws=30)
    low, high = found.interval(0.95)
    assert (high - low) / 2 == pytest.approx(1.959963984540054 * found.std_error)
    assert found.p_value == si.core.effect.Estimate(found.value, found.std_error).p_value
    assert judged("synthetic_did", frame, draws=30).each == found.each
    assert judged("synthetic_did", frame, draws=30, seed=1).each != found.each


def test_an_effect_carries_its_standard_error_and_a_lone_cohort_has_none():
    frame = drawn({4: 5, 6: 1, NEVER: 9}, 9, seed=3)
    effect = fitted("synthetic_did", frame, options={"inference": {"bootstrap": {"draws": 40}}})
    assert effect.rows()[0]["std_error"] == effect.overall.judged.std_error > 0
    assert "by the bootstrap: 40 draws of 15 clusters" in effect.rows()[0]["inference"]
    assert effect.by_cohort.judged[1] is None
    assert effect.by_cohort[1].std_error is None


@pytest.mark.parametrize(
    ("estimator", "instead"),
    [("synthetic_did", "placebo"), ("synthetic_control", "placebo"), ("twfe", "conley_taber")],
)
def test_one_treated_unit_is_refused_and_told_what_would_do(estimator, instead):
    with pytest.raises(EstimationError, match=rf"one id is treated \(\d+\).*no meaning. Use `inference: {instead}`."):
        judged(estimator, drawn({6: 1, NEVER: 8}, 9, seed=3))


def test_treated_units_of_one_cluster_are_refused_too():
    frame = drawn({6: 3, NEVER: 8}, 9, seed=3).assign(st=lambda f: np.where(f["g"] == 6, "a", f["id"].astype(str)))
    with pytest.raises(EstimationError, match="one st is treated"):
        judged("synthetic_did", frame, design={"cluster": "st"})


def test_one_unit_to_compare_with_is_refused():
    with pytest.raises(EstimationError, match="one id is never treated; it takes two"):
        judged("synthetic_did", drawn({6: 3, NEVER: 1}, 9, seed=3))


def test_cross_sections_are_refused(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    with pytest.raises(DesignError, match="Each observation stands for itself"):
        si.estimate("did_2x2", panel, design, inference="bootstrap")


def test_draws_that_vary_by_nothing_give_no_standard_error():
    y = np.tile(np.arange(9.0), (8, 1))
    y[:3, 6:] += 2.0
    assert judged("synthetic_did", framed(y, np.r_[[6.0] * 3, np.full(5, NEVER)]), draws=5) is None


@pytest.mark.parametrize("every", [True, False])
def test_draws_without_an_estimate_are_counted_and_the_first_reason_is_told(every):
    frame = drawn({6: 4, NEVER: 8}, 9, seed=3)
    design = design_of(frame)
    asked = []

    def refit(p, d):
        asked.append(d)
        if len(asked) > 1 and (every or len(asked) in (3, 7)):
            raise EstimationError(f"no answer to question {len(asked)}.")
        return si.estimate("twfe", p, d)

    effect = refit(design._panel, design)
    lost = 10 if every else 2
    with pytest.raises(
        EstimationError, match=rf"{lost} of 10 draws have no estimate \(the first: no answer to question 3\)"
    ):
        overall(bootstrap, design._panel, design, refit, effect, draws=10)


def test_it_covers_the_effect_about_as_often_as_it_says():
    """24 worlds of 12 treated and 30 donors, effect 1: 90 % intervals; 18 or more of 24 has probability 0.99 at 0.9."""
    rng, hits = np.random.default_rng(11), 0
    for _ in range(24):
        y = rng.normal(size=(42, 2)) @ rng.normal(size=(2, 12)) + rng.normal(size=(42, 12))
        y[:12, 9:] += 1.0
        frame = framed(y, np.r_[np.full(12, 9.0), np.full(30, NEVER)])
        low, high = judged("synthetic_did", frame, draws=40, options={"solver": "exact"}).interval(0.9)
        hits += low <= 1.0 <= high
    assert hits >= 18


def test_panel_of_copies_keeps_covariates():
    frame = drawn({6: 4, NEVER: 8}, 9, seed=3).assign(x=lambda f: f["id"] * 1.5)
    panel = panel_of(frame, covariates=["x"])
    copied = copied_panel(panel, np.array([3, 3, 5]))
    assert copied.unit_column("x").tolist() == [4.5, 4.5, 7.5]
