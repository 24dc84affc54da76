"""The catalogue as a page and as a table."""

from scale_impact.core.catalogue.formula import Formula
from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.catalogue.indicator_example import Example
from scale_impact.core.catalogue.indicator_page import catalogue_table, page, page_of, write
from tests.projects import project

NO2 = Indicator(
    "no2", "NO2", "environment", "Yearly mean | all monitors", "ug/m3", "-", code="ENV03", kind="outcome", quality="measured",
    u4ssc="EN: EN: AQ: 1C", sdg="11.6.2", verified="u4ssc:repo+direction", worst=40.0, best=10.0, goalposts="WHO",
)  # fmt: skip
PAY = Indicator("pay", "Pay", "economy", "Women over men", "ratio", "target", target=1.0, small_count=True)
OPERA = Indicator("opera", "Opera", "culture", "Seats", "seats", "0")
KNOWN = {i.indicator: i for i in (OPERA, PAY, NO2)}
FORMULAS = {"pay": Formula("pay", "pay of women", "pay of men", 1.0, "amount", 1, 2, 0.5)}
EXAMPLES = {"no2": Example("no2", "A", "34", "B", "19", "b", "The air is cleaner.")}


def test_rows_come_by_dimension_known_ones_first():
    rows = catalogue_table(KNOWN, FORMULAS, EXAMPLES)
    assert [r["indicator"] for r in rows] == ["no2", "pay", "opera"]
    assert [r["direction"] for r in rows] == ["less is better", "best at 1", "neither is better"]
    assert [r["formula"] for r in rows] == ["", "pay of women / pay of men", ""]
    assert rows[0]["codes"] == "U4SSC EN: EN: AQ: 1C (checked: repo+direction); SDG 11.6.2 (not checked)"
    assert rows[0]["notes"] == "goalposts 40 to 10 (WHO); usually measured"
    assert rows[1]["notes"] == "small counts"


def test_a_table_needs_neither_formulas_nor_examples():
    assert {r["example"] for r in catalogue_table(KNOWN)} == {""}


def test_the_page_has_a_heading_a_dimension_and_a_line_an_indicator():
    text = page(KNOWN, FORMULAS, EXAMPLES)
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## Sustainability (environment)", "## Economy", "## Culture"]
    (line,) = [x for x in text.splitlines() if x.startswith("| `no2`")]
    assert line == (
        "| `no2`<br>ENV03 | **NO2.** Yearly mean \\| all monitors | ug/m3 | less | 34 or **19**: the air is cleaner. | "
        "U4SSC EN: EN: AQ: 1C (checked: repo+direction); SDG 11.6.2 (not checked)<br>outcome<br>"
        "goalposts 40 to 10 (WHO); usually measured |"
    )


def test_a_projects_own_indicators_are_on_its_page(tmp_path):
    place = project(tmp_path)
    (place.root / "docs").mkdir()
    path = write(project_of(place))
    text = path.read_text(encoding="utf-8")
    assert text == page_of(project_of(place))
    assert "## Society" in text
    assert "| `jobs` |" in text


def project_of(place):
    from scale_impact.core.project import Project

    return Project(place.root)
