"""Effects by context carried to another population: weights, errors, and where study and target do not overlap."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from scale_impact.errors import UsageError
from scale_impact.synthesis.transport import transport
from scale_impact.synthesis.transporting.weights import by_balance, by_odds
from tests.causal import by_hand
from tests.panels import ROOT

SHIFT = 0.8
"""Standard deviations by which the target's first context lies above the study's."""


def study(seed, n=400, *, wrong=False, target=400):
    """A trial of n whose effect is 1 + a - b/2 in contexts (and a^2/2 where the model of effects is wrong), and a target that is shifted."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    effect = 1 + x[:, 0] - 0.5 * x[:, 1] + (0.5 * x[:, 0] ** 2 if wrong else 0.0)
    scores = effect + 2 * rng.normal(size=n)
    line = lambda z: np.column_stack([np.ones(len(z)), z])  # noqa: E731
    fold, told = rng.permutation(n) % 5, np.empty(n)
    for k in range(5):
        told[fold == k] = line(x[fold == k]) @ np.linalg.lstsq(line(x[fold != k]), scores[fold != k], rcond=None)[0]
    b = np.linalg.lstsq(line(x), scores, rcond=None)[0]
    found = by_hand(scores, told, {"a": x[:, 0], "b": x[:, 1]}, folds=fold)
    found = replace(
        found, predict=lambda t: pd.DataFrame({"estimate": line(t[["a", "b"]].to_numpy()) @ b}, index=t.index)
    )
    there = rng.normal(size=(target, 2)) + np.array([SHIFT, 0.0])
    return found, pd.DataFrame(there, columns=["a", "b"])


def truth(*, wrong=False):
    return 1 + SHIFT + (0.5 * (1 + SHIFT**2) if wrong else 0.0)


def rows(**more):
    """Published effects of three groups of age."""
    table = {
        "label": ["age: up to 21", "age: 21 to 27", "age: above 27"], "kind": "subgroup", "estimate": [-4.5, -6.8, -23.4],
        "std_error": [7.1, 7.5, 7.6], "n_units": [149, 166, 130],
    }  # fmt: skip
    return pd.DataFrame(table | more)


# ---- groups ----------------------------------------------------------------------------------------------


def test_post_stratified_effects_are_those_of_groups_by_the_targets_shares():
    shares = pd.DataFrame({"label": ["age: above 27", "age: up to 21", "age: 21 to 27"], "share": [0.6, 0.1, 0.3]})
    found = transport(rows(), shares)
    assert found.estimate == pytest.approx(-0.45 - 2.04 - 14.04)
    assert found.std_error == pytest.approx(math.sqrt(0.71**2 + 2.25**2 + 4.56**2))
    assert found.plain == pytest.approx((149 * -4.5 + 166 * -6.8 + 130 * -23.4) / 445)
    assert found.check().verdict == "pass"


def test_counts_and_short_labels_of_one_context_do_too():
    counts = pd.DataFrame({"label": ["up to 21", "21 to 27"], "count": [30, 10]})
    found = transport(rows(), counts, by="age")
    assert found.estimate == pytest.approx(-4.5 * 0.75 - 6.8 * 0.25)
    assert found.weights["above 27"] == 0


def test_published_rows_of_a_study_are_carried_over():
    lines = (ROOT / "studies/supported-work-for-whom/results/estimates.jsonl").read_text().splitlines()
    table = pd.DataFrame(
        [r for r in map(json.loads, lines) if r["estimator"] == "dr_learner" and r["kind"] == "subgroup"]
    )
    labels = [v for v in table["label"] if v.startswith("age:")]
    own = pd.DataFrame({"label": labels, "count": table.set_index("label").loc[labels, "n_units"].to_numpy()})
    found = transport(table, own, by="age")
    assert found.estimate == pytest.approx(found.plain)
    units = pd.DataFrame([r for r in map(json.loads, lines) if r["estimator"] == "dr_learner" and r["kind"] == "unit"])
    older = transport(units, {"age": 30.0})
    assert older.estimate < older.plain
    assert older.bound
    assert older.overlap.table.set_index("column").loc["age", "after"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"label": ["age: up to 21"], "share": [0.7]}, "sum to 0.7"),
        ({"label": ["age: up to 21", "age: above 27"], "share": [0.7, 0.6]}, "sum to 1.3"),
        ({"label": ["age: up to 21", "age: above 27"], "share": [1.2, -0.2]}, "from 0 on"),
        ({"label": ["age: up to 2l"], "share": [1.0]}, "Did you mean 'age: up to 21'"),
        ({"label": ["age: up to 21"] * 2, "share": [0.5, 0.5]}, "stands twice"),
        ({"label": ["age: up to 21"], "count": [0]}, "all are 0"),
        ({"label": ["age: up to 21"], "share": ["half"]}, "'half'"),
    ],
)
def test_shares_that_cannot_be_are_refused(shares, said):
    with pytest.raises(UsageError, match=said):
        transport(rows(), pd.DataFrame(shares))


