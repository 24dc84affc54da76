"""Effects by cohort and overall."""

from __future__ import annotations

import numpy as np

from scale_impact.core.effect import Estimate
from scale_impact.figures.group_effects import draw


def test_each_cohort_is_one_dot_and_the_overall_a_diamond(effects, ax, marks):
    effect = effects["callaway_santanna"]
    draw(effect, ax)
    np.testing.assert_allclose(marks(ax, "cohort")[0].get_ydata(), effect.by_cohort.values)
    overall = marks(ax, "overall")[0]
    assert overall.get_ydata().tolist() == [effect.overall.value]
    assert overall.get_marker() == "D"


def test_a_line_carries_the_overall_effect_across_the_cohorts(effects, ax, marks):
    effect = effects["callaway_santanna"]
    draw(effect, ax)
    assert list(marks(ax, "_overall")[0].get_ydata()) == [effect.overall.value] * 2


def test_cohorts_and_overall_are_named_below(effects, ax):
    draw(effects["callaway_santanna"], ax, unit="claims, log")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2002", "2004", "overall"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Cohort (first treated period)", "claims, log")


def test_bars_are_the_intervals_of_the_level_asked(effects, ax):
    effect = effects["callaway_santanna"]
    draw(effect, ax, level=0.8)
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([s[:, 1] for s in bars], [e.interval(0.8) for e in effect.by_cohort])


def test_a_cohort_without_a_standard_error_is_hollow(by_hand, family, ax):
    draw(by_hand(by_cohort=family("cohort", [(2002, 1.0, 0.1), (2004, 2.0, None)])), ax)
    hollow = next(m for m in ax.get_lines() if str(m.get_label()).endswith("no interval"))
    assert hollow.get_xydata().tolist() == [[1.0, 2.0]]
    assert hollow.get_markerfacecolor() == "white"


def test_an_overall_without_a_value_leaves_the_cohorts(by_hand, family, ax, marks):
    nothing = Estimate(None, None, reason="no cell")
    draw(by_hand(overall=nothing, by_cohort=family("cohort", [(2002, 1.0, 0.1)])), ax)
    assert not marks(ax, "overall")
    assert len(marks(ax, "cohort")[0].get_ydata()) == 1


def test_no_cohorts_is_a_sentence_and_not_an_empty_box(effects, ax, words):
    draw(effects["twfe"], ax)
    assert "twfe gives no effects by cohort." in words(ax)
    assert not ax.axison
