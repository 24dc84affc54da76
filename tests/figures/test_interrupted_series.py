"""A series before and after: dots, the model, its continuation and the interval."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.effect import Effect, Estimate, Sample
from scale_impact.figures import figure, interrupted_series


@pytest.fixture
def effect():
    """One city, 24 months, a jump of 5 from the 17th on."""

    def made(estimator="interrupted_time_series", units=1, without=(), **options):
        rng = np.random.default_rng(1)
        frame = pd.concat(
            [
                pd.DataFrame(
                    {
                        "city": f"C{k}", "month": pd.date_range("2020-01-01", periods=24, freq="MS"), "g": 16 + k,
                        "y": rng.normal(size=24) + 5 * (np.arange(24) >= 16 + k), "on": (np.arange(24) >= 16 + k).astype(int),
                    }
                )
                for k in range(units)
            ]
        )  # fmt: skip
        frame = frame.drop(index=list(without))
        panel = si.Panel.from_frame(frame, unit="city", period="month", outcome="y")
        design = si.Design.from_panel(panel, treated="on", control="none")
        return si.estimate(estimator, panel, design, season="none", **options)

    return made


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def test_dots_model_and_continuation_are_those_of_the_effect(ax, effect):
    found = effect()
    interrupted_series.draw(found, ax, unit="ug/m3")
    shown = lines(ax)
    assert shown["observed"].get_ydata() == pytest.approx(found.counterfactual.observed[0])
    assert shown["without the measure"].get_ydata() == pytest.approx(found.counterfactual.expected[0, 16:])
    assert shown["model"].get_ydata() == pytest.approx(found.counterfactual.modelled[0, :16])
    assert ax.get_ylabel() == "ug/m3"


def test_the_pale_area_is_the_interval_at_the_level(ax, effect):
    found = effect()
    interrupted_series.draw(found, ax, level=0.9)
    area = ax.collections[0].get_paths()[0].vertices[:, 1]
    from scipy import stats

    half = stats.t.ppf(0.95, found.overall.df) * found.counterfactual.expected_se[0, 16:]
    assert area.max() == pytest.approx((found.counterfactual.expected[0, 16:] + half).max())
    assert any("90%" in t.get_text() for t in ax.get_legend().get_texts())


def test_a_structural_model_has_no_line_where_it_could_foretell_nothing(ax, effect):
    found = effect("structural_time_series", trend="drift", draws=200)
    interrupted_series.draw(found, ax)
    assert len(lines(ax)["model"].get_ydata()) == 14  # two of sixteen periods pass before level and drift are known


def test_series_with_different_starts_have_a_panel_each(effect):
    drawn = figure("interrupted_series", effect(units=2), unit="ug/m3", source="made")
    assert drawn.get_figheight() < 4
    texts = " ".join(t.get_text() for part in drawn.axes[0].child_axes for t in [part.title, part._left_title])
    assert "C0" in texts
    assert "C1" in texts


def test_an_effect_without_a_course_says_so(ax):
    interrupted_series.draw(Effect("did_2x2", Estimate(1.0, 0.5), Sample(2, 1, 2, 4, 2), "by hand"), ax)
    assert "did_2x2 does not say" in ax.texts[0].get_text()


def test_lines_are_broken_where_months_are_missing(ax, effect):
    found = effect(without=(5, 6, 19))
    interrupted_series.draw(found, ax)
    shown = lines(ax)
    assert shown["observed"].get_xdata().tolist() == [k for k in range(24) if k not in (5, 6, 19)]
    assert np.flatnonzero(np.isnan(shown["model"].get_ydata())).tolist() == [5]
    assert np.flatnonzero(np.isnan(shown["without the measure"].get_ydata())).tolist() == [3]
    assert np.isfinite(shown["without the measure"].get_ydata()).sum() == 7
    assert len(ax.get_xticks()) == len(ax.get_xticklabels())
