"""Tables of published rows."""

from scale_impact.report.tables import number_table


def test_a_tornado_shows_the_distance_and_says_what_is_at_both_ends():
    told = "net present value 400 at 200 (low end), -500 at 1,100 (high end); the others at their means"
    row = {
        "estimand": "TORNADO",
        "label": "building",
        "estimate": 900.0,
        "ci_low": None,
        "ci_high": None,
        "p_value": None,
        "inference": told,
    }
    table = number_table("What it hinges on", [row], 10, lambda r: r["label"], head="input")
    assert table.head == ("input", "swing")
    (line,) = table.rows
    assert (line.label, line.cells, line.note) == ("building", ("900",), told)
    assert table.bars is None
