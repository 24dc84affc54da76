"""Estimates: intervals at the level asked, families with labels, rows of the contract."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scale_impact.core.effect import NO_ERROR, NONE_OWN, ROW_FIELDS, Effect, Estimate, Family, Sample
from tests.panels import NEVER, drawn, fitted

CONTRACT = [
    "kind", "label", "cohort", "period", "event_time", "estimate", "std_error", "df", "level", "ci_low", "ci_high",
    "p_value", "n_units", "n_treated", "n_periods", "n_obs", "n_clusters", "inference", "context",
]  # fmt: skip


def path():
    covariance = np.array([[4.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 9.0]])
    return Family(
        "event_time",
        np.array([1.0, 0.0, 3.0]),
        np.diag(covariance),
        covariance,
        (None, "the reference period", None),
        (-2.0, -1.0, 0.0),
    )


def effect():
    return Effect("twfe", Estimate(2.0, 0.5, 10), Sample(20, 8, 3, 60, 20), "clustered by city", path=path())


# ---- estimates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("df", [None, 3, 499])
def test_an_interval_is_that_of_scipy_at_the_level_asked(level, df):
    law = stats.norm if df is None else stats.t(df)
    low, high = Estimate(2.0, 0.5, df).interval(level)
    half = 0.5 * law.ppf(0.5 + level / 2)
    assert (low, high) == (
        pytest.approx(2 - half, rel=1e-12),
        pytest.approx(2 + half, rel=1e-12),
    )  # the same functions underneath


@pytest.mark.parametrize("df", [None, 3, 499])
def test_a_p_value_is_that_of_scipy_in_both_tails(df):
    law = stats.norm if df is None else stats.t(df)
    for value in (1.3, -1.3):
        assert Estimate(value, 0.5, df).p_value == pytest.approx(
            2 * law.sf(2.6), rel=1e-12
        )  # the same functions underneath


def test_a_p_value_far_out_is_not_rounded_to_zero():
    assert Estimate(30.0, 1.0).p_value == pytest.approx(2 * stats.norm.sf(30), rel=1e-9)


@pytest.mark.parametrize("level", [0, 1, 95, -0.5])
def test_a_level_lies_between_zero_and_one(level):
    with pytest.raises(ValueError, match=f"level is {level}; it has to lie between 0 and 1, such as 0.95"):
        Estimate(2.0, 0.5).interval(level)


@pytest.mark.parametrize(
    "nothing", [Estimate(2.0, None, reason="one treated unit"), Estimate(None, None, reason="no control")]
)
def test_without_a_standard_error_there_is_no_interval_and_no_p_value(nothing):
    assert nothing.interval() is None
    assert nothing.p_value is None
    assert nothing.reason


# ---- families --------------------------------------------------------------------------------------


def test_a_family_is_a_list_of_estimates():
    assert [e.value for e in path()] == [1.0, 0.0, 3.0]
    assert path().std_errors == [2.0, None, 3.0]
    assert path()[1].reason == "the reference period"
    assert len(path()) == 3


def test_an_estimate_is_found_by_its_event_time():
    assert path().at(0) == Estimate(3.0, 3.0)
    with pytest.raises(KeyError, match="no event time 5; there are -2, -1, 0"):
        path().at(5)


def test_a_selection_keeps_values_labels_and_covariance_together():
    chosen = path().select([2, 0])
    assert chosen.event_times == (0.0, -2.0)
    assert chosen.values.tolist() == [3.0, 1.0]
    assert chosen.covariance.tolist() == [[9.0, 1.0], [1.0, 4.0]]
    assert chosen.cohorts == ()
    assert chosen.reasons == (None, None)


# ---- rows ------------------------------------------------------------------------------------------


def test_the_columns_are_those_of_the_contract():
    assert list(ROW_FIELDS) == CONTRACT
    assert list(effect().to_frame().columns) == CONTRACT
    assert all(list(row) == CONTRACT for row in effect().rows())


def test_a_row_a_number():
    rows = effect().rows()
    assert [(r["kind"], r["label"], r["event_time"], r["estimate"]) for r in rows] == [
        ("overall", "overall", None, 2.0),
        ("event_time", "event time -2", -2, 1.0),
        ("event_time", "event time -1", -1, 0.0),
        ("event_time", "event time 0", 0, 3.0),
    ]
    assert (rows[0]["n_units"], rows[0]["n_treated"]) == (20, 8)
    assert rows[0]["cohort"] is rows[0]["period"] is None


def test_a_row_without_a_standard_error_says_why():
    row = effect().rows()[2]
    assert row["std_error"] is row["ci_low"] is row["p_value"] is None
    assert row["inference"] == "clustered by city; the reference period"


def test_a_row_that_is_judged_no_longer_says_that_it_has_no_error_of_its_own():
    waiting = Effect("some", Estimate(2.0, reason=NO_ERROR), Sample(20, 8, 6, 120, 20), NONE_OWN)
    judged = replace(waiting, overall=waiting.overall.judge(Said((1.0, 4.0))))
    other = replace(judged, overall=replace(judged.overall, reason="another reason"))
    said = [e.rows()[0]["inference"] for e in (waiting, judged, other)]
    assert said == [NO_ERROR, "by a test", "another reason; by a test"]
    assert replace(waiting, overall=Estimate(2.0, 1.0)).rows()[0]["inference"] == NONE_OWN


def test_rows_have_intervals_at_the_level_asked():
    narrow, wide = effect().rows(0.8)[0], effect().rows(0.99)[0]
    assert (narrow["level"], wide["level"]) == (0.8, 0.99)
    assert wide["ci_low"] < narrow["ci_low"] < 2 < narrow["ci_high"] < wide["ci_high"]


@pytest.mark.parametrize("name", ["callaway_santanna", "twfe", "event_study"])
def test_rows_of_an_estimator_are_written_as_json_without_nan(name):
    rows = fitted(name, drawn({2: 1, 3: 5, NEVER: 6}, 5, seed=1), base_period="universal").rows()
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


@pytest.mark.parametrize("kind", ["datetime64[ns]", "datetime64[s]", "period[Y]"])
def test_dates_in_rows_are_text(kind):
    frame = drawn({2: 4, 3: 5, NEVER: 6}, 5, seed=1)
    days = {k: pd.Timestamp(f"{2001 + k}-01-01") for k in range(5)}
    dated = frame.assign(t=frame["t"].map(days), g=frame["g"].map(days))
    dated = dated.assign(
        **{c: dated[c].dt.to_period("Y") if kind == "period[Y]" else dated[c].astype(kind) for c in "tg"}
    )
    rows = fitted("callaway_santanna", dated).rows()
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert {r["cohort"][:4] for r in rows if r["kind"] == "cohort"} == {"2003", "2004"}
    assert {r["label"][:11] for r in rows if r["kind"] == "cohort"} == {"cohort 2003", "cohort 2004"}


# ---- judged in another way ---------------------------------------------------------------------------


class Said:
    """A judgement of the analytic kind that says what it is told."""

    words, p_value = "by a test", 0.25

    def __init__(self, ends, std_error=None, df=None):
        self.ends, self.std_error, self.df = ends, std_error, df

    def interval(self, level):
        return self.ends


def test_a_judgement_gives_interval_and_p_value_and_may_bring_a_standard_error():
    plain = Estimate(2.0, None, reason="one treated unit")
    found = plain.judge(Said((1.0, 4.0)))
    assert (found.interval(), found.p_value, found.std_error) == ((1.0, 4.0), 0.25, None)
    assert found.reason == "one treated unit"
    brought = plain.judge(Said((1.0, 4.0), 0.7, 9))
    assert (brought.std_error, brought.df, brought.reason) == (0.7, 9, None)
    assert plain.judge(None) == plain


def test_a_family_is_judged_estimate_by_estimate():
    family = replace(path(), judged=(Said((0.0, 2.0)), None, Said((1.0, np.inf))))
    assert family[0].interval() == (0.0, 2.0)
    assert family[1] == path()[1]
    assert family.select([2])[0].interval() == (1.0, np.inf)
    rows = replace(effect(), path=family).rows()
    assert (rows[1]["ci_low"], rows[1]["ci_high"], rows[1]["p_value"]) == (0.0, 2.0, 0.25)
    assert rows[1]["inference"] == "clustered by city; by a test"
    assert (rows[3]["ci_low"], rows[3]["ci_high"]) == (1.0, None)  # an infinite end
