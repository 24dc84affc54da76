"""Dealing a measure by chance, so that anybody can check how."""

import json

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.experiment.randomise_scheme import Scheme
from scale_impact.errors import DataError, DesignError, UsageError


def cities(n=60, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "city": [f"{k:05d}" for k in range(n)],
            "region": rng.choice(["01", "02", "south"], n),
            "population": rng.lognormal(10, 1, n),
            "income": rng.normal(size=n),
            "district": np.arange(n) // 5,
        }
    )


def dealt(frame, **options):
    return si.randomise(frame, **{"unit": "city", "seed": 7} | options)


# ---- who gets what ---------------------------------------------------------------------------------------


def test_half_of_the_units_are_treated_and_the_frame_is_left_alone():
    frame = cities()
    before = frame.copy()
    found = dealt(frame)
    assert found.frame["assigned"].sum() == 30
    assert found.by_unit == dict(zip(frame["city"], found.frame["assigned"], strict=True))
    pd.testing.assert_frame_equal(frame, before)


def test_the_order_of_rows_does_not_matter_and_another_seed_does():
    frame = cities()
    one, two = dealt(frame, strata=["region"]), dealt(frame.sample(frac=1, random_state=2), strata=["region"])
    assert one.by_unit == two.by_unit
    assert one.by_unit != dealt(frame, strata=["region"], seed=8).by_unit


def test_each_stratum_is_even_up_to_one_and_so_is_the_whole():
    frame = cities(101)
    for seed in range(20):
        found = dealt(frame, strata=["region"], seed=seed).frame
        counts = found.groupby("region")["assigned"].agg(["sum", "size"])
        assert (abs(counts["sum"] - counts["size"] / 2) <= 0.5).all()
        assert found["assigned"].sum() in (50, 51)


def test_numbers_of_arms_are_kept_exactly():
    found = dealt(cities(50), arms={"a": 20, "b": 17, "c": 13}, strata=["region"])
    assert found.frame["assigned"].value_counts().to_dict() == {"a": 20, "b": 17, "c": 13}


def test_steps_give_first_treated_periods_and_none_is_never():
    found = dealt(cities(40), steps=[2020, 2021, 2022, None])
    assert found.frame["assigned"].value_counts(dropna=False).sort_index().tolist() == [10, 10, 10, 10]
    assert sorted(set(found.cohorts.values())) == [2020, 2021, 2022]
    assert len(found.cohorts) == 30
    periods = range(2018, 2024)
    panel = found.frame[["city"]].merge(pd.DataFrame({"year": periods}), how="cross").assign(y=0.0)
    design = si.Design.from_panel(
        si.Panel.from_frame(panel, unit="city", period="year", outcome="y"), cohorts=found.cohorts
    )
    assert design.first_treated[:3] == (2020, 2021, 2022)


def test_clusters_are_dealt_as_one():
    found = dealt(cities(), clusters="district")
    assert (found.frame.groupby("district")["assigned"].nunique() == 1).all()
    assert found.frame["assigned"].sum() == 30
    draws = pd.DataFrame(found.draws(20, 1).T).groupby(found.frame["district"]).nunique()
    assert (draws == 1).all().all()


def test_each_unit_has_its_arms_probability_in_strata_that_do_not_divide():
    """Strata of 3, 1 and 5 units, shares 0.3, 0.45 and 0.25: 20,000 dealings, standard error 0.0035."""
    scheme = Scheme(np.array([0.3, 0.45, 0.25]), np.array([0, 0, 0, 1, 2, 2, 2, 2, 2]))
    found = scheme.deal(np.random.default_rng(1), 20_000)
    for a, share in enumerate(scheme.shares):
        assert (found == a).mean(axis=0) == pytest.approx(np.full(9, share), abs=0.018)
        totals = (found == a).sum(axis=1)
        assert totals.max() - totals.min() <= 2


# ---- balance -----------------------------------------------------------------------------------------------


def mahalanobis(frame, columns, treated):
    """Morgan and Rubin (2012), equation 1."""
    x = frame[columns].to_numpy()
    gap = x[treated == 1].mean(axis=0) - x[treated == 0].mean(axis=0)
    n, p = len(x), treated.mean()
    return n * p * (1 - p) * gap @ np.linalg.solve(np.cov(x.T), gap)


def test_the_criterion_is_the_mahalanobis_distance_and_a_hundredth_passes():
    frame = cities(80)
    columns = ["population", "income"]
    found = dealt(frame, balance=columns)
    arms = found.scheme.deal(np.random.default_rng(3), 5)
    theirs = [mahalanobis(frame, columns, a[found.dealt]) for a in arms]
    assert found.scheme.imbalance(arms) == pytest.approx(theirs, rel=1e-10)
    assert mahalanobis(frame, columns, found.codes) <= found.scheme.limit * (1 + 1e-9)
    # the limit is near the chi-squared one: quantile 0.01 with two degrees of freedom, -2 log 0.99
    assert found.scheme.limit == pytest.approx(-2 * np.log(0.99), rel=0.25)
    assert found.acceptance == pytest.approx(0.01, abs=1e-4)


