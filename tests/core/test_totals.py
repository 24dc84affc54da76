"""Total rows: known by what they are called, or by their numbers."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.building.totals import called_totals, sums_of_others


@pytest.mark.parametrize(
    "label",
    ["Total", "TOTAL", "Total Kanton Bern", "Gesamt", "Insgesamt", "Berlin insgesamt", "Summe", "Alle Gemeinden", "EU27_2020", "EU28", "EA19", "Hela riket",
     "Grand total", "Итого", "Ogółem", "Yhteensä", "All municipalities"],
)  # fmt: skip
def test_labels_of_totals_are_known_in_several_languages(label):
    assert called_totals(pd.Series(["Bern", label, None])) == [label]


@pytest.mark.parametrize(
    "label",
    ["Totalán", "Alle", "Summerville", "Gesamtschule", "Eupen", "EAST", "Allentown", "World's End", "06037", "Zusam"],
)
def test_towns_that_sound_like_totals_are_none(label):
    assert called_totals(pd.Series(["Bern", label])) == []


def table(values, units=None, years=(2000, 2001)):
    values = np.asarray(values, dtype=float)
    units = units or [f"c{k}" for k in range(len(values))]
    rows = [(u, y, v) for u, row in zip(units, values, strict=True) for y, v in zip(years, row, strict=True)]
    return pd.DataFrame(rows, columns=["u", "t", "x"])


def sums(frame, columns=("x",)):
    return sums_of_others(frame, "u", "t", list(columns))


PARTS = [[1200.0, 1300], [800, 900], [450, 470], [77, 91]]


def test_a_unit_that_is_the_sum_of_all_others_in_each_period_is_found():
    assert sums(table([*PARTS, np.sum(PARTS, axis=0)])) == {"c4": "x"}


def test_a_sum_of_decimal_numbers_is_found_whatever_the_order_of_adding():
    parts = np.random.default_rng(1).random((30, 2))
    assert sums(table([*parts, parts[::-1].sum(axis=0)])) == {"c30": "x"}


def test_a_unit_that_is_the_sum_in_one_period_only_is_none():
    total = np.sum(PARTS, axis=0)
    assert sums(table([*PARTS, [total[0], total[1] + 1]])) == {}


def test_small_sums_that_can_be_chance_say_nothing():
    assert sums(table([[1, 1], [1, 1], [1, 1], [3, 3]])) == {}
    assert sums(table([[100, 200], [100, 200]])) == {}


def test_missing_values_and_negative_numbers_are_no_reason_to_fail():
    parts = np.array([*PARTS, np.sum(PARTS, axis=0)])
    parts[0, 0] = np.nan
    assert sums(table(parts)) == {}
    assert sums(table(-parts)) == {}
    assert sums(table(np.full((5, 2), np.nan))) == {}


def test_random_panels_have_no_total():
    rng = np.random.default_rng(3)
    assert not any(sums(table(rng.poisson(20, (5, 2)))) for _ in range(300))
