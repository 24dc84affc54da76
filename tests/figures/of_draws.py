"""What figures of repeated estimates have to draw, whichever check drew them."""

from scale_impact.core.check import Check


def stays(name, **details):
    """A check whose estimates stay around the study's."""
    given = {"estimates": [0.9, 1.0, 1.0, 1.2], "estimate": 1.0, "interval": [0.5, 1.5], **details}
    return Check(name, "pass", "It stays.", details=given)


def draws_estimates_beside_the_study_s(draw, name, ax, marks):
    draw(stays(name), ax, unit="jobs")
    assert sum(bar.get_height() for bar in ax.patches if bar.get_width() < 0.5) == 4
    assert list(marks(ax, "the study's estimate")[0].get_xdata()) == [1.0, 1.0]
    assert marks(ax, "their mean")[0].get_xdata()[0] == 1.025
    assert ax.get_xlabel() == "jobs"


def says_in_the_legend(draw, name, said, ax, words):
    draw(stays(name), ax)
    assert {said, "its interval"} <= set(words(ax))
    ax.clear()
    draw(stays(name, interval=None), ax)
    assert "its interval" not in words(ax)


def gives_the_reason(draw, name, ax, words):
    draw(Check.inapplicable(name, "There are 3 rows."), ax)
    assert "There are 3 rows." in words(ax)