def test_a_group_of_the_target_without_an_effect_leaves_no_answer():
    shares = pd.DataFrame({"label": rows()["label"], "share": [0.5, 0.3, 0.2]})
    found = transport(rows(estimate=[-4.5, None, -23.4]), shares)
    assert found.estimate is None
    assert "age: 21 to 27 (30 %)" in found.why_not
    assert found.check().verdict == "fail"
    no_error = transport(rows(std_error=[7.1, None, 7.6]), shares)
    assert (no_error.std_error, no_error.low) == (None, None)
    assert any("no interval" in n for n in no_error.notes)


def test_rows_about_different_things_are_refused():
    with pytest.raises(UsageError, match="several of estimator: causal_forest, dr_learner"):
        transport(rows(estimator=["dr_learner", "dr_learner", "causal_forest"]), {"age": 3.0})
    with pytest.raises(UsageError, match="by: no row is about groups of 'sex'"):
        transport(rows(), pd.DataFrame({"label": ["x"], "share": [1.0]}), by="sex")
    with pytest.raises(UsageError, match="no column 'std_error'"):
        transport(rows().drop(columns="std_error"), {"age": 3.0})


# ---- weights ---------------------------------------------------------------------------------------------


def test_inverse_odds_are_those_of_a_logit():
    from sklearn.linear_model import LogisticRegression

    found, target = study(1)
    own = found.contexts.to_numpy()
    stacked = np.vstack([own, target.to_numpy()])
    model = LogisticRegression(C=1e9, tol=1e-10, max_iter=500).fit(stacked, np.arange(800) >= 400)
    odds = np.exp(model.decision_function(own))
    np.testing.assert_allclose(by_odds(own, target.to_numpy()).of_rows, odds / odds.sum(), rtol=1e-4)


def test_balancing_weights_have_the_least_entropy_of_those_with_the_targets_means():
    rng = np.random.default_rng(3)
    x, means = rng.normal(size=(12, 2)), np.array([0.3, -0.2])
    found = by_balance(x, means, ("a", "b")).of_rows
    np.testing.assert_allclose(found @ x, means, atol=1e-8)
    start = np.full(12, 1 / 12)
    constraints = [{"type": "eq", "fun": lambda w: w @ x - means}, {"type": "eq", "fun": lambda w: w.sum() - 1}]
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        best = optimize.minimize(
        lambda w: w @ np.log(w), start, constraints=constraints, bounds=[(1e-9, 1)] * 12, tol=1e-13, options={"maxiter": 500}
    )  # fmt: skip
    np.testing.assert_allclose(found, best.x, atol=1e-5)


def test_means_that_the_study_cannot_have_are_named():
    x = np.random.default_rng(3).normal(size=(30, 2))
    assert "a 9" in by_balance(x, np.array([9.0, 0.0]), ("a", "b"))
    corner = x.max(axis=0) * 0.99
    assert "their combination" in by_balance(x, corner, ("a", "b"))


def test_study_and_target_that_are_told_apart_have_no_answer():
    found, target = study(2)
    away = transport(found, target.assign(a=target["a"] + 50), method="inverse_odds")
    assert away.estimate is None
    assert "do not overlap" in away.why_not
    assert away.check().verdict == "fail"


