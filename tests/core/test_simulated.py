"""Simulated outcomes: rows and kinds of the data, and nothing else of them."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.settings import Settings
from scale_impact.core.simulated import (
    SIMULATED_VARIABLE,
    WITHHELD,
    Roles,
    simulated,
    simulated_data,
    simulation_seed,
)
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.study import Study
from scale_impact.errors import DataError, UsageError
from tests.projects import STUDY, towns

ROLES = Roles(unit="town", period="year", outcomes=("jobs",), kept=("town", "year", "zone", "start"))


def panel(n_units=12, n_periods=6, **columns):
    """Units over periods, half of them treated from the middle on; columns are functions of the number of rows."""
    rows = [
        (f"{u:05d}", 2001 + t, int(u % 2 and t >= n_periods // 2)) for u in range(n_units) for t in range(n_periods)
    ]
    frame = pd.DataFrame(rows, columns=["town", "year", "zone"])
    return frame.assign(**{name: make(len(frame)) for name, make in columns.items()})


def test_other_values_of_the_same_kind_with_the_same_rows_missing_give_the_same_simulation():
    # whatever is simulated can depend on nothing else of the outcome
    rng = np.random.default_rng(1)
    frame = towns()
    frame.loc[[3, 17], "jobs"] = np.nan
    other = frame.assign(jobs=np.where(frame["jobs"].isna(), np.nan, rng.lognormal(9, 4, len(frame))))
    pd.testing.assert_frame_equal(simulated(frame, ROLES, 5), simulated(other, ROLES, 5))


def test_no_value_of_an_outcome_is_left_and_the_frame_given_stays_as_it_was():
    frame = towns()
    before = frame.copy()
    new = simulated(frame, ROLES, 5)
    assert not set(new["jobs"]) & set(frame["jobs"])
    pd.testing.assert_frame_equal(frame, before)


def test_columns_with_a_role_stay_and_columns_without_one_are_withheld():
    # ljobs is the outcome in another form: a template that described it would show the outcome
    frame = towns().assign(name="Gary", day=pd.Timestamp("2001-03-01"))
    new = simulated(frame, ROLES, 5)
    for column in ("town", "year", "zone", "start"):
        pd.testing.assert_series_equal(new[column], frame[column])
    assert not set(new["ljobs"]) & set(frame["ljobs"])
    assert not set(new["people"]) & set(frame["people"])
    assert set(new["name"]) == set(new["day"]) == {WITHHELD}


def test_the_same_rows_are_missing():
    frame = towns()
    frame.loc[[0, 5, 71], "jobs"] = np.nan
    assert simulated(frame, ROLES, 5)["jobs"].isna().tolist() == frame["jobs"].isna().tolist()


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ([0, 1, 1, 0], lambda y: set(y) == {0, 1}),
        ([True, False, True, True], lambda y: y.dtype == bool),
        ([3, 0, -2, 8], lambda y: y.dtype == np.int64 and (y < 0).any() and y.nunique() > 5),
        ([3, 9, 2, 8], lambda y: y.dtype == np.int64 and (y > 0).all() and y.nunique() > 5),
        ([0.5, 2.5, 1e6, 3], lambda y: (y > 0).all() and (y != y.round()).all()),
        ([-0.5, 2.5, 1, 3], lambda y: (y < 0).any() and (y != y.round()).all()),
        (np.array([1, 100, 7, 90], dtype="int8"), lambda y: y.dtype == np.int64 and (y > 0).all()),
        (pd.array([1, 2, 3, 4], dtype="Int64"), lambda y: (y > 0).all() and (y == y.round()).all()),
    ],
    ids=["0/1", "truth values", "whole", "whole positive", "positive", "any", "short integers", "nullable integers"],
)
def test_a_column_stays_of_its_kind(values, holds):
    frame = panel(
        jobs=lambda n: pd.array(np.resize(values, n), dtype=values.dtype if hasattr(values, "dtype") else None)
    )
    assert holds(simulated(frame, ROLES, 5)["jobs"])


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    frame = towns()
    pd.testing.assert_frame_equal(simulated(frame, ROLES, 5), simulated(frame, ROLES, 5))
    assert not set(simulated(frame, ROLES, 5)["jobs"]) & set(simulated(frame, ROLES, 6)["jobs"])


def test_outcomes_are_unit_effect_plus_period_effect_plus_noise_without_an_effect_of_treatment():
    # 4,000 units: variance of unit means 1 + 0.25/10, of the rest 0.25; effect 0 within 4 standard errors
    frame = panel(4000, 10, jobs=lambda n: np.linspace(-1, 1, n))
    wide = simulated(frame, ROLES, 5).pivot(index="town", columns="year", values="jobs").to_numpy()
    rest = wide - wide.mean(axis=1, keepdims=True) - wide.mean(axis=0) + wide.mean()
    assert wide.mean(axis=1).var() == pytest.approx(1.025, rel=0.1)
    assert rest.var() == pytest.approx(0.25 * 0.9, rel=0.05)
    assert wide.mean(axis=0).std() > 0.1
    change = wide[:, 5:].mean(axis=1) - wide[:, :5].mean(axis=1)
    effect = change[1::2].mean() - change[0::2].mean()
    assert abs(effect) < 4 * change.std() * 2 / np.sqrt(len(change))


def test_repeated_cross_sections_have_no_unit_effect():
    frame = panel(jobs=lambda n: np.linspace(-1, 1, n))
    roles = Roles(unit=None, period="year", outcomes=("jobs",), kept=("year", "zone"))
    values = simulated(frame, roles, 5)["jobs"]
    assert values.notna().all()
    assert values.nunique() == len(frame)


def test_all_outcomes_that_are_no_finite_numbers_are_refused_at_once():
    frame = towns().assign(jobs="many", people=np.inf)
    roles = Roles("town", "year", ("jobs", "people"), ("town", "year", "zone"))
    with pytest.raises(DataError) as refused:
        simulated(frame, roles, 5)
    assert [p.split(",")[0] for p in refused.value.problems] == [
        "Outcome 'jobs' is no number in the data",
        "Outcome 'people' is infinite in 72 row(s). Correct the data (the log of 0?).",
    ]


def test_a_placebo_outcome_is_an_outcome_and_other_columns_of_options_stay():
    settings = Settings.model_validate(
        STUDY
        | {
            "covariates": ["people"],
            "estimators": ["callaway_santanna"],
            "design": {"cluster": "start"},
            "checks": [{"placebo_outcome": {"outcome": "ljobs"}}],
        }
    )
    roles = Roles.of([settings])
    assert roles.outcomes == ("jobs", "ljobs")
    assert set(roles.kept) == {"town", "year", "zone", "start", "people"}


def test_an_outcome_of_one_specification_is_an_outcome_of_all():
    one = Settings.model_validate(STUDY | {"covariates": ["people"]})
    other = Settings.model_validate(STUDY | {"outcomes": [{"column": "people", "indicator": "inhabitants"}]})
    roles = Roles.of([one, other])
    assert roles.outcomes == ("jobs", "people")
    assert "people" not in roles.kept


def test_streamed_data_are_refused_with_what_to_do(place, tmp_path):
    towns().to_parquet(tmp_path / "towns.parquet")
    with pytest.raises(DataError, match=r"`stream: false`.*--without-dry-run"):
        simulated_data(Study.load("towns"), ParquetTable.of(tmp_path / "towns.parquet"), 5)


@pytest.mark.parametrize(("text", "seed"), [("", None), ("0", 0), (" 12 ", 12)])
def test_the_environment_says_whether_outcomes_are_simulated(text, seed, monkeypatch):
    monkeypatch.setenv(SIMULATED_VARIABLE, text)
    assert simulation_seed() == seed


@pytest.mark.parametrize("text", ["yes", "-1", "1.5", "٣"])
def test_a_seed_that_is_none_is_refused(text, monkeypatch):
    monkeypatch.setenv(SIMULATED_VARIABLE, text)
    with pytest.raises(UsageError, match=SIMULATED_VARIABLE):
        simulation_seed()
