"""What is put into clean data is found, named and left as it is; in clean data next to nothing is found."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.building.oddities import TABLE, _tail, oddities

UNITS, PERIODS = 60, 15


def clean(kind="trend", n=UNITS, t=PERIODS, seed=1):
    rng = np.random.default_rng(seed)
    level, noise = rng.normal(size=(n, 1)), rng.normal(size=(n, t))
    y = {
        "trend": 100 + 10 * level + 0.5 * np.arange(t) + noise,
        "walk": 5 * level + noise.cumsum(axis=1),
        "sizes": np.exp(9 + 1.5 * level + 0.03 * noise.cumsum(axis=1)),
        "counts": rng.poisson(np.exp(1 + level), (n, t)).astype(float),
        "unequal noise": noise * np.exp(level),
        "heavy tails": rng.standard_t(5, size=(n, t)),
        "shares": np.round(100 * rng.beta(2, 5, (n, t)), 1),
        "small towns": np.round(1000 * rng.poisson(0.5 * np.exp(level), (n, t)) / np.exp(6 + level), 2),
        "seasons": 50 + 10 * np.sin(np.arange(t) * np.pi / 2) + noise,
    }[kind]
    return y


def frame(y, **more):
    n, t = y.shape
    table = {
        "city": np.repeat([f"c{k:03d}" for k in range(n)], t),
        "year": np.tile(np.arange(2000, 2000 + t), n),
        "y": y.ravel(),
    }
    return pd.DataFrame({**table, **more})


def found(y):
    return oddities(frame(y), "city", "year")


def kinds(y):
    return [(r.kind, r.unit, r.period) for r in found(y).itertuples()]


@pytest.mark.parametrize(
    "kind", ["trend", "walk", "sizes", "counts", "unequal noise", "heavy tails", "shares", "seasons", "small towns"]
)
def test_in_clean_data_less_than_one_value_in_a_hundred_is_flagged(kind):
    flagged = [len(found(clean(kind, 200, 20, seed))) / 4000 for seed in range(5)]
    assert np.mean(flagged) < 0.01
    small = [len(found(clean(kind, 30, 8, seed))) / 240 for seed in range(20)]
    assert np.mean(small) < 0.01


def rare(mean, n=100, t=20, seed=1, rates=False):
    """Rare cases: as counts, or as rates of 100,000 people in towns of different size."""
    rng = np.random.default_rng(seed)
    people = np.exp(9 + rng.normal(size=(n, 1)) + 0.01 * rng.normal(size=(n, t)).cumsum(axis=1))
    cases = rng.poisson(mean, (n, t)).astype(float)
    return np.round(1e5 * cases / people, 2) if rates else cases


@pytest.mark.parametrize("rates", [False, True])
@pytest.mark.parametrize("mean", [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0])
def test_of_rare_cases_fewer_than_one_value_in_a_thousand_is_flagged(mean, rates):
    for n, t in ((100, 20), (30, 8), (100, 60)):
        flagged = [len(found(rare(mean, n, t, seed, rates))) / (n * t) for seed in range(5)]
        assert np.mean(flagged) < 0.001


@pytest.mark.parametrize("rates", [False, True])
@pytest.mark.parametrize(("mean", "factor"), [(0.05, 10), (0.1, 10), (0.2, 10), (0.3, 10), (1.0, 10), (0.3, 100)])
def test_a_slip_among_rare_cases_is_found(mean, factor, rates):
    hits = 0
    for seed in range(10):
        y = rare(mean, seed=seed, rates=rates)
        u = int(np.argmax((y > 0).any(axis=1)))
        y[u, 9] = factor * y[u, y[u] > 0].max()
        hits += ("c" + f"{u:03d}", 2009) in [(unit, period) for _, unit, period in kinds(y)]
    assert hits >= 9


def test_a_level_of_cases_that_moves_is_a_shift_and_two_cases_more_are_none():
    y = rare(0.1)
    y[4] = [0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 8, 9, 7, 8, 9, 8, 7, 8, 9, 8]
    assert [k for k in kinds(y) if k[1] == "c004"] == [("shift", "c004", 2010)]
    y[4] = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert [k for k in kinds(y) if k[1] == "c004"] == []


def test_a_number_of_cases_is_held_against_the_others_as_the_negative_binomial_says():
    stats = pytest.importorskip("scipy.stats")
    for cases, periods, total, n in ((3, 1, 2, 19), (0, 1, 60, 10), (7, 3, 1, 5)):
        expected = stats.nbinom(total + 0.5, n / (n + periods))
        tail = min(expected.sf(cases - 1), expected.cdf(cases))
        assert _tail(cases, periods, total, n) == pytest.approx(tail, rel=1e-12)


def test_an_outlier_is_named_with_row_value_and_neighbours():
    y = clean()
    y[7, 5] += 30
    (line,) = found(y).to_dict("records")
    assert list(line) == TABLE
    assert (line["row"], line["unit"], line["period"], line["column"], line["kind"]) == (
        7 * PERIODS + 6,
        "c007",
        2005,
        "y",
        "outlier",
    )
    assert line["value"] == y[7, 5]
    assert "beside" in line["why"]


def test_a_last_value_that_sticks_out_is_an_outlier_too():
    y = clean()
    y[7, -1] += 30
    y[8, 0] -= 30
    assert kinds(y) == [("outlier", "c007", 2014), ("outlier", "c008", 2000)]


@pytest.mark.parametrize(
    ("factor", "words"), [(10, "about 10 times"), (0.01, "about 1/100 of"), (1000, "about 1,000 times")]
)
def test_a_decimal_slip_is_told_from_an_outlier(factor, words):
    y = clean("sizes")
    y[3, 6] *= factor
    (line,) = found(y).to_dict("records")
    assert (line["kind"], line["unit"], line["period"]) == ("decimal_slip", "c003", 2006)
    assert words in line["why"]


def test_a_zero_in_a_unit_far_from_zero_is_flagged_and_one_among_small_counts_is_not():
    y = clean("sizes")
    y[3, 6] = 0
    assert kinds(y) == [("sudden_zero", "c003", 2006)]
    assert "sudden_zero" not in {k for k, *_ in kinds(clean("counts"))}


def test_two_units_that_changed_places_are_named():
    y = clean("sizes")
    order = np.argsort(y[:, 4])
    a, b = order[5], order[-5]
    y[[a, b], 4] = y[[b, a], 4]
    lines = found(y)
    assert set(lines["kind"]) == {"swapped"}
    assert set(lines["unit"]) == {f"c{a:03d}", f"c{b:03d}"}
    assert f"what c{b:03d} should have" in lines.set_index("unit").at[f"c{a:03d}", "why"]


def test_a_level_that_moves_in_one_unit_is_a_shift_and_in_all_units_a_jump():
    y = clean()
    y[9, 8:] += 25
    assert kinds(y) == [("shift", "c009", 2008)]
    y = clean()
    y[:, 8:] += 25
    (line,) = found(y).to_dict("records")
    assert (line["kind"], line["unit"], line["period"]) == ("jump", None, 2008)
    assert "100 % of 60 units move up at once" in line["why"]


def test_a_lasting_factor_of_a_thousand_is_called_another_unit_of_measurement():
    y = clean("sizes")
    y[9, 8:] /= 1000
    (line,) = found(y).to_dict("records")
    assert line["kind"] == "shift"
    assert "a factor of 1,000: another unit of measurement?" in line["why"]


def test_a_value_that_is_carried_forward_is_a_run_and_repeats_of_all_units_are_not():
    y = clean()
    y[4, 6:12] = y[4, 6]
    (line,) = found(y).to_dict("records")
    assert (line["kind"], line["unit"], line["period"]) == ("constant_run", "c004", 2006)
    assert "6 times, up to 2011" in line["why"]
    slow = np.repeat(clean()[:, :5], 3, axis=1)
    assert "constant_run" not in {k for k, *_ in kinds(slow)}


def test_gaps_are_skipped_and_missing_values_are_no_oddity():
    y = clean()
    y[:, 3] = np.nan
    y[5, 4:8] = np.nan
    assert kinds(y) == []
    y[5, 9] += 30
    assert kinds(y) == [("outlier", "c005", 2009)]


def test_columns_that_never_change_switches_and_texts_are_left_alone():
    y = clean()
    table = frame(
        y, area=np.repeat(np.arange(UNITS), PERIODS), zone=np.tile(np.arange(PERIODS) >= 7, UNITS).astype(int), name="x"
    )
    table.loc[4, "area"] += 0
    assert oddities(table, "city", "year").empty


def test_the_order_of_rows_changes_the_row_only_and_the_data_stay_as_they_were():
    y = clean()
    y[7, 5] += 30
    table = frame(y)
    before = table.copy()
    shuffled = table.sample(frac=1, random_state=2).reset_index(drop=True)
    one, other = oddities(table, "city", "year"), oddities(shuffled, "city", "year")
    pd.testing.assert_frame_equal(one.drop(columns="row"), other.drop(columns="row"))
    assert shuffled.loc[other.at[0, "row"] - 1, "y"] == y[7, 5]
    pd.testing.assert_frame_equal(table, before)


def test_the_unit_of_measurement_does_not_matter():
    y = clean("sizes")
    y[7, 5] *= 1.8
    assert kinds(y) == kinds(y / 1000) == [("outlier", "c007", 2005)]