# ---- scores ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["inverse_odds", "balance", "doubly_robust"])
def test_the_targets_effect_is_recovered_where_plain_pooling_misses_it(method):
    found = [transport(*study(seed), method=method) for seed in range(40)]
    off = np.array([f.estimate - truth() for f in found])
    assert abs(off.mean()) < 3 * off.std() / math.sqrt(40) + 0.02
    assert np.mean([f.std_error for f in found]) == pytest.approx(off.std(), rel=0.35)
    assert np.mean([f.low <= truth() <= f.high for f in found]) > 0.85
    assert np.mean([f.plain - truth() for f in found]) == pytest.approx(-SHIFT, abs=0.06)


def test_the_doubly_robust_effect_stands_a_wrong_model_of_effects():
    found = [transport(*study(seed, wrong=True)) for seed in range(40)]
    assert found[0].method == "doubly_robust"
    assert np.mean([f.estimate for f in found]) == pytest.approx(truth(wrong=True), abs=0.12)
    by_model = [f.predict(t)["estimate"].mean() for f, t in (study(seed, wrong=True) for seed in range(40))]
    assert truth(wrong=True) - np.mean(by_model) > 0.2


@pytest.mark.parametrize("method", ["inverse_odds", "doubly_robust"])
def test_the_error_is_that_of_a_bootstrap(method):
    found, target = study(5, n=300, target=300)
    rng, drawn = np.random.default_rng(0), []
    line = lambda z: np.column_stack([np.ones(len(z)), z])  # noqa: E731
    for _ in range(80):
        at, there = rng.integers(0, 300, 300), target.iloc[rng.integers(0, 300, 300)]
        x, s = found.contexts.to_numpy()[at], found.scores[at]
        b = np.linalg.lstsq(line(x), s, rcond=None)[0]
        again = by_hand(s, line(x) @ b, {"a": x[:, 0], "b": x[:, 1]})
        again = replace(
            again, predict=lambda t, b=b: pd.DataFrame({"estimate": line(t[["a", "b"]].to_numpy()) @ b}, index=t.index)
        )
        drawn.append(transport(again, there, method=method).estimate)
    assert transport(found, target, method=method).std_error == pytest.approx(np.std(drawn), rel=0.25)


def test_a_target_like_the_study_has_the_studys_effect():
    found, _ = study(4)
    same = transport(found, found.contexts, method="inverse_odds")
    assert same.estimate == pytest.approx(same.plain, abs=1e-6)
    assert same.overlap.index == pytest.approx(1, abs=1e-3)
    assert same.check().verdict == "pass"
    json.dumps(same.check().row(), allow_nan=False)


def test_order_of_rows_and_units_of_contexts_change_nothing():
    found, target = study(6)
    a = transport(found, target)
    b = transport(found, target.sample(frac=1, random_state=1)[["b", "a"]])
    assert (b.estimate, b.std_error) == (pytest.approx(a.estimate, rel=1e-10), pytest.approx(a.std_error, rel=1e-10))
    scaled = replace(found, contexts=found.contexts * 1e4, predict=lambda t: found.predict(t / 1e4))
    c = transport(scaled, target * 1e4)
    assert c.estimate == pytest.approx(a.estimate, rel=1e-8)


def test_rows_of_one_cluster_count_together():
    found, _target = study(7)
    pair = found.contexts.loc[found.contexts.index.repeat(2)].reset_index(drop=True)
    twice = by_hand(np.repeat(found.scores, 2), np.repeat(found.cate, 2), pair, clusters=np.repeat(np.arange(400), 2))
    once = by_hand(found.scores, found.cate, found.contexts)
    a, b = (transport(h, {"a": 0.4, "b": 0.0}) for h in (once, twice))
    assert b.estimate == pytest.approx(a.estimate)
    assert b.std_error == pytest.approx(a.std_error, rel=1e-6)


def test_a_whole_target_has_no_error_of_its_own():
    found, target = study(8)
    assert transport(found, target, whole=True).std_error < transport(found, target).std_error


def test_without_a_model_of_other_contexts_a_line_is_used_and_said():
    found, target = study(9)
    bare = transport(replace(found, predict=None), target)
    assert any("a line through the scores" in n for n in bare.notes)


