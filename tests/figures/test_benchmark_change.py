"""Changes of cities with intervals, or then and now."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scale_impact.benchmark.change import compare
from scale_impact.benchmark.cities import Cities, Criterion
from scale_impact.benchmark.scores import score
from scale_impact.figures.benchmark_change import MOST, draw, height


def changes(gains, error=2.0, missing=()):
    n = len(gains)
    names = [f"City {k:02d}" for k in range(n)]
    then = np.linspace(20, 60, n)

    def one(values, without=()):
        table = pd.DataFrame({"city": names, "a": values, "se": error})
        table = table[~table["city"].isin(without)]
        criteria = [Criterion("a", "Alpha", "%", "first", "+", worst=0.0, best=100.0)]
        return score(
            Cities.from_frame(table, city="city", criteria=criteria, std_errors={"a": "se"} if error else None)
        )

    return compare({2019: one(then), 2021: one(then + np.asarray(gains), missing)})


def values(container):
    return sorted(round(float(v), 6) for v in container.get_xdata())


def test_changes_that_are_told_apart_have_another_colour(ax, marks):
    draw(changes([20.0, 1.0, -20.0]), ax)
    (clear,), (unsure,) = marks(ax, "told apart"), marks(ax, "not told apart")
    assert values(clear) == [-20.0, 20.0]
    assert values(unsure) == [1.0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["City 00", "City 01", "City 02"]
    assert list(marks(ax, "middle city")[0].get_xdata()) == [1.0, 1.0]


def test_without_errors_dots_are_hollow_and_say_so(ax, marks):
    draw(changes([20.0, 1.0, -20.0], error=None), ax)
    (dots,) = marks(ax, "no interval")
    assert dots.get_markerfacecolor() == "white"
    assert not marks(ax, "told apart")


def test_then_and_now_are_two_marks(ax, marks):
    draw(changes([20.0, 1.0, -20.0]), ax, show="then_and_now")
    assert values(marks(ax, "2019")[0]) == [20.0, 40.0, 60.0]
    assert values(marks(ax, "2021")[0]) == [40.0, 40.0, 41.0]
    assert "Index, 2019 to 2021, points" in ax.get_xlabel()


def test_of_many_cities_the_most_and_the_least_are_shown_and_said(ax):
    found = changes(np.linspace(-15, 15, 60))
    draw(found, ax)
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert len(names) == MOST
    assert (names[0], names[-1]) == ("City 59", "City 00")
    assert "those that gained most and least of 60 cities" in ax.get_xlabel().replace("\n", " ")
    assert height(found) > height(changes([1.0, 2.0]))


def test_chosen_cities_keep_the_middle_of_all(ax, marks):
    found = changes([20.0, 1.0, -20.0, 2.0, 3.0])
    draw(found.take(["City 00", "City 02"]), ax)
    assert list(marks(ax, "middle city")[0].get_xdata()) == pytest.approx([2.0, 2.0])
    assert "2 of 5 cities" in ax.get_xlabel()


def test_cities_without_a_change_have_no_row_and_alone_give_the_reason(ax, words):
    found = changes([20.0, 1.0, -15.0], missing=["City 01"])
    draw(found, ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["City 00", "City 02"]
    ax.clear()
    draw(found.take(["City 01"]), ax)
    assert any("not in the table of 2021" in w.replace("\n", " ") for w in words(ax))
