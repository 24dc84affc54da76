"""What of an effect is judged."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core.targets import effect_patterns, levels_matter, targets_of, with_judgements
from tests.panels import BEFORE, NEVER, design_of, drawn, panel_of


class Said:
    """A judgement that says what it is told."""

    words, p_value, std_error, df = "said", 0.5, None, None

    def __init__(self, low, high):
        self.ends = low, high

    def interval(self, level):
        return self.ends


def found(estimator, frame, *, options=None, **design):
    chosen = design_of(frame, **design)

    def refit(p, d):
        return si.estimate(estimator, p, d, **(options or {}))

    effect = refit(chosen._panel, chosen)
    return effect, targets_of(effect, chosen._panel, chosen, refit), chosen


@pytest.mark.parametrize(
    "estimator", ["twfe", "event_study", "callaway_santanna", "imputation", "two_stage", "stacked"]
)
def test_weights_per_unit_give_the_estimates_back(estimator):
    frame = drawn({BEFORE: 1, 2: 3, 4: 2, NEVER: 4}, 6, seed=2)
    effect, targets, design = found(estimator, frame)
    y, own = design._panel.matrix, design.cohort_codes
    for target in targets:
        values = (target.loadings[own] * y).sum()
        assert values == pytest.approx(target.value, rel=1e-9, abs=1e-10)
    assert targets[0].value == effect.overall.value


def test_reference_periods_are_no_targets():
    effect, targets, _ = found("event_study", drawn({2: 3, 4: 2, NEVER: 4}, 6, seed=2))
    times = [effect.path.event_times[t.k] for t in targets if t.place == "path"]
    assert -1 not in times
    assert len(times) == len(effect.path) - 1


def test_effects_act_in_the_cells_of_their_label():
    frame = drawn({2: 3, 4: 2, NEVER: 4}, 6, seed=2)
    effect, targets, _ = found("callaway_santanna", frame)
    cells = {(t.place, t.k): t.cells for t in targets}
    assert cells["overall", 0].sum() == 4 + 2
    assert cells["path", effect.path.event_times.index(1)].tolist()[0] == [False] * 3 + [True] + [False] * 2
    assert cells["by_cohort", 1][1].tolist() == [False] * 4 + [True] * 2
    assert cells["by_period", effect.by_period.periods.index(4)][:, 4].tolist() == [True, True, False]
    assert all(t.cells.sum() == 1 for t in targets if t.place == "cells")


@pytest.mark.parametrize(
    ("estimator", "options"),
    [("efficient", {}), ("callaway_santanna", {"covariates": ["x"], "method": "dr"})],
)
def test_weights_that_the_data_decide_are_not_fixed(estimator, options):
    frame = drawn({2: 4, 4: 4, NEVER: 6}, 6, seed=2).assign(x=lambda f: np.sin(f["id"]))
    _, targets, _ = found(estimator, frame, options=options)
    assert all(t.loadings is None for t in targets)


def test_patterns_are_the_treated_cells_by_event_time():
    design = design_of(drawn({BEFORE: 1, 2: 3, 4: 2, NEVER: 4}, 6, seed=2))
    times, patterns = effect_patterns(design._panel, design)
    assert times.tolist() == [0, 1, 2, 3]
    assert patterns.sum(axis=(1, 2)).tolist() == [2, 2, 1, 1]
    assert not patterns[:, 0].any()  # treated from the start


def test_levels_matter_where_weights_do_not_sum_to_zero_over_time():
    _, targets, _ = found("twfe", drawn({2: 3, NEVER: 4}, 5, seed=2))
    assert not levels_matter(targets)


def test_judgements_are_put_back_where_they_belong():
    effect, targets, _ = found("callaway_santanna", drawn({2: 3, 4: 2, NEVER: 4}, 6, seed=2))
    said = [Said(-k, k) if t.place in ("overall", "path") else None for k, t in enumerate(targets)]
    judged = with_judgements(effect, targets, said)
    assert judged.overall.interval(0.95) == (0, 0)
    assert [e.interval(0.5) for e in judged.path] == [(-k, k) for k in range(1, len(effect.path) + 1)]
    assert judged.by_cohort.judged == ()
    assert judged.overall.std_error == effect.overall.std_error
    assert judged.rows()[1]["inference"].endswith("; said")


def test_a_panel_stays_as_it_was():
    frame = drawn({2: 3, NEVER: 4}, 5, seed=2)
    before = panel_of(frame).digest
    _, _, design = found("twfe", frame)
    assert design._panel.digest == before


def test_cells_of_a_series_are_found_where_months_are_missing():
    frame = drawn({10: 1, NEVER: 3}, 16, seed=2)
    frame = frame[frame["t"] != 12].assign(
        g=np.where(np.isfinite(frame["g"].astype(float)), "2020-11", None)[frame["t"] != 12],
        t=[f"{2020 + k // 12}-{k % 12 + 1:02d}" for k in frame["t"] if k != 12],
    )
    effect, targets, _ = found("interrupted_time_series", frame, options={"season": "none"})
    assert effect.path.event_times == (0, 1, 3, 4, 5)
    cells = [t.cells for t in targets if t.place == "path"]
    assert [np.flatnonzero(c.any(axis=0)).tolist() for c in cells] == [[10], [11], [12], [13], [14]]
