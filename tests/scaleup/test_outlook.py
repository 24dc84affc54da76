"""The outlook as a whole: what does not fit together is refused, notes say what numbers rest on, a negative result is told."""

from __future__ import annotations

import re

import numpy as np
import pytest

from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.core.yaml_reader import load
from scale_impact.errors import DesignError
from scale_impact.scaleup.outlook import look_ahead
from tests.panels import ROOT
from tests.scaleups import BASE, block, choices, effect, outlook

MEASURE = {
    "name": "second pilot",
    "of": "effect",
    "std_error": 0.2,
    "cost": 1,
    "currency": "EUR",
    "year": 2024,
    "source": "x",
}


def test_it_shows_the_answer():
    assert repr(outlook()) == (
        "Outlook(Testford: adapt; net present value EUR 100, above 0 with a probability of 100 %; 1,000 worlds)"
    )
    assert outlook().unit == "EUR of 2024"


def test_a_published_effect_on_logarithms_needs_a_baseline_and_another_takes_none():
    # the block of a published row does not say its scale, so that only both together show it
    row = {k: v for k, v in block().items() if k != "effect"} | {"effect": {"study": "x"}}
    with pytest.raises(DesignError, match=r"scaleup\.baseline: test scores is an effect on logarithms"):
        look_ahead(ScaleUp.model_validate(row), effect(-0.1, 0.1, scale="log"))
    based = row | {"baseline": {"value": 50, "unit": "points", "year": 2020, "source": "x"}}
    with pytest.raises(DesignError, match="leave the baseline out"):
        look_ahead(ScaleUp.model_validate(based), effect(2.0, 0.1))


def test_per_cent_that_stand_for_logarithms_are_refused():
    base = {"value": 50, "unit": "points", "year": 2020, "source": "x"}
    with pytest.raises(DesignError, match=r"may change by a factor above 148\. Percentages are no logarithms"):
        look_ahead(choices(effect={"scale": "log"}, baseline=base), effect(-9.5, 3.0, scale="log"))


def test_an_effect_may_be_given_by_its_draws():
    drawn = np.random.default_rng(2).gamma(4, 0.5, size=2000)
    found = outlook(effect(2.0, 1.0, drawn=drawn), draws=20_000)
    assert found.simulated.npv.mean() == pytest.approx(300 * drawn.mean() - 500, abs=10)
    assert "draws" in found.notes[0]


def test_what_wants_to_measure_a_known_effect_is_refused():
    pair = {"between": ["effect", "building"], "rho": 0.5, "reason": "x"}
    line = {**BASE["flows"][0], "amount": {"value": 500, "low": 400, "high": 600}}
    chosen = choices(flows=[line, BASE["flows"][1]], measurements=[MEASURE], correlations=[pair])
    with pytest.raises(DesignError) as told:
        look_ahead(chosen, effect(2.0, 0.0))
    assert [p.split(":")[0] for p in told.value.problems] == [
        "scaleup.measurements.0.of",
        "scaleup.correlations.0.between",
    ]


def test_the_notes_say_what_the_numbers_rest_on():
    notes = " ".join(outlook(effect(2.0, 0.5, df=2, kind="pilot", source="study x")).notes)
    for told in ("study x", "t with 2 degrees of freedom", "does not say how much cities differ", "outermost 0.05 %", "EUR of 2024",
                 "Discount rate 0 %", "Optimism: costs + 0 %", "taken to last", "independent", "Drawing 1,000 worlds"):  # fmt: skip
        assert told in notes


def test_a_negative_result_is_told_with_its_reasons():
    found = outlook(effect(-2.0, 0.5))
    decision, voltage, losers = found.checks()
    assert (decision.verdict, voltage.verdict, losers.verdict) == ("fail", "inconclusive", "fail")
    assert decision.reason.startswith("Stop. The effect is harmful with a probability of")
    assert found.partners["npv"].iloc[0] < 0
    assert found.simulated.total("benefits").mean() < 0


def test_the_block_and_the_python_of_the_docs_run():
    page = (ROOT / "docs" / "scaleup.md").read_text(encoding="utf-8")
    written = load(re.search(r"```yaml\n(scaleup:.*?)```", page, flags=re.DOTALL).group(1))["scaleup"]
    code = next(c for c in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL) if "look_ahead(choices" in c)
    known = {"block": {**written, "draws": 2000}}
    exec(code, known)
    assert known["outlook"].decision.decision == "stop"


def test_the_same_seed_gives_the_same_numbers_and_another_others():
    assert outlook(effect(2.0, 0.5)).numbers() == outlook(effect(2.0, 0.5)).numbers()
    assert outlook(effect(2.0, 0.5)).numbers() != outlook(effect(2.0, 0.5), seed=2).numbers()
