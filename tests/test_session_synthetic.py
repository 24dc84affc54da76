"""A session's view of one pilot city: donors, balance, placebos, figures."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.synthetic.placebos import Placebos
from scale_impact.session import open_session
from tests.projects import project

FAMILY = ["synthetic_control", "demeaned_synthetic_control"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    made = project(tmp_path / "project")
    monkeypatch.chdir(made.root)
    return made


def walks(treated=1, towns=10, years=range(2001, 2013)):
    """Towns of which the first lose jobs from 2009 on."""
    rng = np.random.default_rng(8)
    rows = []
    for u in range(towns):
        jobs = 50 + u + rng.normal(0, 1, len(years)).cumsum()
        for year, value in zip(years, jobs, strict=True):
            zone = int(u < treated and year >= 2009)
            rows.append((f"{u + 1:05d}", year, value - 5 * zone, zone, 0, 1000 + u, 0.0))
    return pd.DataFrame(rows, columns=["town", "year", "jobs", "zone", "start", "people", "ljobs"])


def opened(place, estimators=FAMILY, **data):
    place.data(walks(**data))
    place.study(estimators=list(estimators), checks=[])
    return open_session("towns")


def test_donors_are_a_table_with_a_column_an_estimator(place):
    table = opened(place).donors()
    assert list(table.columns) == FAMILY
    assert table.sum().tolist() == pytest.approx([1.0, 1.0], abs=1e-3)
    assert "00001" not in table.index


def test_without_predictors_the_balance_is_a_sentence(place):
    session = opened(place)
    assert "matches predictors" in session.balance().data
    assert session.with_predictors() == []


def test_predictors_of_any_estimator_have_a_table_and_a_figure(place):
    session = opened(
        place, ["demeaned_synthetic_control", {"synthetic_control": {"predictors": [{"jobs": 2003}, {"jobs": 2008}]}}]
    )
    ((name, effect),) = session.with_predictors()
    assert name == "synthetic_control (predictors jobs 2003, jobs 2008)"
    table = session.balance()
    assert table.index.names == ["estimator", "treated", "predictor"]
    assert set(table.index.get_level_values("estimator")) == {name}
    assert session.figure("predictor_balance", effect).axes


def test_placebos_are_all_donors_in_the_place_of_the_treated_and_made_once(place):
    session = opened(place)
    found = session.placebos()
    assert isinstance(found, Placebos)
    assert sorted(name for (name,) in found.names) == [f"{u:05d}" for u in range(2, 11)]
    assert session.placebos() is found


def test_too_few_donors_for_placebos_are_a_sentence_that_the_figure_says(place):
    session = opened(place, treated=5, towns=9)
    said = session.placebos()
    assert "donors" in said
    drawn = session.figure("gap_path", session.estimate()[0], said)
    assert "No placebos" in " ".join(a.get_xlabel() for x in drawn.axes for a in (x, *x.child_axes)).replace("\n", " ")


def test_the_axis_of_paths_is_the_outcome_and_that_of_gaps_the_effect(place):
    session = opened(place)
    effect = session.estimate()[0]
    assert session.figure("synthetic_path", effect).axes[0].get_ylabel() == "Jobs, jobs"
    assert session.figure("gap_path", effect, session.placebos()).axes[0].get_ylabel().startswith("Effect on jobs")


def test_several_treated_units_have_an_effect_each(place):
    session = opened(place, treated=2)
    table = session.by_unit()
    assert list(table.index) == ["00001", "00002"]
    assert list(table.columns) == FAMILY
    assert table["synthetic_control"].mean() == pytest.approx(session.estimate()[0].overall.value)


def test_one_treated_unit_has_no_row_by_unit(place):
    assert opened(place).by_unit().empty


# ---- one city without any other ------------------------------------------------------------------------------------------


def test_what_stands_beside_the_effect_of_a_series_is_a_table(place):
    place.data(walks(towns=1, years=range(1991, 2013)))
    place.study(
        estimators=["interrupted_time_series", "structural_time_series"],
        design={"control": "none"},
        checks=[],
        level=0.9,
    )
    session = open_session("towns")
    table = session.summaries()
    assert list(table.index) == [
        ("interrupted_time_series", "level change"),
        ("interrupted_time_series", "slope change"),
        ("structural_time_series", "cumulative"),
    ]
    for (name, what), row in table.iterrows():
        (effect,) = (e for e in session.estimate() if e.estimator == name)
        one = effect.summaries[what.replace(" ", "_")]
        assert (row["estimate"], row["std_error"], row["reason"]) == (one.value, one.std_error, "")
        assert (row["ci_low"], row["ci_high"]) == one.interval(0.9)


def test_a_number_without_a_standard_error_has_none_and_says_why(place):
    place.data(walks())
    place.study(estimators=["callaway_santanna"], checks=[])
    table = open_session("towns").summaries()
    assert set(table.index.get_level_values("name")) == {"simple", "event time", "cohort", "period"}
    assert table["std_error"].isna().all()
    assert table["ci_low"].notna().groupby("name").any().to_dict() == {
        "simple": True,  # the overall effect: permutations judge it
        "event time": False, "cohort": False, "period": False,
    }  # fmt: skip
    assert table["estimate"].notna().all()
    assert table["reason"].str.startswith("no standard error: it rests on one treated or one control unit").all()


def test_estimators_of_one_number_make_an_empty_table(place):
    table = opened(place).summaries()
    assert table.empty
    assert list(table.columns) == ["estimate", "std_error", "ci_low", "ci_high", "reason"]
