"""The evidence map: forms for findings, numbers for studies, dashes for gaps."""

from __future__ import annotations

import pandas as pd
import pytest

from scale_impact.core.evidence_map import CELL_FIELDS, EvidenceMap
from scale_impact.figures import figure
from scale_impact.figures.evidence_map import MOST_COLUMNS, MOST_ROWS, draw, height


def cell(measure, column, finding=None, **more):
    usual = {
        "asked": "expected", "expected": [], "risks": [], "studies": 0, "papers": 0, "marked": 0, "better": 0, "worse": 0, "changed": 0,
        "unclear": 0, "credibility": None, "gap": finding is None, "names": [],
    }  # fmt: skip
    return {**usual, "measure": measure, "column": column, "finding": finding, **more}


def mapped(*cells, by="dimension"):
    frame = pd.DataFrame(list(cells), columns=list(CELL_FIELDS))
    frame["credibility"] = frame["credibility"].astype("Int64")
    measures, columns = (tuple(dict.fromkeys(frame[c])) for c in ("measure", "column"))
    return EvidenceMap(by, measures, columns, {m: m.title() for m in measures}, {c: c for c in columns}, frame)


ONE = mapped(
    cell("zone", "economy", "better", studies=2, papers=1, credibility=3, marked=1),
    cell("zone", "safety"),
    cell("park", "economy", "worse", marked=2, credibility=2),
    cell("park", "safety", "mixed", studies=2),
)


def texts(ax):
    return [t.get_text() for t in ax.texts]


def test_each_finding_has_a_form_of_its_own_and_marked_evidence_is_hollow(ax):
    draw(ONE, ax)
    marks = {line.get_label(): line for line in ax.get_lines()}
    assert {name: line.get_marker() for name, line in marks.items() if name != "gap"} == {
        "_better": "^",
        "_worse": "v",
        "_mixed": "D",
    }
    assert marks["_worse"].get_color() == "white"
    assert marks["_better"].get_color() != "white"
    assert [float(v) for v in marks["_better"].get_xydata()[0]] == [0.0, 0.0]
    assert [float(v) for v in marks["_worse"].get_xydata()[0]] == [0.0, 1.0]


def test_numbers_say_how_many_and_how_strong(ax):
    draw(ONE, ax)
    assert texts(ax) == ["3", "L3 +1", "2", "L2", "2", ""]


def test_those_that_tell_nothing_are_counted_beside_those_that_do(ax):
    told = {"studies": 2, "papers": 3, "better": 4, "unclear": 1, "credibility": 3}
    draw(
        mapped(cell("zone", "economy", "better", **told), cell("park", "economy", "unclear", studies=2, unclear=2)), ax
    )
    assert texts(ax) == ["5", "L3 1?", "2", ""]


def test_gaps_are_dashes_and_can_be_left_out(ax):
    draw(ONE, ax)
    (gaps,) = [line for line in ax.get_lines() if line.get_label() == "gap"]
    assert gaps.get_xydata().tolist() == [[1.0, 0.0]]
    ax.clear()
    draw(ONE, ax, gaps=False)
    assert not [line for line in ax.get_lines() if line.get_label() == "gap"]


def test_the_legend_has_the_forms_that_are_there(ax):
    draw(ONE, ax)
    said = [t.get_text() for t in ax.get_legend().get_texts()]
    assert said[:3] == ["for the better", "for the worse", "some for the better, some for the worse"]
    assert said[3:] == ["hollow: marked evidence alone", "gap: the card names it, nobody looked"]


def test_rows_and_columns_have_their_names(ax):
    draw(ONE, ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Zone", "Park"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["economy", "safety"]


def test_where_there_are_too_many_those_with_evidence_are_shown_and_that_is_said(ax):
    many = [cell(f"m{k}", f"c{k}") for k in range(80)]
    last = cell("seen", "looked", "unclear", studies=1)
    draw(mapped(*many, last, by="indicator"), ax)
    assert len(ax.get_yticklabels()) == MOST_ROWS
    assert "looked" in [t.get_text() for t in ax.get_xticklabels()]
    said = ax.get_legend().get_title().get_text()
    assert f"Shown: {MOST_ROWS} of 81 measures and {MOST_COLUMNS} of 81 indicators, those with evidence first." in said


def test_many_measures_need_a_higher_figure():
    assert height(mapped(*(cell(f"m{k}", "economy") for k in range(50)))) > height(ONE)


def test_an_empty_map_says_so(ax, words):
    draw(mapped(), ax)
    assert any("No measure has a card" in said for said in words(ax))


@pytest.mark.parametrize("n", [1, 3, 20])
def test_names_of_columns_do_not_lie_on_the_marks(n, page):
    found = mapped(*(cell("zone", f"indicator number {k}", "better", studies=1, credibility=5) for k in range(n)))
    fig = figure("evidence_map", found, unit="", source="made")
    renderer = page(fig)
    ax = fig.axes[0]
    top = max(ax.transData.transform((0, -0.5))[1], 0)
    assert all(t.get_window_extent(renderer).y0 >= top - 2 for t in ax.get_xticklabels() if t.get_text())
    whole = fig.bbox
    assert ax.get_legend().get_window_extent(renderer).x1 <= whole.x1
