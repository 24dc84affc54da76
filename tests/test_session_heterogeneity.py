"""What a session tells of heterogeneity: groups, ends, and for whom."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.session import open_session


@pytest.fixture
def session(place):
    """A study of 240 towns in one year, each with its own exposure; the effect rises with people."""
    rng = np.random.default_rng(1)
    people, zone = rng.normal(size=240), rng.integers(0, 2, 240)
    jobs = 10 + people + zone * (1 + 2 * people) + rng.normal(size=240)
    frame = pd.DataFrame(
        {"town": [f"{k:05d}" for k in range(240)], "year": 2001, "jobs": jobs, "zone": zone, "people": people}
    )
    place.data(frame, columns={
        "town": {"unit": "none", "meaning": "Code of the town", "type": "text"},
        "year": {"unit": "year", "meaning": "Calendar year"}, "jobs": {"unit": "jobs", "meaning": "Jobs"},
        "zone": {"unit": "0/1", "meaning": "Zone"}, "people": {"unit": "sd", "meaning": "Inhabitants, standardised"},
    })  # fmt: skip
    place.study(
        unit=None, treatment={"exposure": "zone"}, design=..., covariates=["people"],
        estimators=["dr_learner", "double_ml"], checks=["heterogeneity", "gates"],
    )  # fmt: skip
    return open_session("towns")


def test_groups_stand_beside_each_other_by_estimator(session):
    table = session.subgroups()
    groups = list(dict.fromkeys(table.index.get_level_values("group")))
    assert len(groups) == 3
    assert list(table.loc[groups[0]].index) == ["dr_learner", "double_ml"]
    assert table["estimate"].xs("dr_learner", level="estimator").is_monotonic_increasing


def test_for_whom_says_that_effects_differ_and_ends_say_for_whom(session):
    assert "The effect differs between contexts" in session.for_whom().data
    assert session.ends().loc["people", "gain_most"] > session.ends().loc["people", "gain_least"]


def test_rows_of_groups_carry_their_contexts(session, tmp_path):
    session.out = tmp_path / "results"
    session.save()
    rows = pd.read_json(tmp_path / "results/estimates.jsonl", lines=True)
    groups = rows[rows["kind"] == "subgroup"]
    assert set(groups["estimand"]) == {"CATE"}
    assert all("people" in context for context in groups["context"])
    mine = groups[groups["estimator"] == "dr_learner"]
    assert mine["n_units"].sum() == 240
    assert (mine["n_clusters"] - 1 == mine["df"]).all()
    assert not groups["inference"].str.contains("degrees of freedom").any()