def test_rows_that_lack_a_context_are_left_out_and_said():
    found, target = study(10)
    gaps = target.copy()
    gaps.iloc[:7, 0] = np.nan
    some = transport(found, gaps)
    assert "7 of 400 rows of the target lack a context and are left out." in some.notes


def test_how_alike_study_and_target_are_is_told_before_and_after():
    found, target = study(11)
    table = transport(found, target, method="balance").overlap.table.set_index("column")
    assert table.loc["a", "before"] == pytest.approx(-SHIFT, abs=0.15)
    assert table.loc["a", "after"] == pytest.approx(0, abs=1e-6)
    assert table.loc["a", "outside"] > 0
    far = transport(found, target.assign(a=target["a"] * 0.5 + 2.0), method="inverse_odds").check()
    assert far.verdict in ("fail", "inconclusive")
    assert "Beyond all that the study had" in far.reason


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ({"z": 1.0}, {}, "none of the contexts"),
        ({"a": 1.0, "b": 0.0}, {"columns": ["aa"]}, "Did you mean"),
        ({"a": 1.0, "b": 0.0}, {"method": "inverse_odds"}, "several rows"),
        (pd.DataFrame({"a": ["x", "y"], "b": [0.0, 1.0]}), {}, "no number"),
        (pd.DataFrame({"a": [0.1, 0.4]}), {}, "the model of effects needs 'b'"),
        (pd.DataFrame(columns=["a", "b"]), {}, "empty"),
        ("a", {}, "it is a str"),
        (pd.DataFrame({"label": ["x"], "share": [1.0]}), {}, "go with rows of subgroups"),
    ],
)
def test_targets_that_cannot_be_are_refused(given, options, said):
    with pytest.raises(UsageError, match=said):
        transport(study(1)[0], given, **options)


def test_what_has_no_effects_by_context_is_refused():
    with pytest.raises(UsageError, match="no effects by context"):
        transport(3.0, {"a": 1.0})
    with pytest.raises(UsageError, match="no context"):
        transport(rows(), {"age": 3.0})


def unit_rows(rng, n, *, other=0.0, error=0.05):
    x = rng.normal(size=n)
    effects = 1 + x + other * rng.normal(size=n) + error * rng.normal(size=n)
    rows = [
        {"kind": "unit", "label": f"u{i}", "estimate": e, "std_error": error, "context": {"x": v}}
        for i, (e, v) in enumerate(zip(effects, x, strict=True))
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("method", ["balance", "inverse_odds"])
def test_intervals_of_published_units_count_that_target_and_study_were_drawn(method):
    rng, held = np.random.default_rng(1), []
    for _ in range(100):
        found = transport(unit_rows(rng, 60), pd.DataFrame({"x": rng.normal(0.4, 1, 40)}), method=method)
        held.append(found.low <= 1.4 <= found.high)
    assert np.mean(held) > 0.88
    assert "having drawn these rows of study and target" in found.notes[-1]


def test_published_units_with_means_or_a_whole_target_have_no_error_of_the_targets():
    rng = np.random.default_rng(2)
    units, target = unit_rows(rng, 60), pd.DataFrame({"x": rng.normal(0.4, 1, 40)})
    drawn, whole = (transport(units, target, method="balance", whole=w) for w in (False, True))
    means = transport(units, target.mean().to_dict())
    assert means.estimate == pytest.approx(whole.estimate)
    assert means.std_error == pytest.approx(whole.std_error)
    assert "Means of the target are taken as known." in means.notes
    x = np.array([c["x"] for c in units["context"]])
    beta = np.polyfit(x, units["estimate"], 1, w=np.sqrt(whole.weights.to_numpy()))[0]
    assert drawn.std_error**2 - whole.std_error**2 == pytest.approx(beta**2 * target["x"].var() / 40, rel=1e-6)


def test_units_that_differ_by_more_than_context_have_wider_intervals():
    alike, unlike = (transport(unit_rows(np.random.default_rng(3), 60, other=o), {"x": 0.5}) for o in (0.0, 1.0))
    assert unlike.std_error > 1.5 * alike.std_error
