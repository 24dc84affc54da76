"""Subsets: estimates around the study's."""

from scale_impact.figures.data_subset import draw
from tests.figures.of_draws import draws_estimates_beside_the_study_s, gives_the_reason, says_in_the_legend

NAME = "data_subset"


def test_estimates_the_study_s_and_its_interval_are_drawn(ax, marks):
    draws_estimates_beside_the_study_s(draw, NAME, ax, marks)


def test_the_legend_says_what_was_drawn(ax, words):
    says_in_the_legend(draw, NAME, "4 estimates of subsets", ax, words)


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    gives_the_reason(draw, NAME, ax, words)
