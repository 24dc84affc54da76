"""Whether instruments move the exposure enough."""

import json
from dataclasses import replace

import pytest

import scale_impact as si
from tests.instruments import CONTROLS, card, drawn, exposed
from tests.panels import reference


def checked(frame, instruments=("z0",), **options):
    panel, design = exposed(frame, "y", "d", cluster="g")
    return si.check(
        "weak_instrument",
        panel,
        design,
        lambda p, d: si.estimate("instrumental_variable", p, d, instruments=instruments),
        **options,
    )


def test_a_strong_instrument_passes_with_all_its_numbers():
    found = checked(drawn(600, 100, strength=1.0))
    assert found.verdict == "pass"
    assert found.statistic == found.details["effective_f"] > 23.11
    assert found.details["simplified"]["0.1"] == pytest.approx(23.11, abs=0.005)
    assert "above 23.11: the bias of two-stage least squares is under 10 % of its worst case" in found.reason
    assert found.details["shape"] == "bounded"
    json.dumps(found.row(), allow_nan=False)


def test_card_lies_in_between():
    _, panel, design = card()
    found = si.check(
        "weak_instrument", panel, design,
        lambda p, d: si.estimate("instrumental_variable", p, d, instruments=["nearc4"], covariates=CONTROLS, vcov="iid"),
    )  # fmt: skip
    assert (found.verdict, found.statistic) == ("inconclusive", pytest.approx(13.25579, abs=5e-6))
    assert found.details["region"] == [pytest.approx(reference("instruments", "card_one")["ci"], rel=1e-9)]
    low, high = found.details["interval"]
    assert (low, high) != tuple(found.details["region"][0])
    assert found.details["instruments"][0]["f"] == pytest.approx(found.statistic)


def test_an_instrument_that_moves_nothing_fails_and_its_open_ends_are_no_numbers():
    found = checked(drawn(strength=0.0, seed=5))
    assert found.verdict == "fail"
    assert found.details["region"] == [[None, None]]
    assert "is everything: the instruments say nothing about the effect" in found.reason
    json.dumps(found.row(), allow_nan=False)


def test_an_idle_instrument_beside_a_strong_one_is_named():
    frame = drawn(600, 100, strength=1.0, instruments=1).assign(
        noise=lambda f: f["z0"].sample(frac=1, random_state=3).to_numpy()
    )
    assert "noise hardly moves the exposure beside the others (F under 1)" in checked(frame, ["z0", "noise"]).reason


def test_the_curve_is_above_the_line_where_the_set_is():
    found = checked(drawn(strength=0.3))
    ((low, high),) = found.details["region"]
    for effect, p in zip(*found.details["curve"].values(), strict=True):
        assert (p > 0.05) == (low < effect < high)


def test_an_instrument_of_one_row_cannot_be_judged():
    panel, design = exposed(drawn().assign(z0=lambda f: (f.index == 3) * 1.0), "y", "d")
    found = si.check(
        "weak_instrument", panel, design, lambda p, d: si.estimate("instrumental_variable", p, d, instruments=["z0"])
    )
    assert (found.verdict, "rests on one cluster" in found.reason) == ("inapplicable", True)


def test_an_estimator_without_instruments_has_nothing_to_check():
    panel, design = exposed(drawn(), "y", "d")
    plain = replace(si.estimate("instrumental_variable", panel, design, instruments=["z0"]), instrumental=None)
    found = si.check("weak_instrument", panel, design, lambda p, d: plain)
    assert (found.verdict, "uses no instruments" in found.reason) == ("inapplicable", True)
