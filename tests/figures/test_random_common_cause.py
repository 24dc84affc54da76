"""One more covariate: estimates around the study's."""

from scale_impact.core.check import Check
from scale_impact.figures.random_common_cause import draw


def check(**details):
    given = {"estimates": [0.9, 1.0, 1.0, 1.2], "estimate": 1.0, "interval": [0.5, 1.5], **details}
    return Check("random_common_cause", "pass", "It stays.", details=given)


def test_estimates_the_study_s_and_its_interval_are_drawn(ax, marks):
    draw(check(), ax, unit="jobs")
    assert sum(bar.get_height() for bar in ax.patches if bar.get_width() < 0.5) == 4
    assert list(marks(ax, "the study's estimate")[0].get_xdata()) == [1.0, 1.0]
    assert marks(ax, "their mean")[0].get_xdata()[0] == 1.025
    assert ax.get_xlabel() == "jobs"


def test_the_legend_says_what_was_drawn(ax, words):
    draw(check(), ax)
    assert {"4 estimates with a random covariate", "its interval"} <= set(words(ax))
    ax.clear()
    draw(check(interval=None), ax)
    assert "its interval" not in words(ax)


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("random_common_cause", "There are 3 rows."), ax)
    assert "There are 3 rows." in words(ax)


def test_estimates_that_span_a_sliver_of_the_interval_have_the_axis_for_themselves(ax, words):
    draw(check(estimates=[0.99, 1.0, 1.01], interval=[-1.0, 3.0]), ax)
    assert 0.98 < ax.get_xlim()[0] < 0.99
    assert 1.01 < ax.get_xlim()[1] < 1.02
    assert "its interval, \N{MINUS SIGN}1 to 3" in words(ax)