def test_other_dealings_meet_the_same_rule_and_more_begin_with_the_same_ones():
    frame = cities(60)
    found = dealt(frame, balance=["population", "income"], acceptance=0.05, strata=["region"])
    draws = found.draws(40, seed=5)
    assert draws.shape == (40, 60)
    assert len(np.unique(draws, axis=0)) == 40
    assert all(mahalanobis(frame, ["population", "income"], d) <= found.scheme.limit * (1 + 1e-9) for d in draws)
    assert (found.draws(10, seed=5) == draws[:10]).all()
    for d in draws:
        counts = pd.Series(d).groupby(frame["region"]).agg(["sum", "size"])
        assert (abs(counts["sum"] - counts["size"] / 2) <= 0.5).all()


def test_the_largest_difference_is_kept_under_what_is_allowed():
    found = dealt(
        cities(60), balance=["population", "income"], max_imbalance=0.1, arms={"a": 0.5, "b": 0.25, "c": 0.25}
    )
    table = found.balance.set_index("covariate")
    assert (table["largest difference"] <= 0.1).all()
    means = found.frame.groupby("assigned")["income"].mean()
    assert [table.loc["income", f"mean {a}"] for a in "abc"] == pytest.approx(means.tolist())
    assert any("units with unusual covariates" in n for n in found.notes)


def test_balance_makes_differences_smaller_as_the_paper_says():
    """Variance of a difference falls by 1 - P(chi2_(K+2) <= a) / P(chi2_K <= a). Source: Morgan and Rubin (2012), theorem 3.1."""
    from scipy.stats import chi2

    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"city": [f"c{k}" for k in range(100)], "a": rng.normal(size=100), "b": rng.normal(size=100)})
    found = dealt(frame, balance=["a", "b"], acceptance=0.1)
    x = frame["a"].to_numpy()

    def spread(arms):
        return np.var([x[d == 1].mean() - x[d == 0].mean() for d in arms])

    limit = chi2.ppf(0.1, 2)
    wanted = chi2.cdf(limit, 4) / chi2.cdf(limit, 2)
    free = dealt(frame).draws(3_000, 1)
    assert spread(found.draws(3_000, 1)) / spread(free) == pytest.approx(wanted, rel=0.15)


# ---- the record ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strata": ["region"], "balance": ["population"], "acceptance": 0.2},
        {"steps": [2020, 2021, None], "strata": ["region"]},
        {"arms": {"=call": 0.5, "web; -form": 0.5}, "clusters": "district"},
    ],
)
def test_a_saved_assignment_is_read_back_the_same(tmp_path, options):
    found = dealt(cities(), **options)
    record = found.save(tmp_path / "rollout.csv")
    back = si.Assignment.read(tmp_path / "rollout.csv")
    assert record == tmp_path / "rollout.json"
    assert (back.by_unit, back.hash, back.notes) == (found.by_unit, found.hash, found.notes)
    assert (back.draws(10, 3) == found.draws(10, 3)).all()
    assert back.replays()
    pd.testing.assert_frame_equal(back.frame.astype(str), found.frame.astype(str))  # codes keep their zeros


def test_a_table_that_was_sorted_is_still_the_same_assignment(tmp_path):
    found = dealt(cities())
    found.save(tmp_path / "a.csv")
    head, *rows = (tmp_path / "a.csv").read_text().splitlines()
    (tmp_path / "a.csv").write_text("\n".join([head, *reversed(rows)]) + "\n")
    back = si.Assignment.read(tmp_path / "a.csv")
    assert list(back.frame["assigned"]) == list(found.frame["assigned"])


