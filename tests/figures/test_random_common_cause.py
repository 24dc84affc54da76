"""One more covariate: estimates around the study's."""

from scale_impact.figures.random_common_cause import draw
from tests.figures.of_draws import draws_estimates_beside_the_study_s, gives_the_reason, says_in_the_legend, stays

NAME = "random_common_cause"


def test_estimates_the_study_s_and_its_interval_are_drawn(ax, marks):
    draws_estimates_beside_the_study_s(draw, NAME, ax, marks)


def test_the_legend_says_what_was_drawn(ax, words):
    says_in_the_legend(draw, NAME, "4 estimates with a random covariate", ax, words)


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    gives_the_reason(draw, NAME, ax, words)


def test_estimates_that_span_a_sliver_of_the_interval_have_the_axis_for_themselves(ax, words):
    draw(stays(NAME, estimates=[0.99, 1.0, 1.01], interval=[-1.0, 3.0]), ax)
    assert 0.98 < ax.get_xlim()[0] < 0.99
    assert 1.01 < ax.get_xlim()[1] < 1.02
    assert "its interval, \N{MINUS SIGN}1 to 3" in words(ax)
