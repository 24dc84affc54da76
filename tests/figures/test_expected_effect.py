"""What a city may expect, drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scale_impact.figures.expected_effect import draw, height
from tests.synthesis.test_for_city import PILOTS, expected


@pytest.fixture(scope="module")
def found():
    return expected(bandwidth=1.0, target=-0.2)


def test_both_answers_are_drawn_with_the_interval_of_the_mean_and_that_of_a_city(ax, marks, found):
    draw(found, ax, unit="Effect on claims, log(claims)")
    for name, ends in (
        ("interval of the mean", (found.unweighted.low, found.unweighted.high)),
        ("interval of one city", (found.unweighted.predicted_low, found.unweighted.predicted_high)),
    ):
        assert tuple(marks(ax, name)[0].get_xdata()) == ends
    assert len(marks(ax, "_interval of one city")) == 1
    assert [t.get_text() for t in ax.get_yticklabels()] == ["all pilots\ncount alike", "similar pilots\ncount more"]
    assert ax.get_xlabel().startswith("Effect on claims, log(claims)")


def test_pilots_zero_and_target_are_there(ax, marks, found):
    draw(found, ax)
    np.testing.assert_array_equal(marks(ax, "effect of a pilot")[0].get_xdata(), PILOTS.effects)
    assert list(marks(ax, "target")[0].get_xdata()) == [-0.2, -0.2]
    assert marks(ax, "_zero")
    assert "Probability of reaching the target of \N{MINUS SIGN}0.2" in ax.get_xlabel()


def test_harm_is_hatched_on_the_bad_side_and_told_in_numbers(ax, words):
    effects = replace(PILOTS, effects=PILOTS.effects + 0.15)
    found = expected(effects, bandwidth=1.0)
    draw(found, ax)
    hatched = [c for c in ax.collections if c.get_hatch()]
    assert len(hatched) == 2
    assert all(c.get_paths()[0].vertices[:, 0].min() >= -1e-12 for c in hatched)
    assert f"harm {100 * found.harm:.0f}%" in words(ax)


def test_without_a_direction_nothing_is_harm(ax):
    draw(expected(replace(PILOTS, direction="context")), ax)
    assert not [c for c in ax.collections if c.get_hatch()]


def test_a_city_far_outside_has_one_answer_and_the_reason(ax, marks):
    found = expected(city={"size": 5e8, "rent": 40.0, "region": "Q"})
    draw(found, ax)
    assert len(ax.get_yticklabels()) == 1
    assert "No fair answer by similarity" in ax.get_xlabel().replace("\n", " ")
    assert height(found) < height(expected())


def test_one_pilot_has_no_distribution_and_the_reason(ax, marks):
    draw(expected(PILOTS.take([0])), ax)
    assert not marks(ax, "interval of one city")
    assert not ax.collections
    assert "Where one city may lie is not known" in ax.get_xlabel()


def test_the_mean_by_similarity_has_an_interval_only_where_all_pilots_count_the_same(ax, marks):
    draw(expected(bandwidth=1.0), ax)
    assert not marks(ax, "_interval of the mean")
    assert "No interval is drawn of the mean by similarity" in ax.get_xlabel()
    ax.clear()
    draw(expected(bandwidth=np.inf), ax)
    assert len(marks(ax, "_interval of the mean")) == 1
    assert "No interval" not in ax.get_xlabel()
