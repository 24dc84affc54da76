"""Is the synthetic city like the treated one?"""

from __future__ import annotations

import pytest

from scale_impact.figures import figure
from scale_impact.figures.predictor_balance import MOST, draw
from tests.figures.twins import balance, line, parts, twins


def test_dots_are_differences_from_the_treated_in_percent_of_its_value(ax):
    draw(twins(predictors=balance()), ax)
    (part,) = parts(ax)
    assert line(part, "synthetic").get_xdata() == pytest.approx([-5.0, 0.0, 100 / 90])
    assert line(part, "mean of the donors").get_xdata() == pytest.approx([20.0, 100 * 18 / 89, 20.0])
    assert [t.get_text() for t in part.get_yticklabels()] == ["income", "price", "sales 1988"]


def test_the_numbers_stand_beside_them(ax):
    draw(twins(predictors=balance()), ax)
    said = [t.get_text() for t in ax.texts]
    assert said[:4] == ["City 1", "10", "89", "90"]
    assert said[-4:] == ["weight", "0.100", "0.400", "0.500"]


def test_a_treated_value_of_zero_has_numbers_and_no_dot(ax):
    table = balance()
    table.loc[0, "observed"] = 0.0
    draw(twins(predictors=table), ax)
    assert line(parts(ax)[0], "synthetic").get_ydata().tolist() == [1.0, 2.0]
    assert "0" in [t.get_text() for t in ax.texts]


def test_a_difference_from_a_negative_value_keeps_its_sign(ax):
    table = balance()
    table.loc[0, ["observed", "synthetic"]] = [-10.0, -9.0]
    draw(twins(predictors=table), ax)
    assert line(parts(ax)[0], "synthetic").get_xdata()[0] == pytest.approx(10.0)


def test_several_treated_units_are_dots_in_the_same_rows(ax):
    draw(twins((8, 7), predictors=balance(("City 1", "City 2"))), ax)
    assert sorted(line(ax, "synthetic").get_ydata().tolist()) == [0, 0, 1, 1, 2, 2]
    assert "each treated unit" in ax.get_xlabel()


def test_of_a_hundred_predictors_the_heaviest_have_rows(ax):
    one = balance().iloc[[0]]
    frames = [one.assign(predictor=f"p{k}", weight=k / 100) for k in range(100)]
    import pandas as pd

    draw(twins(predictors=pd.concat(frames, ignore_index=True)), ax)
    names = [t.get_text() for t in parts(ax)[0].get_yticklabels()]
    assert names == [f"p{k}" for k in range(100 - MOST, 100)]


def test_outcomes_alone_are_a_sentence(ax, words):
    draw(twins(), ax)
    assert "there are no predictors to be balanced" in " ".join(words(ax)).replace("\n", " ")


def test_numbers_stay_on_the_page_and_off_the_dots(page):
    fig = figure("predictor_balance", twins(predictors=balance()), unit="", source="s")
    ax = fig.axes[0]
    plot = ax.child_axes[0].get_window_extent(page(fig))
    for text in ax.texts:
        box = text.get_window_extent(page(fig))
        assert fig.bbox.padded(1).contains(box.x1, box.y1)
        assert not box.overlaps(plot)
