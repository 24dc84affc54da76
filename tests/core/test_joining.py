"""Sources on unit and period: what is joined, what is refused, what is said."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.building.joining import Piece, joined
from scale_impact.errors import DataError


def piece(name, rows, columns=("x",), period="t", **more):
    labels = ["u", *([period] if period else [])]
    return Piece(name, pd.DataFrame(rows, columns=[*labels, *columns]), "u", period, **more)


AIR = [("A", 2019, 1.0), ("A", 2020, 2.0), ("B", 2019, 3.0)]
JOBS = [("B", 2019, 30), ("A", 2020, 20), ("C", 2020, 50)]


def join(*pieces, keep="first"):
    return joined(pieces, "city", "year", keep)


def problem(*pieces, keep="first"):
    with pytest.raises(DataError) as caught:
        join(*pieces, keep=keep)
    return "\n".join(caught.value.problems)


def values(found):
    return found.frame.astype(object).where(found.frame.notna(), None).to_numpy().tolist()


def test_rows_are_those_of_the_first_source_of_any_or_of_all():
    pieces = piece("air", AIR), piece("jobs", JOBS, ("jobs",))
    assert values(join(*pieces)) == [["A", 2019, 1.0, None], ["A", 2020, 2.0, 20], ["B", 2019, 3.0, 30]]
    assert values(join(*pieces, keep="common")) == [["A", 2020, 2.0, 20], ["B", 2019, 3.0, 30]]
    every = values(join(*pieces, keep="all"))
    assert every == [["A", 2019, 1.0, None], ["A", 2020, 2.0, 20], ["B", 2019, 3.0, 30], ["C", 2020, None, 50]]
    assert list(join(*pieces).frame) == ["city", "year", "x", "jobs"]


def test_what_is_not_used_and_what_is_not_there_is_said():
    found = join(piece("air", AIR), piece("jobs", JOBS, ("jobs",)))
    assert found.notes == (
        "1 row of jobs is not used; units that are not in the panel: C.",
        "1 unit and period of the panel has no row in jobs.",
    )


def test_the_order_of_rows_does_not_matter():
    one = join(piece("air", AIR), piece("jobs", JOBS, ("jobs",)), keep="all")
    other = join(piece("air", AIR[::-1]), piece("jobs", JOBS[::-1], ("jobs",)), keep="all")
    pd.testing.assert_frame_equal(one.frame, other.frame)


def test_columns_that_are_complete_keep_their_type():
    found = join(piece("air", AIR[1:]), piece("jobs", JOBS[:2], ("jobs",)))
    assert found.frame["jobs"].dtype.kind == "i"


def test_what_does_not_change_over_time_stands_in_all_periods():
    land = piece("land", [("B", 7.5), ("A", 9.0)], ("area",), period=None)
    assert join(piece("air", AIR), land).frame["area"].tolist() == [9.0, 9.0, 7.5]
    only = piece("land", [("B", 7.5)], ("area",), period=None)
    assert join(piece("air", AIR), only, keep="common").frame["city"].tolist() == ["B"]
    assert "The first part (land) has no period" in problem(land, piece("air", AIR))


MONTHS = [("A", "2019-01", 1.0), ("A", "2019-12", 2.0), ("A", "2020-01", 3.0)]


def test_years_are_repeated_in_months_only_if_that_is_said():
    years = [("A", 2019, 10), ("A", 2020, 20)]
    said = problem(piece("air", MONTHS), piece("jobs", years, ("jobs",)))
    assert said.startswith("jobs has 2019 as period, air '2019-01', which is shorter. Say `repeat: true`")
    assert join(piece("air", MONTHS), piece("jobs", years, ("jobs",), repeat=True)).frame["jobs"].tolist() == [
        10,
        10,
        20,
    ]
    assert "Leave it out" in problem(piece("air", AIR), piece("jobs", JOBS, ("jobs",), repeat=True))


def test_months_under_years_have_to_be_aggregated():
    assert "which is longer. Say how rows become one: aggregate: {to: year" in problem(
        piece("air", AIR), piece("m", MONTHS, ("m",))
    )


def test_quarters_written_in_two_ways_are_one():
    first = piece("air", [("A", "2019Q1", 1.0), ("A", "2019Q2", 2.0)])
    second = piece("jobs", [("A", "2019-Q2", 5), ("A", "2019-Q1", 4)], ("jobs",))
    assert join(first, second).frame["jobs"].tolist() == [4, 5]


def test_years_as_text_and_as_numbers_are_refused():
    text = piece("jobs", [("A", "2019", 1)], ("jobs",))
    assert "one is text, the other is not" in problem(piece("air", AIR), text)


def test_waves_and_years_cannot_be_compared():
    assert "cannot be compared" in problem(piece("air", AIR), piece("jobs", [("A", "wave 1", 1)], ("jobs",)))


def test_codes_that_lost_their_zeros_are_refused_with_the_card_to_mend():
    air = piece("air", [("06037", 2019, 1.0), ("06059", 2019, 2.0)])
    numbers = piece("jobs", [(6037, 2019, 5)], ("jobs",))
    assert "Units are numbers in jobs (6037) and text in the other source" in problem(air, numbers)
    assert "Give 'u' `type: text` in the card jobs" in problem(air, numbers)
    texts = piece("jobs", [("6037", 2019, 5)], ("jobs",))
    said = problem(air, texts)
    assert "jobs writes '6037' where air writes '06037' (1 unit). jobs has lost zeros" in said
    assert "air has lost zeros" in problem(
        piece("air", [("6037", 2019, 1.0)]), piece("jobs", [("06037", 2019, 5)], ("jobs",))
    )


def test_spaces_in_codes_are_refused():
    assert "spaces differ" in problem(piece("air", AIR), piece("jobs", [("A ", 2019, 5), ("B", 2019, 6)], ("jobs",)))


def test_names_are_not_matched_to_codes():
    said = problem(piece("air", AIR), piece("jobs", [("Gary", 2019, 5)], ("jobs",)))
    assert (
        said == "jobs has no unit of air: its units are Gary, there A, B. Join them by a file (`names` or `crosswalk`)."
    )


def test_units_that_stand_twice_are_named_with_their_rows_in_all_sources_at_once():
    said = problem(piece("air", [*AIR, AIR[0]]), piece("jobs", [*JOBS, JOBS[1], JOBS[1]], ("jobs",)))
    assert "air: 'u' and 't' stand twice: A/2019 (rows 1, 4)." in said
    assert "jobs: 'u' and 't' stand twice: A/2020 (rows 2, 4, 5)." in said


def test_empty_labels_empty_sources_and_columns_that_two_sources_give_are_refused():
    said = problem(
        piece("air", [("A", 2019, 1.0), (None, 2019, 2.0)]), piece("jobs", [("A", 2019, 5)]), piece("none", [], ("y",))
    )
    assert "air: 'u' is empty in 1 row" in said
    assert "jobs: column 'x' is already that of air" in said
    assert "none has no rows" in said


def test_nothing_in_common_is_refused():
    assert "no unit and period in common" in problem(
        piece("air", AIR), piece("jobs", [("A", 2030, 5)], ("jobs",)), keep="common"
    )


@pytest.mark.parametrize(("keep", "how"), [("first", "left"), ("all", "outer"), ("common", "inner")])
def test_random_sources_are_joined_as_pandas_merges_them(keep, how):
    rng = np.random.default_rng(7)
    cells = pd.MultiIndex.from_product([[f"{k:03d}" for k in range(40)], range(2000, 2010)], names=["u", "t"]).to_frame(
        index=False
    )
    one, other = (
        cells.sample(250, random_state=k).assign(**{name: rng.normal(size=250)}) for k, name in enumerate("xy")
    )
    found = join(Piece("a", one, "u", "t"), Piece("b", other, "u", "t"), keep=keep).frame
    expected = one.merge(other, on=["u", "t"], how=how).sort_values(["u", "t"], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected.rename(columns={"u": "city", "t": "year"}), check_exact=True)


def test_months_of_all_sources_are_written_in_one_way_in_order():
    first = piece("air", [("A", "2019-01", 1.0), ("A", "2019-02", 2.0)])
    second = piece("jobs", [("A", "2019M03", 5), ("A", "2019M02", 4), ("A", "2018-M12", 3)], ("jobs",))
    found = join(first, second, keep="all").frame
    assert found["year"].tolist() == ["2018-12", "2019-01", "2019-02", "2019-03"]
    assert found["jobs"].fillna(0).tolist() == [3, 0, 4, 5]


def test_a_quarter_that_one_source_writes_in_two_ways_stands_twice():
    said = problem(piece("air", [("A", "2019Q1", 1.0), ("A", "2019-Q1", 2.0)]))
    assert "air: 'u' and 't' stand twice: A/2019Q1 (rows 1, 2)." in said
    assert "jobs: Column 't' holds '2019-13', which is no month" in problem(
        piece("air", MONTHS), piece("jobs", [("A", "2019-13", 1)], ("jobs",))
    )


def test_known_reasons_are_of_periods_as_the_panel_writes_them():
    reasons = pd.DataFrame([("A", "2019-Q2", "jobs", "closed")], columns=["unit", "period", "column", "reason"])
    second = piece("jobs", [("A", "2019-Q1", 4.0), ("A", "2019-Q2", np.nan)], ("jobs",), gaps=reasons)
    found = join(piece("air", [("A", "2019Q1", 1.0), ("A", "2019Q2", 2.0)]), second)
    assert found.gaps["period"].tolist() == ["2019Q2"]


def moments(zone, *days):
    return [("A", pd.Timestamp(day, tz=zone), float(k)) for k, day in enumerate(days)]


@pytest.mark.parametrize("keep", ["first", "all", "common"])
def test_dates_with_a_time_zone_are_no_dates_without_one(keep):
    dates, zoned = (piece(n, moments(z, "2019-01-01"), (n,)) for n, z in (("air", None), ("jobs", "UTC")))
    said = problem(dates, zoned, keep=keep)
    assert (
        "jobs has 2019-01-01T00:00:00+00:00 as period, air 2019-01-01: jobs has a time zone, the other has none" in said
    )
    assert "zone: Europe/Berlin" in said
    assert "jobs has a time zone" in problem(zoned, dates, keep=keep)
    assert "in the time zone Europe/Berlin and" not in said
    berlin = piece("air", moments("Europe/Berlin", "2019-01-01"), ("air",))
    assert "dates in the time zone Europe/Berlin and dates in the time zone UTC" in problem(
        berlin, piece("jobs", moments("UTC", "2019-01-01"), ("jobs",)), keep=keep
    )


def test_hours_with_a_time_zone_are_joined_and_days_of_that_zone_repeated_in_them():
    hours = piece("air", moments("Europe/Berlin", "2019-03-31 00:00", "2019-03-31 23:00", "2019-04-01 00:00"))
    same = piece("jobs", moments("Europe/Berlin", "2019-03-31 23:00"), ("jobs",))
    assert join(hours, same).frame["jobs"].notna().tolist() == [False, True, False]
    days = piece("jobs", moments("Europe/Berlin", "2019-03-31", "2019-04-01"), ("jobs",), repeat=True)
    assert join(hours, days).frame["jobs"].tolist() == [0.0, 0.0, 1.0]


def test_units_or_periods_that_are_numbers_and_text_in_one_source_are_refused():
    said = problem(
        piece("air", [(7, 2019, 1.0), ("A1", 2019, 2.0)]), piece("jobs", [("A", "x", 1), ("A", 5, 2)], ("jobs",))
    )
    assert "air: 'u' mixes labels of different kinds (7 and 'A1'). Give it `type: text` in its card." in said
    assert "jobs: 't' mixes labels of different kinds ('x' and 5)." in said


def test_units_that_are_dates_here_and_text_there_are_refused():
    dates = piece("jobs", [(pd.Timestamp("2019-01-01"), 2019, 1)], ("jobs",))
    assert "Units are text in air and dates in jobs. Give both `type: text`" in problem(piece("air", AIR), dates)