def test_a_changed_table_or_record_is_refused_with_what_was_changed(tmp_path):
    dealt(cities()).save(tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text()
    line = next(row for row in text.splitlines() if row.endswith(",1"))
    (tmp_path / "a.csv").write_text(text.replace(line, line[:-1] + "0"))
    with pytest.raises(DataError, match=rf"differs from the record \({line[1:6]}\)"):
        si.Assignment.read(tmp_path / "a.json")
    (tmp_path / "a.csv").write_text(text)
    record = json.loads((tmp_path / "a.json").read_text())
    (tmp_path / "a.json").write_text(json.dumps(record | {"seed": 8}))
    with pytest.raises(DataError, match="it was changed"):
        si.Assignment.read(tmp_path / "a.csv")


def test_an_assignment_is_not_overwritten_and_a_missing_file_is_said(tmp_path):
    found = dealt(cities())
    found.save(tmp_path / "a.csv")
    with pytest.raises(DataError, match="an assignment is not overwritten"):
        found.save(tmp_path / "a")
    with pytest.raises(DataError, match=r"b\.json and .*b\.csv not found"):
        si.Assignment.read(tmp_path / "b.csv")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(DataError, match="no record of an assignment: it lacks version, settings"):
        si.Assignment.read(tmp_path / "a.csv")


def test_a_seed_that_gives_something_else_is_noticed():
    from dataclasses import replace

    found = dealt(cities())
    assert not replace(found, seed=9).replays()


# ---- what is said and what is refused -----------------------------------------------------------------------------


def test_what_a_reader_has_to_know_is_said():
    frame = cities(13).assign(block=lambda f: f["district"].where(f["city"] != "00012", "alone"))
    notes = " ".join(dealt(frame, strata=["block"]).notes)
    assert "misfits" in notes
    assert "1 stratum has fewer units than there are arms (alone)" in notes
    few = " ".join(dealt(cities(6)).notes)
    assert few.startswith("About 20 dealings are admissible")
    again = " ".join(dealt(cities(), balance=["income"], acceptance=0.1).notes)
    assert "which 10.00% of 20,000 dealings meet" in again


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"share": 0.5, "steps": [1, 2]}, UsageError, "share and steps say the same thing"),
        ({"share": 1.2}, UsageError, "has to lie between 0 and 1"),
        ({"share": "half"}, UsageError, "share is 'half'; it has to lie between 0 and 1"),
        ({"share": True}, UsageError, "share is True"),
        ({"steps": "2020"}, UsageError, "steps is '2020'; it has to be a list of labels"),
        ({"arms": 3}, UsageError, "arms is 3"),
        ({"arms": {"a": float("nan"), "b": 0.5}}, UsageError, "have to be above 0"),
        ({"balance": ["income"], "acceptance": "few"}, UsageError, "acceptance is 'few'"),
        ({"balance": ["income"], "max_imbalance": "little"}, UsageError, "max_imbalance is 'little'"),
        ({"seed": 1.5}, UsageError, "seed is 1.5"),
        ({"arms": {"a": 0.5, "b": 0.4}}, UsageError, "shares sum to 0.9"),
        ({"arms": {"a": 0.5, "b": -1}}, UsageError, "have to be above 0"),
        ({"steps": [2020]}, UsageError, "steps has 1 entry; at least two"),
        ({"steps": [2020, 2020]}, UsageError, "names an entry twice"),
        ({"acceptance": 0.1}, UsageError, "need `balance`"),
        ({"balance": ["income"], "acceptance": 0.1, "max_imbalance": 0.1}, UsageError, "give one"),
        ({"balance": ["income"], "acceptance": 1e-6}, UsageError, "has to lie between 0.001 and 1"),
        ({"column": "region"}, UsageError, "'region' is a column already"),
        ({"strata": ["regoin"]}, DataError, "Did you mean 'region'"),
        ({"strata": ["gone"]}, DataError, "Column 'gone' is missing in 1 row"),
        ({"unit": "region"}, DataError, "3 units stand in several rows"),
        ({"balance": ["gap"]}, DesignError, "Covariate 'gap' is missing in 1 row"),
        ({"arms": {"a": 30, "b": 31}}, DesignError, "numbers sum to 61, and 60 units"),
        ({"strata": ["region"], "clusters": "district"}, DesignError, "Stratum 'region' varies within"),
        ({"balance": ["same"]}, DesignError, "same has one value throughout"),
        ({"share": 0.01}, DesignError, "1 may get nobody"),
        ({"balance": ["income"], "max_imbalance": 1e-9}, DesignError, "Allow more, or balance on fewer"),
    ],
)
def test_what_cannot_be_dealt_is_refused(options, error, words):
    frame = cities()
    frame["gone"] = frame["region"].where(frame.index > 0)
    frame["same"] = 1
    frame["gap"] = frame["income"].where(frame.index > 0)
    with pytest.raises(error, match=words):
        dealt(frame, **options)


def test_all_wrong_options_are_told_at_once():
    with pytest.raises(UsageError, match="3 problems"):
        dealt(cities(), share=2, steps=[1, 2], seed=-1)


def test_years_of_a_stepped_wedge_are_written_as_years(tmp_path):
    found = dealt(cities(12), steps=[2026, 2027, None])
    found.save(tmp_path / "rollout")
    text = (tmp_path / "rollout.csv").read_text()
    assert "2027" in text
    assert "2027.0" not in text
    assert si.Assignment.read(tmp_path / "rollout").by_unit == found.by_unit


def test_an_assignment_is_shown_in_a_line():
    assert repr(dealt(cities(), seed=7)) == "Assignment(60 units, assigned {0: 30, 1: 30}, seed 7, 1 try)"
    shown = repr(dealt(cities(12), steps=[2026, 2027, None], balance=["income"]))
    assert shown.startswith("Assignment(12 units, assigned {2026: 4, 2027: 4, never: 4}, seed 7, ")
    assert shown.endswith("standard deviations)")
