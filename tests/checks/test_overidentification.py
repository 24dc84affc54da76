"""Whether several instruments agree."""

import json
from dataclasses import replace

import pytest

import scale_impact as si
from tests.instruments import drawn, exposed


def checked(frame, instruments, **options):
    panel, design = exposed(frame, "y", "d", cluster="g")
    return si.check(
        "overidentification",
        panel,
        design,
        lambda p, d: si.estimate("instrumental_variable", p, d, instruments=instruments),
        **options,
    )


def test_valid_instruments_agree_and_each_has_its_row():
    frame = drawn(800, 100, strength=1.0, instruments=2)
    found = checked(frame, ["z0", "z1"])
    assert found.verdict == "pass"
    assert found.p_value > 0.05
    for row in found.details["rows"]:
        alone = si.estimate("instrumental_variable", *exposed(frame, "y", "d", cluster="g"), instruments=[row["name"]])
        assert row["estimate"] == pytest.approx(alone.overall.value)
        assert row["std_error"] == pytest.approx(alone.overall.std_error)
    json.dumps(found.row(), allow_nan=False)


def test_an_instrument_with_a_way_of_its_own_fails():
    frame = drawn(800, 100, strength=1.0, instruments=2).assign(y=lambda f: f["y"] + 2 * f["z1"])
    found = checked(frame, ["z0", "z1"])
    assert found.verdict == "fail"
    assert "The 2 instruments disagree" in found.reason
    assert "No effect at all agrees with all of them" in found.reason


def test_weak_instruments_that_agree_are_inconclusive():
    found = checked(drawn(strength=0.05, instruments=2, seed=3), ["z0", "z1"])
    assert (found.verdict, "such a test sees little" in found.reason) == ("inconclusive", True)


def test_one_instrument_has_nothing_to_disagree_with():
    found = checked(drawn(), ["z0"])
    assert (found.verdict, "nothing is left to test" in found.reason) == ("inapplicable", True)


def test_without_instruments_there_is_nothing_to_check():
    panel, design = exposed(drawn(), "y", "d")
    plain = replace(si.estimate("instrumental_variable", panel, design, instruments=["z0"]), instrumental=None)
    found = si.check("overidentification", panel, design, lambda p, d: plain)
    assert (found.verdict, "uses no instruments" in found.reason) == ("inapplicable", True)
