"""Triple differences equal regressions with three-way interactions, and the definition cohort by cohort."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import DataError, DesignError, EstimationError, UsageError
from tests.panels import NEVER, drawn, fitted, framed, group_time, jackknifed, panel_of

SIZES = {2: 14, 3: 16, 5: 13, NEVER: 19}


def places(sizes=SIZES, n_periods=6, seed=3):
    """Units of two subgroups `s`, a trait `x` that bends their paths, and clusters `st` of three units."""
    frame = drawn(sizes, n_periods, seed=seed).sort_values(["id", "t"], ignore_index=True)
    rng = np.random.default_rng(seed)
    n = frame["id"].nunique()
    s, x = rng.integers(0, 2, n), rng.normal(size=n)
    unit = frame["id"].to_numpy()
    frame = frame.assign(s=s[unit], x=x[unit], st=unit // 3)
    return frame.assign(y=frame["y"] + (frame["t"] >= frame["g"]) * frame["s"] + 0.3 * frame["x"] * frame["t"])


def tripled(frame, *, options=None, **design):
    return fitted("triple_difference", frame, options={"subgroup": "s", **(options or {})}, **design)


# ---- by regression ---------------------------------------------------------------------------------


def least_squares(y, columns, clusters):
    """The last coefficient and its standard error by clusters, without correction."""
    x = np.column_stack(columns).astype(float)
    rows = np.linalg.pinv(x)
    residual = y - x @ (rows @ y)
    scores = np.bincount(pd.factorize(clusters)[0], rows[-1] * residual)
    return rows[-1] @ y, np.sqrt(scores @ scores)


@pytest.mark.parametrize("cluster", ["id", "st"])
def test_with_two_periods_it_is_the_three_way_interaction(cluster):
    frame = places({1: 15, NEVER: 18}, 2)
    treated, late = (frame["g"] == 1).astype(float), frame["t"]
    columns = [pd.get_dummies(frame["id"]), late, late * treated, late * frame["s"], late * treated * frame["s"]]
    value, error = least_squares(frame["y"].to_numpy(), columns, frame[cluster])
    overall = tripled(frame, cluster=cluster).overall
    assert overall.value == pytest.approx(value, rel=1e-10)  # least squares on 66 rows
    assert overall.std_error == pytest.approx(error, rel=1e-9)


def test_with_one_date_each_period_is_a_three_way_interaction():
    frame = places({2: 15, NEVER: 18}, 5)
    effect = tripled(frame, base_period="universal")
    for t in (0, 2, 3, 4):
        two = frame[frame["t"].isin([1, t])]
        treated, late = (two["g"] == 2).astype(float), (two["t"] == t).astype(float)
        columns = [pd.get_dummies(two["id"]), late, late * treated, late * two["s"], late * treated * two["s"]]
        value, error = least_squares(two["y"].to_numpy(), columns, two["id"])
        assert effect.path.at(t - 2).value == pytest.approx(value, rel=1e-10)
        assert effect.path.at(t - 2).std_error == pytest.approx(error, rel=1e-9)


def test_in_cross_sections_it_is_the_three_way_interaction():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.integers(0, 2, size=(90, 3)), columns=["near", "s", "t"])
    frame["y"] = rng.normal(size=90) + frame.sum(axis=1) + 2 * frame["near"] * frame["s"] * frame["t"]
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    overall = si.estimate(
        "triple_difference", panel, si.Design.from_panel(panel, group="near", starts=1), subgroup="s"
    ).overall
    a, b, c = (frame[k] for k in ("near", "s", "t"))
    columns = [np.ones(90), a, b, c, a * b, a * c, b * c, a * b * c]
    value, error = least_squares(frame["y"].to_numpy(), columns, np.arange(90))
    assert overall.value == pytest.approx(value, rel=1e-10)
    assert overall.std_error == pytest.approx(error, rel=1e-9)


# ---- by definition ------------------------------------------------------------------------------------


def changes(frame, t, base):
    """Change of each unit between two periods, with its cohort and subgroup."""
    wide = frame.pivot(index="id", columns="t", values="y")
    first = frame.groupby("id")[["g", "s"]].first()
    return (wide[t] - wide[base]).to_numpy(), first["g"].to_numpy(), first["s"].to_numpy()


def against(frame, g, other, t, base):
    """The effect of a cell against one comparison cohort, and what each unit adds to its error."""
    d, cohort, s = changes(frame, t, base)
    value, added = 0.0, np.zeros(len(d))
    for k, sign in ((g, 1), (other, -1)):
        for subgroup, side in ((1, 1), (0, -1)):
            here = (cohort == k) & (s == subgroup)
            value += sign * side * d[here].mean()
            added[here] += sign * side * (d[here] - d[here].mean()) / here.sum()
    return value, added


def by_definition(frame, control, base_period="varying"):
    """Effects {(g, t): (value, what units add)} with optimal weights from the covariance of the comparisons."""
    found, cohorts = {}, sorted(frame["g"].unique())
    for g in [c for c in cohorts if c < NEVER]:
        for t in range(int(frame["t"].max()) + 1):
            base = g - 1 if base_period == "universal" or t >= g else t - 1
            others = [c for c in cohorts if c == NEVER or (control == "not_yet" and c > max(t, base) and c != g)]
            if base < 0 or t == base or not others:
                continue
            parts = [against(frame, g, c, t, base) for c in others]
            values, added = np.array([v for v, _ in parts]), np.array([a for _, a in parts])
            inverse = np.linalg.inv(added @ added.T)
            weights = inverse.sum(axis=0) / inverse.sum()
            found[int(g), t] = weights @ values, weights @ added
    return found


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("base_period", ["varying", "universal"])
def test_each_cell_combines_its_comparisons_with_optimal_weights(base_period, control):
    frame = places()
    cells = tripled(frame, control=control, base_period=base_period).cells
    expected = by_definition(frame, control, base_period)
    found = {(int(g), int(t)): e for g, t, e in zip(cells.cohorts, cells.periods, cells, strict=True)}
    assert {c for c, e in found.items() if e.reason is None} == set(expected)
    for c, (value, added) in expected.items():
        assert found[c].value == pytest.approx(value, rel=1e-9, abs=1e-12)  # an inverse of up to three comparisons
        assert found[c].std_error == pytest.approx(np.sqrt(added @ added), rel=1e-9)


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_averages_count_affected_units(control):
    """Errors by the infinitesimal jackknife: shares move with the units, optimal weights do not."""
    frame = places()
    first = frame.groupby("id")[["g", "s"]].first()
    cohort, s = first["g"].to_numpy(), first["s"].to_numpy()
    cells = {c: added for c, (_, added) in by_definition(frame, control).items()}
    values = {c: value for c, (value, _) in by_definition(frame, control).items()}
    post = [c for c in cells if c[1] >= c[0]]

    def moved(weight):
        """All averages with unit weights: effects move by what units add, shares with the affected units."""
        w = weight[:, 0]
        effect = {c: values[c] + cells[c] @ (w - 1) for c in post}
        size = {g: w[(cohort == g) & (s == 1)].sum() for g, _ in post}

        def average(chosen):
            return sum(size[g] * effect[g, t] for g, t in chosen) / sum(size[g] for g, t in chosen)

        cohorts = sorted(size)
        own = {g: np.mean([effect[c] for c in post if c[0] == g]) for g in cohorts}
        when = sorted({t for _, t in post})
        after = sorted({t - g for g, t in post})
        path = [average([c for c in post if c[1] - c[0] == e]) for e in after]
        by_period = [average([c for c in post if c[1] == t]) for t in when]
        over = sum(size[g] * own[g] for g in cohorts) / sum(size.values())
        return np.array([average(post), np.mean(path), over, np.mean(by_period), *path, *by_period])

    effect = tripled(frame, control=control)
    ones = np.ones((len(cohort), 1))
    errors = np.sqrt(np.diag(jackknifed(moved, ones, np.arange(len(cohort))[:, None])))
    times = [e for e, t in zip(effect.path, effect.path.event_times, strict=True) if t >= 0]
    found = [*effect.summaries.values(), *times, *effect.by_period]
    assert list(effect.summaries) == ["simple", "event_time", "cohort", "period"]
    np.testing.assert_allclose([e.value for e in found], moved(ones), rtol=1e-9)
    np.testing.assert_allclose([e.std_error for e in found], errors, rtol=1e-6)  # the jackknife's step


@pytest.mark.parametrize("cluster", [None, "st"])
@pytest.mark.parametrize("covariates", [(), ("x",)], ids=str)
def test_influence_gives_covariances(covariates, cluster):
    effect = tripled(places(), control="not_yet", cluster=cluster, options={"covariates": covariates})
    for family in effect.families():
        np.testing.assert_allclose(family.influence.covariance(), family.covariance, rtol=1e-9, atol=1e-13)
    assert effect.influence.covariance()[0, 0] == pytest.approx(effect.overall.std_error**2, rel=1e-9)


def test_the_weights_give_the_effect():
    frame = places()
    effect = tripled(frame, control="not_yet")
    means = frame.pivot_table(index=["g", "s"], columns="t", values="y")
    names = [f"{'never treated' if g == NEVER else int(g)}, subgroup {s}" for g, s in means.index]
    assert list(effect.weights.index) == names
    assert (effect.weights.to_numpy() * means.to_numpy()).sum() == pytest.approx(effect.overall.value, rel=1e-10)


def test_what_pooling_would_get_wrong():
    """Trends of places and of subgroups, and their proportions, differ; the gap moves alike everywhere."""
    rows = []
    for g, (trend, unaffected, affected) in {2: (3.0, 4, 4), 3: (-2.0, 9, 3), NEVER: (1.0, 3, 12)}.items():
        for s, n in ((0, unaffected), (1, affected)):
            rows += [(g, s, [trend * t + 5 * s * t + 7.0 * s * (t >= g) for t in range(5)])] * n
    frame = framed(np.array([path for *_, path in rows]), np.array([g for g, *_ in rows]))
    frame["s"] = np.repeat([s for _, s, _ in rows], 5)
    effect = tripled(frame, control="not_yet")
    post = effect.cells.values[[p >= c for c, p in zip(effect.cells.cohorts, effect.cells.periods, strict=True)]]
    np.testing.assert_allclose(post, 7.0, rtol=1e-12)
    # the difference of two pooled differences in differences is not 7: the subgroups' controls mix the places otherwise
    first = frame.groupby("id")[["g", "s"]].first()
    y = frame.pivot(index="id", columns="t", values="y").to_numpy()
    start = np.where(np.isinf(first["g"]), 5, first["g"]).astype(int)
    pooled = [
        group_time(
            y[first["s"] == s], start[first["s"] == s], np.ones((int((first["s"] == s).sum()), 5)), control="not_yet"
        )
        for s in (0, 1)
    ]
    assert abs(pooled[1][2, 2] - pooled[0][2, 2] - 7.0) > 1


# ---- covariates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
def test_with_covariates_it_is_three_comparisons_of_callaway_and_santanna(method):
    frame = places({2: 25, NEVER: 30}, 4)
    effect = tripled(frame, options={"covariates": ["x"], "method": method}, base_period="universal")
    total, added = np.zeros(4), 0.0
    for cohort, s, sign in ((2, 0, 1), (NEVER, 1, 1), (NEVER, 0, -1)):
        affected, others = (frame["g"] == 2) & (frame["s"] == 1), (frame["g"] == cohort) & (frame["s"] == s)
        # the part compared with stands in for the never treated
        part = frame.assign(g=np.where(affected, 2.0, NEVER))[affected | others]
        one = fitted(
            "callaway_santanna", part, base_period="universal", options={"covariates": ["x"], "method": method}
        )
        total += sign * one.path.values
        wide = np.zeros((frame["id"].nunique(), 4))
        wide[np.sort(part["id"].unique())] = one.path.influence.values
        added = added + sign * wide
    np.testing.assert_allclose(effect.path.values, total, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(effect.path.covariance, added.T @ added, rtol=1e-8, atol=1e-13)
    assert effect.inference.endswith("on x")


def test_covariates_that_say_nothing_change_nothing_much():
    """With `reg` and a trait of the same mean in all parts, both are differences of the same means."""
    frame = places({2: 16, NEVER: 16}, 4)
    order = frame.groupby("id")[["g", "s"]].first()
    order["k"] = order.groupby(["g", "s"]).cumcount()
    sizes = order.groupby(["g", "s"])["k"].transform("size")
    kept = order.index[(order["k"] < 2 * (sizes // 2))]
    frame = frame[frame["id"].isin(kept)].merge((order["k"] % 2).rename("z"), left_on="id", right_index=True)
    plain = tripled(frame, base_period="universal").path
    held = tripled(frame, base_period="universal", options={"covariates": ["z"], "method": "reg"}).path
    np.testing.assert_allclose(held.values, plain.values, rtol=1e-9, atol=1e-12)


def test_comparisons_with_covariates_are_combined_with_optimal_weights():
    frame = places({2: 26, 3: 24, NEVER: 30}, 4, seed=8)
    both = tripled(frame, control="not_yet", options={"covariates": ["x"]})
    parts = [
        tripled(
            frame[frame["g"].isin([2, c])].assign(g=lambda f: f["g"].replace(3, NEVER)), options={"covariates": ["x"]}
        )
        for c in (3, NEVER)
    ]
    # the effect of cohort 2 in period 2: both others are untreated
    values, added = [], []
    for part, c in zip(parts, (3, NEVER), strict=True):
        k = next(k for k in range(len(part.cells)) if part.cells.periods[k] == 2)
        values.append(part.cells.values[k])
        wide = np.zeros(frame["id"].nunique())
        ids = np.sort(frame.loc[frame["g"].isin([2, c]), "id"].unique())
        wide[ids] = part.cells.influence.values[:, k]
        added.append(wide)
    inverse = np.linalg.inv(np.array(added) @ np.array(added).T)
    weights = inverse.sum(axis=0) / inverse.sum()
    k = next(k for k in range(len(both.cells)) if (both.cells.cohorts[k], both.cells.periods[k]) == (2, 2))
    assert both.cells.values[k] == pytest.approx(weights @ values, rel=1e-9)
    assert both.cells[k].std_error == pytest.approx(np.linalg.norm(weights @ np.array(added)), rel=1e-9)


def test_covariates_that_leave_no_effect_say_why():
    frame = places({2: 8, NEVER: 9}, 3).assign(
        **{f"x{k}": lambda f, k=k: np.sin(f["id"] * (k + 2.3)) for k in range(6)}
    )
    with pytest.raises(EstimationError, match="fewer affected units than coefficients of their model"):
        tripled(frame, options={"covariates": [f"x{k}" for k in range(6)]})


# ---- what a reader has to know ------------------------------------------------------------------------------


def test_the_sample_counts_affected_units_as_treated():
    frame = places()
    effect = tripled(frame)
    first = frame.groupby("id")[["g", "s"]].first()
    assert effect.sample.n_treated == ((first["g"] < NEVER) & (first["s"] == 1)).sum()
    assert effect.sample.n_units == len(first)
    assert "The effect is on units with s 1; those with s 0 are the third difference." in effect.notes


def test_a_cohort_with_one_subgroup_has_no_effect_and_is_named():
    frame = places()
    frame.loc[frame["g"] == 3, "s"] = 1
    effect = tripled(frame, control="not_yet")
    assert effect.by_cohort.cohorts == (2, 5)
    assert "Cohort 3 (16 units) has no effect of its own: it has one subgroup only." in effect.notes


def test_a_subgroup_of_one_unit_has_no_standard_error():
    frame = places({2: 9, NEVER: 12}, 4)
    inside = frame.loc[frame["g"] == 2, "id"].unique()
    frame["s"] = np.where(frame["g"] == 2, frame["id"] == inside[0], frame["s"]).astype(int)
    overall = tripled(frame).overall
    assert overall.value is not None
    assert (overall.std_error, overall.reason) == (
        None, "no standard error: a subgroup compared is one unit, whose own variation cannot be seen",
    )  # fmt: skip


def test_a_comparison_of_one_unit_counts_only_where_there_is_no_other():
    frame = places({2: 9, 4: 8, NEVER: 12}, 6)
    inside = frame.loc[frame["g"] == 4, "id"].unique()
    frame["s"] = np.where(frame["g"] == 4, frame["id"] == inside[0], frame["s"]).astype(int)
    a, b = (tripled(f, control="not_yet").path.at(0) for f in (frame[frame["g"] != 4], frame[frame["g"] != NEVER]))
    assert b.std_error is None
    both = tripled(frame, control="not_yet").cells
    k = next(k for k in range(len(both)) if (both.cohorts[k], both.periods[k]) == (2, 2))
    assert both[k].value == pytest.approx(a.value, rel=1e-12)
    assert both[k].std_error == pytest.approx(a.std_error, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        (lambda f: f.sample(frac=1, random_state=5), 1),
        (lambda f: f.assign(id=f["id"].map(lambda i: f"firm {(i * 7919) % 1009:04d}")), 1),
        (lambda f: f.assign(y=f["y"] * 2**20), 2**20),
        (lambda f: f.assign(y=f["y"] + 7 * f["t"] ** 2 + f["id"] % 11 + f["s"] * np.sin(f["t"])), 1),
        (lambda f: f.assign(s=f["s"].astype(float)), 1),
    ],
    ids=["rows in another order", "units by other names", "outcome in another unit", "trends of subgroups", "floats"],
)
@pytest.mark.parametrize("covariates", [(), ("x",)], ids=str)
def test_what_does_not_matter(change, factor, covariates):
    a, b = (tripled(f, control="not_yet", options={"covariates": covariates}) for f in (places(), change(places())))
    assert b.overall.value == pytest.approx(factor * a.overall.value, rel=1e-9)
    assert b.overall.std_error == pytest.approx(factor * a.overall.std_error, rel=1e-8)


# ---- what cannot be had ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda f: f["s"] + 1, "subgroup: s has to be 0 or 1 .* it holds 2"),
        (lambda f: 1, "subgroup: s is 1 for everyone, so there is no third difference. Use callaway_santanna"),
        (lambda f: f["s"].where(f["id"] > 0), "subgroup: s has to be 0 or 1 .* it holds nan"),
        (lambda f: (f["g"] < NEVER).astype(int), "no treated cohort has units with s 0 and 1 both. The date has to be that of the place"),
        (lambda f: np.where(f["g"] < NEVER, f["s"], 1), "no treated cohort can be compared with one that has both subgroups"),
    ],
)  # fmt: skip
def test_subgroups_that_cannot_be_are_refused(values, words):
    with pytest.raises(DesignError, match=words):
        tripled(places().assign(s=values))


def test_subgroups_that_change_are_refused():
    frame = places().assign(s=lambda f: (f["t"] > 2).astype(int))
    with pytest.raises(DataError, match="Column 's' varies within"):
        tripled(frame)


def test_unknown_options_are_refused_together():
    with pytest.raises(UsageError) as error:
        tripled(places(), options={"aggregation": "mean", "method": "ols"})
    assert len(error.value.problems) == 2


def test_covariates_in_cross_sections_are_refused():
    panel = panel_of(places(), unit=None)
    design = si.Design.from_panel(panel, first_treated="g")
    with pytest.raises(DesignError, match="triple_difference takes covariates in panels only"):
        si.estimate("triple_difference", panel, design, subgroup="s", covariates=["x"])


# ---- simulation ---------------------------------------------------------------------------------------------


def test_the_standard_error_is_the_spread_over_samples():
    rng = np.random.default_rng(20251122)
    first = np.repeat([2.0, 3.0, NEVER], 40)
    s = np.tile([0, 1], 60)
    found = []
    for _ in range(300):
        y = rng.normal(size=(120, 5)).cumsum(axis=1)
        y += (np.arange(5) >= first[:, None]) * s[:, None] * 1.0 + s[:, None] * 0.5 * np.arange(5)
        found.append(tripled(framed(y, first).assign(s=np.repeat(s, 5)), control="not_yet").overall)
    values, errors = (np.array([getattr(e, name) for e in found]) for name in ("value", "std_error"))
    assert values.mean() == pytest.approx(1.0, abs=3 * values.std() / np.sqrt(300))  # three standard errors of the mean
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.12)  # three times the 4.1 % of a spread over 300


def test_outcomes_without_variation_have_an_effect_and_no_standard_error():
    for covariates in ((), ("x",)):
        frame = places().assign(y=lambda f: f["id"] + f["t"] + 2.0 * (f["t"] >= f["g"]) * f["s"])
        overall = tripled(frame.assign(y=frame["y"] * 2**-3), options={"covariates": covariates}).overall
        assert overall.value == pytest.approx(0.25, rel=1e-9)
        constant = tripled(frame.assign(y=1.0), options={"covariates": covariates}).overall
        assert (constant.value, constant.std_error) == (0, None)
        assert "no variation" in constant.reason
