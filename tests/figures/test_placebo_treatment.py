"""The study's estimate among those of dealt exposures."""

from scale_impact.core.check import Check
from scale_impact.figures.placebo_treatment import draw


def check(*estimates, real=1.0):
    details = {"estimates": list(estimates), "estimate": real}
    return Check("placebo_treatment", "pass", "Beyond.", p_value=0.2, details=details)


def test_placebos_and_the_study_s_estimate_with_its_mirror_image_are_drawn(ax, marks):
    draw(check(-0.2, 0.0, 0.1, -1.5), ax, unit="jobs")
    assert sum(bar.get_height() for bar in ax.patches) == 4
    assert list(marks(ax, "the study's estimate")[0].get_xdata()) == [1.0, 1.0]
    assert list(marks(ax, "_mirror")[0].get_xdata()) == [-1.0, -1.0]
    assert ax.get_xlabel() == "jobs"


def test_those_as_large_as_the_study_s_are_counted(ax, words):
    draw(check(-0.2, 0.0, 0.1, -1.5), ax)
    assert {"3 placebo estimates", "as large as the study's: 1"} <= set(words(ax))


def test_placebos_that_are_widened_are_drawn_so(ax, words):
    found = check(-0.2, 0.0, 0.6, -1.5)
    draw(Check(**{**vars(found), "details": {**found.details, "widened": 2.0}}), ax)
    assert {"2 placebo estimates (x 2.00)", "as large as the study's: 2"} <= set(words(ax))


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("placebo_treatment", "There are 3 clusters."), ax)
    assert "There are 3 clusters." in words(ax)
