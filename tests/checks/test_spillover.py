"""Effects on neighbours, and the study without them."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DataError, StudyError, UsageError
from scale_impact.session import open_session
from tests.panels import averages, design_of, drawn, fitted, group_time, jackknifed

NEVER = np.inf


def near(seed=1, effect=0.0):
    """Six treated units from 3 on, fifteen others: five at distance 2, four at 7, six at 20."""
    frame = drawn({3: 4, 4: 2, NEVER: 15}, 6, seed=seed).sort_values(["id", "t"], ignore_index=True)
    ids = frame.loc[np.isinf(frame["g"]), "id"].unique()
    km = dict(zip(ids, [2.0] * 5 + [7.0] * 4 + [20.0] * 6, strict=True))
    frame["km"] = frame["id"].map(km)
    frame["next"] = (frame["km"] == 2).astype(int)
    frame["y"] += effect * ((frame["km"] == 2) & (frame["t"] >= 3))
    return frame


def checked(frame, estimator="callaway_santanna", *, panel=None, design=None, **options):
    chosen = design_of(frame, **(design or {}))
    options = options or {"distance": "km", "rings": [5, 10]}
    return si.check("spillover", chosen._panel, chosen, lambda p, d: si.estimate(estimator, p, d), **options)


@pytest.mark.parametrize("estimator", ["callaway_santanna", "twfe", "did_2x2"])
def test_a_ring_is_treated_from_the_first_date_against_those_farther_away(estimator):
    frame = near()
    if estimator == "did_2x2":
        frame = frame[frame["g"] != 4]
    rings = checked(frame, estimator).details["rings"]
    assert [(r["ring"], r["units"]) for r in rings] == [("km up to 5", 5), ("km 5 to 10", 4)]
    for row, km in zip(rings, (2.0, 7.0), strict=True):
        part = frame[frame["km"].isin([km, 20.0])]
        expected = fitted(estimator, part.assign(g=np.where(part["km"] == km, 3, NEVER))).overall
        assert row["estimate"] == pytest.approx(expected.value, rel=1e-10)
        assert row["std_error"] == pytest.approx(expected.std_error, rel=1e-10)


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_the_study_without_neighbours_has_the_standard_error_of_the_jackknife(control):
    frame = near()
    y = frame["y"].to_numpy().reshape(-1, 6)
    start, km = (frame[c].to_numpy().reshape(-1, 6)[:, 0] for c in ("g", "km"))
    start = np.where(np.isinf(start), 6, start).astype(int)
    kept = ~(km < 10)
    found = checked(frame, design={"control": control}).details["without"]

    def difference(weight):
        w = np.repeat(weight[:, None], 6, axis=1)
        whole, part = (
            averages(group_time(y[m], start[m], w[m], control=control), start[m], w[m])["simple"]
            for m in (np.ones(len(y), bool), kept)
        )
        return np.array([part - whole])

    ones = np.ones(len(y))
    assert found["difference"] == pytest.approx(difference(ones)[0], abs=1e-12)
    variance = jackknifed(difference, ones, np.arange(len(y)))[0, 0]
    assert found["difference_std_error"] == pytest.approx(np.sqrt(variance), rel=1e-5)
    again = fitted("callaway_santanna", frame[~(frame["km"] < 10)], control=control).overall
    assert (found["estimate"], found["std_error"]) == pytest.approx((again.value, again.std_error))


def test_a_0_1_column_is_one_ring():
    one = checked(near(), neighbour="next").details
    (ring,) = one["rings"]
    assert (ring["ring"], ring["units"], one["farther"]) == ("neighbours", 5, 10)


def test_neighbours_may_be_near_from_dates_of_their_own():
    frame = near()
    frame["since"] = np.where(frame["km"] == 2, np.where(frame["id"] % 2, 2, 4), np.nan)
    found = checked(frame, distance="km", rings=[5], since="since").details["rings"][0]
    part = frame[frame["km"] < 90]
    expected = fitted("callaway_santanna", part.assign(g=np.where(part["km"] == 2, part["since"], NEVER))).overall
    assert found["estimate"] == pytest.approx(expected.value)


def test_an_effect_on_neighbours_fails_and_moves_the_estimate():
    found = checked(near(effect=10.0))
    assert found.verdict == "fail"
    assert "reaches beyond those treated" in found.reason
    clean, moved = (checked(near(effect=e)).details["without"] for e in (0.0, 10.0))
    # a third of the controls move by 10; 12 of 16 treated observations are compared with 2, before that
    assert moved["study"] == pytest.approx(clean["study"] - 10 * 5 / 15 * 12 / 16)
    assert moved["estimate"] == pytest.approx(clean["estimate"])


def test_without_an_effect_it_passes():
    assert checked(near()).verdict == "pass"


def test_clusters_stay_together():
    frame = near()
    frame["region"] = frame["id"] % 8
    one, other = (checked(frame, design={"cluster": c}).details["without"] for c in (None, "region"))
    assert one["difference"] == pytest.approx(other["difference"])
    assert one["difference_std_error"] != other["difference_std_error"]


def test_houses_near_the_incinerator(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    found = si.check(
        "spillover", panel, design, lambda p, d: si.estimate("did_2x2", p, d), distance="dist", rings=[20000.0]
    )
    part = kielmc[kielmc["nearinc"] == 0]
    cells = part.groupby([part["dist"] <= 20000, "year"])["lrprice"].mean()
    by_hand = cells[True, 1981] - cells[True, 1978] - cells[False, 1981] + cells[False, 1978]
    assert found.details["rings"][0]["estimate"] == pytest.approx(by_hand)
    assert found.verdict == "pass"


def test_without_near_or_without_far_units_it_does_not_apply():
    assert "no near ones" in checked(near(), distance="km", rings=[1]).reason
    assert "no farther ones" in checked(near(), distance="km", rings=[50]).reason


def test_without_never_treated_units_it_does_not_apply():
    frame = drawn({2: 4, 4: 4}, 6, seed=1).assign(km=1.0)
    found = checked(frame, design={"control": "not_yet"}, distance="km", rings=[5])
    assert found.verdict == "inapplicable"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rings": [5]}, "either distance with rings"),
        ({"distance": "km", "neighbour": "next", "rings": [5]}, "either distance with rings"),
        ({"distance": "km"}, "outer edges"),
        ({"distance": "km", "rings": [5, 3]}, "rising order"),
        ({"neighbour": "next", "rings": [5]}, "rings go with distance"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        checked(near(), **options)


def test_missing_and_wrong_values_are_refused():
    frame = near()
    with pytest.raises(DataError, match="missing for 5 untreated units"):
        checked(frame.assign(km=frame["km"].where(frame["km"] != 2)), distance="km", rings=[10])
    with pytest.raises(DataError, match="has to be 0 or 1"):
        checked(frame, neighbour="km")
    with pytest.raises(DataError, match="below 0"):
        checked(frame.assign(km=-frame["km"]), distance="km", rings=[10])
    with pytest.raises(DataError, match="varies within"):
        checked(frame.assign(km=frame["km"] + frame["t"]), distance="km", rings=[10])


def test_a_column_that_the_card_does_not_describe_is_said_before_a_run(place):
    place.study(checks=[{"spillover": {"distance": "kilometres", "rings": [5]}}, "placebo_outcome"])
    with pytest.raises(StudyError) as caught:
        open_session("towns")
    said = str(caught.value)
    assert "checks.0.distance: the card of source towns describes no column 'kilometres'" in said
    assert "checks.1: placebo_outcome needs the option 'outcome'" in said
