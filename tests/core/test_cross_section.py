"""The rows that estimators with covariates compare, from observations or from changes."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.covariates import as_numbers
from scale_impact.core.causal.cross_section import cross_section
from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.errors import DesignError

STARTS = {"a": 4, "b": 4, "c": 6, "d": 6, "e": np.inf, "f": np.inf, "g": np.inf}


def towns(periods=8, starts=STARTS, seed=1):
    rng = np.random.default_rng(seed)
    n = len(starts)
    return pd.DataFrame(
        {
            "town": np.repeat(list(starts), periods), "year": np.tile(np.arange(1, periods + 1), n), "y": rng.normal(size=n * periods),
            "x": rng.normal(size=n * periods), "kind": np.repeat(np.resize(["port", "hill"], n), periods),
            "g": np.repeat(list(starts.values()), periods),
        }
    )  # fmt: skip


def asked(frame, covariates=(), change="mean", missing="refuse", **design):
    panel = si.Panel.from_frame(frame, unit="town", period="year", outcome="y", missing=missing)
    return cross_section(panel, si.Design.from_panel(panel, first_treated="g", **design), "me", covariates, change)


def value(frame, town, year, column="y"):
    return frame[(frame["town"] == town) & (frame["year"] == year)][column].item()


# ---- changes -------------------------------------------------------------------------------------------------


def test_a_row_is_a_unit_s_mean_after_its_cohort_s_start_less_the_period_before():
    frame = towns()
    rows = asked(frame)
    assert rows.changes
    for i, (town, group) in enumerate(zip(rows.labels, rows.groups, strict=True)):
        start = (4, 6)[group]
        after = np.mean([value(frame, town, t) for t in range(start, 9)])
        assert rows.outcome[i] == pytest.approx(after - value(frame, town, start - 1), abs=1e-12)
        assert rows.exposure[i] == (STARTS[town] == start)


def test_each_cohort_is_compared_with_all_that_are_never_treated():
    rows = asked(towns())
    assert [sorted(np.array(rows.labels)[rows.groups == g]) for g in (0, 1)] == [list("abefg"), list("cdefg")]
    assert rows.group_names == ("first treated 4", "first treated 6")
    assert rows.n_clusters == 7
    assert rows.sample().n_treated == 4


def test_the_first_treated_period_alone_may_be_asked_for():
    frame = towns()
    rows = asked(frame, change="first")
    i = list(rows.labels).index("a")
    assert rows.outcome[i] == pytest.approx(value(frame, "a", 4) - value(frame, "a", 3), abs=1e-12)


def test_anticipation_moves_the_period_before():
    frame = towns()
    rows = asked(frame, anticipation=1, change="first")
    i = list(rows.labels).index("a")
    assert rows.outcome[i] == pytest.approx(value(frame, "a", 4) - value(frame, "a", 2), abs=1e-12)


def test_without_never_treated_the_last_cohort_is_compared_until_it_starts():
    frame = towns(starts={"a": 4, "b": 4, "c": 6, "d": 6})
    rows = asked(frame, control="not_yet")
    assert sorted(rows.labels) == list("abcd")
    i = list(rows.labels).index("a")
    assert rows.outcome[i] == pytest.approx(
        np.mean([value(frame, "a", t) for t in (4, 5)]) - value(frame, "a", 3), abs=1e-12
    )
    assert any("nobody is untreated" in n for n in rows.notes)


def test_not_yet_treated_units_serve_where_the_first_period_is_asked_for():
    rows = asked(towns(), control="not_yet", change="first")
    assert sorted(np.array(rows.labels)[rows.groups == 0]) == list("abcdefg")


def test_the_last_cohort_is_compared_with_the_never_treated_whatever_is_anticipated():
    starts = {"a": 4, "b": 4, "c": 8, "d": 8, "e": np.inf, "f": np.inf}
    rows = asked(towns(starts=starts), control="not_yet", anticipation=1, change="first")
    assert rows.group_names == ("first treated 4", "first treated 8")
    assert sorted(np.array(rows.labels)[rows.groups == 1]) == list("cdef")
    assert not any("left out" in n for n in rows.notes)


def test_covariates_are_those_of_the_period_before():
    frame = towns()
    rows = asked(frame, ["x", "kind"])
    assert rows.names == ("x", "kind port")
    for i, (town, group) in enumerate(zip(rows.labels, rows.groups, strict=True)):
        assert rows.covariates[i, 0] == value(frame, town, (3, 5)[group], "x")
    assert rows.control_names == ("x", "kind port", "first treated 6")
    assert rows.controls.shape == (10, 3)


def test_a_unit_without_the_period_before_is_left_out_and_said():
    frame = towns()
    rows = asked(frame[~((frame["town"] == "e") & (frame["year"] == 3))], balance="pairwise")
    assert [list(np.array(rows.labels)[rows.groups == g]).count("e") for g in (0, 1)] == [0, 1]
    assert any("1 change is not observed" in n for n in rows.notes)


def test_treatment_that_switches_off_is_refused():
    frame = towns().assign(on=lambda f: ((f["town"] == "a") & (f["year"].isin([3, 4]))).astype(int))
    panel = si.Panel.from_frame(frame, unit="town", period="year", outcome="y")
    with pytest.raises(DesignError, match="switches off"):
        cross_section(panel, si.Design.from_panel(panel, treated="on"), "me")


# ---- observations and repeated cross-sections ------------------------------------------------------------------


def test_observations_are_compared_within_their_period():
    frame = towns().assign(d=lambda f: (f["x"] > 0).astype(int))
    panel = si.Panel.from_frame(frame, unit="town", period="year", outcome="y")
    rows = cross_section(panel, si.Design.from_panel(panel, exposure="d"), "me", ["x"])
    assert not rows.changes
    assert len(rows) == 56
    assert rows.controls.shape == (56, 1 + 7)
    assert rows.n_clusters == 7
    assert np.array_equal(rows.outcome, panel.values)


def test_repeated_cross_sections_keep_the_treated_side_among_the_controls():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"year": rng.integers(1, 3, 60), "near": rng.integers(0, 2, 60), "y": rng.normal(size=60)})
    panel = si.Panel.from_frame(frame, unit=None, period="year", outcome="y")
    rows = cross_section(panel, si.Design.from_panel(panel, group="near", starts=2), "me")
    assert np.array_equal(rows.exposure, ((frame["near"] == 1) & (frame["year"] == 2)).astype(float))
    assert np.array_equal(rows.controls[:, -1], frame["near"])
    x = np.column_stack([np.ones(60), rows.exposure, rows.controls])
    by_hand = frame.groupby(["near", "year"])["y"].mean().unstack()
    coefficient = np.linalg.lstsq(x, rows.outcome, rcond=None)[0][1]
    assert coefficient == pytest.approx(
        (by_hand.loc[1, 2] - by_hand.loc[1, 1]) - (by_hand.loc[0, 2] - by_hand.loc[0, 1])
    )


def test_rows_can_be_taken_and_named():
    rows = asked(towns(), ["x"])
    some = rows.take(np.array([0, 2]))
    assert (len(some), some.labels, some.names) == (2, (rows.labels[0], rows.labels[2]), ("x",))
    assert rows.who(rows.treated) == "4 rows (a, b, c, d)"
    assert list(rows.frame(["kind"])["kind"][:2]) == ["port", "hill"]


# ---- the graph's say -------------------------------------------------------------------------------------------


def test_where_no_covariates_are_named_the_graph_names_them():
    frame = towns().assign(d=lambda f: (f["x"] > 0).astype(int))
    panel = si.Panel.from_frame(frame, unit="town", period="year", outcome="y")
    graph = Graph.parse(["x -> d", "x -> y", "d -> y"])
    rows = cross_section(panel, si.Design.from_panel(panel, exposure="d", graph=graph), "me")
    assert rows.columns == ("x",)
    assert any("which the graph asks for" in n for n in rows.notes)


def test_what_is_not_identified_is_refused_with_the_path():
    frame = towns().assign(d=lambda f: (f["x"] > 0).astype(int))
    panel = si.Panel.from_frame(frame, unit="town", period="year", outcome="y")
    graph = Graph.parse(["u -> d", "u -> y", "d -> y"], unobserved=["u"])
    with pytest.raises(DesignError, match="not identified by adjustment, because"):
        cross_section(panel, si.Design.from_panel(panel, exposure="d", graph=graph), "me")


# ---- covariates as numbers --------------------------------------------------------------------------------------


def test_what_says_nothing_or_the_same_is_left_out_and_said():
    x = np.array([1.0, 2.0, 4.0, 3.0])
    found = as_numbers(
        {"x": x, "double": 2 * x + 1, "one": np.ones(4), "on": np.array([True, False, True, True])}, list("abcd")
    )
    assert found.names == ("x", "on")
    assert found.notes == (
        "one has one value and is left out of the covariates.",
        "double says the same as x and is left out of the covariates.",
    )
    assert list(found.values[:, 1]) == [1, 0, 1, 1]


def test_all_that_is_wrong_with_covariates_is_said_at_once():
    gone = np.array([1.0, np.nan, 3.0, np.nan])
    dates = pd.to_datetime(["2020-01-01"] * 4).to_numpy()
    with pytest.raises(DesignError) as error:
        as_numbers({"gone": gone, "when": dates, "far": np.array([1.0, np.inf, 0, 0])}, list("abcd"))
    assert [p.split(" ")[1] for p in error.value.problems] == ["'gone'", "'when'", "'far'"]
    assert "2 rows of 4 (b, d)" in error.value.problems[0]


def test_a_text_with_many_values_is_no_category():
    many = np.array([f"street {k}" for k in range(60)])
    with pytest.raises(DesignError, match="60 different texts"):
        as_numbers({"street": many}, [str(k) for k in range(60)])


def test_no_covariates_are_no_columns():
    assert as_numbers({}, list("abc")).values.shape == (3, 0)


def test_the_outcome_and_the_exposure_are_no_covariates():
    frame = pd.DataFrame({"id": range(8), "t": 1, "y": [3.0, 1, 4, 1, 5, 9, 2, 6], "d": [0, 1] * 4, "x": range(8)})
    frame["twin"] = 5 - 2 * frame["d"]
    frame["kind"] = frame["d"].map({0: "hill", 1: "port"})
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, exposure="d", graph=Graph.parse(["d -> y", "x -> y"]))
    with pytest.raises(DesignError, match="Covariate 'y' is the outcome itself"):
        cross_section(panel, design, "me", ["x", "y"])
    for name, said in (("d", "'d'"), ("twin", "'twin'"), ("kind", "'kind port'")):
        with pytest.raises(DesignError, match=f"Covariate {said} is the exposure itself \\(d\\)"):
            cross_section(panel, design, "me", ["x", name])


def test_numbers_that_cannot_be_calculated_with_are_refused():
    with pytest.raises(DesignError, match=r"Covariate 'x' is beyond 1e\+100 in some rows"):
        as_numbers({"x": np.array([1.0, 1e200, 3.0])}, list("abc"))
