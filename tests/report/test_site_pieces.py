"""What pages are made of: names of pages, links, Markdown, notebooks, intervals on a scale, places."""

import base64

import pytest

from scale_impact.report.answers import beside
from scale_impact.report.details import cell, tables
from scale_impact.report.downloads import as_csv
from scale_impact.report.intervals import WIDTH, bars
from scale_impact.report.markup import Outline, linked, markdown, table_html, web_link
from scale_impact.report.measure_pages import _counted, _paper
from scale_impact.report.notebook import MOST, PAGE, Pictures, pages
from scale_impact.report.pages import fitting
from scale_impact.report.places import Place
from scale_impact.report.slugs import hashed, slug
from scale_impact.report.summary import Effect

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()


def row(value, low=None, high=None, unit="jobs"):
    return {"estimate": value, "ci_low": low, "ci_high": high, "outcome_unit": unit}


# ---- names ---------------------------------------------------------------------------------------------


def test_plain_names_stay_as_they_are():
    assert slug("indiana-enterprise-zones") == "indiana-enterprise-zones"
    assert slug("from_1980") == "from_1980"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "CON", "con", "index", "Zürich", "a" * 300, "x~y", "-x", "a b", "\udcff", "東京", "a\0b"],
)
def test_other_names_become_safe_ones(name):
    made = slug(name)
    assert made not in ("con", "index")
    assert "~" in made
    assert len(made) < 60
    assert made == made.lower()
    assert not set(made) & set('/\\.:*?"<>| \0')


def test_names_that_look_alike_have_pages_of_their_own():
    names = ["Saint-Denis", "Saint Denis", "saint-denis", "SAINT DENIS", "Sãint-Denis", "saint-denis~0"]
    assert len({slug(n) for n in names}) == len(names)
    assert hashed("Gary", "Gary", "city") != hashed("Gary", "Gary", "county")
    assert Place("1", "city", "indiana").slug != Place("1", "city", "ohio").slug


# ---- texts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address, is_link", [
    ("https://example.org/a?b=c#d", True), ("http://x", True), ("mailto:a@b.org", True), ("javascript:alert(1)", False), ("JaVaScRiPt:x", False),
    ("data:text/html,x", False), ("../../x", False), ("//example.org", False), ("https://x\"onclick=", False), ("file:///etc/passwd", False),
    (" https://x", False), ("vbscript:x", False),
])  # fmt: skip
def test_only_web_addresses_are_links(address, is_link):
    assert web_link(address) is is_link


def test_addresses_in_a_text_are_links_and_all_else_is_text():
    made = linked('<b>see</b> https://example.org/a. And javascript:alert(1) "x"')
    assert '<a href="https://example.org/a" rel="noopener noreferrer">https://example.org/a</a>.' in made
    assert "&lt;b&gt;see&lt;/b&gt;" in made
    assert made.count("<a ") == 1


@pytest.mark.parametrize("text", [
    "<script>x</script>", "[a](javascript:x)", "[a](data:text/html,x)", "![p](https://example.org/p.png)", "<img src=x onerror=y>", "[a](../../x.md)",
    "<https://example.org/<script>>", "[a]: javascript:x\n\n[a]", "```html\n<script>x</script>\n```",
])  # fmt: skip
def test_markdown_of_users_holds_nothing_that_acts_or_loads(text):
    made = markdown(text, Outline())
    assert "<script" not in made
    assert "<img" not in made
    assert 'href="j' not in made
    assert 'href="d' not in made
    assert 'href="..' not in made


def test_headings_follow_the_outline_of_the_page():
    outline = Outline(top=2, last=1)
    made = markdown("# a\n\n#### b\n\n# c", outline)
    assert [made[k + 2] for k in range(len(made)) if made.startswith("<h", k)] == ["2", "3", "2"]
    assert 'h3 dir="auto"' in markdown("###### d", outline)


def test_tables_of_notebooks_lose_what_acts():
    cells = '<tr><th scope="col">a<script>z</script></th><td><a href="javascript:x">b</a></td></tr>'
    made = table_html(f'<style>p{{}}</style><table border="1" style="x" onclick="y">{cells}</table>')
    head = '<th scope="col">a</th>'
    assert made == f'<table><tbody><tr>{head}<td><a rel="noopener noreferrer">b</a></td></tr></tbody></table>'


def test_a_table_for_spreadsheets_has_no_formula():
    made = as_csv([{"a": "=1+1", "b": -3.5}, {"a": "x", "b": None}], ["a", "b"])
    assert made == 'a,b\n"\'=1+1",-3.5\n"x",""\n'


# ---- notebooks -----------------------------------------------------------------------------------------


def shown(cells, tmp_path, figures=None):
    return pages(cells, Pictures(tmp_path, "notebook-", figures or {}, {"one": "figures/one.png"}), "A study")


def output(**data):
    return {"cell_type": "code", "source": "x", "outputs": [{"output_type": "display_data", "data": data}]}


def test_pictures_become_files_and_figures_of_the_run_are_not_written_again(tmp_path):
    figure = tmp_path / "one.png"
    figure.write_bytes(base64.b64decode(PNG))
    other = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(41)).decode()
    (found,) = shown(
        [output(**{"image/png": PNG}), output(**{"image/png": [other[:20] + "\n", other[20:]]})],
        tmp_path,
        {"one": figure},
    )
    assert 'src="figures/one.png"' in found[1].html
    assert len(list(tmp_path.glob("notebook-*.png"))) == 1


def test_what_only_claims_to_be_a_picture_is_none(tmp_path):
    html = base64.b64encode(b"<html><script>x</script>").decode()
    (found,) = shown([output(**{"image/png": html, "text/plain": "told"})], tmp_path)
    assert "told" in found[1].html
    assert not list(tmp_path.iterdir())


def test_outputs_are_shown_in_the_form_that_says_most(tmp_path):
    (found,) = shown(
        [output(**{"text/plain": "plain", "text/html": "<table><tr><td>cell</td></tr></table>"})], tmp_path
    )
    assert "<td>cell</td>" in found[1].html
    (found,) = shown(
        [output(**{"application/javascript": "alert(1)"}), output(**{"image/svg+xml": "<svg/>"})], tmp_path
    )
    assert "application/javascript" in found[1].html
    assert "alert" not in found[1].html
    assert "svg" in found[3].html


def test_long_notebooks_have_several_pages_and_long_outputs_are_cut(tmp_path):
    cells = [{"cell_type": "code", "source": "y" * 30_000, "outputs": []} for _ in range(10)]
    found = shown(cells, tmp_path)
    assert len(found) > 3
    assert all(sum(len(b.html) for b in page) < PAGE + MOST for page in found)
    (found,) = shown([{"cell_type": "code", "source": "z" * (MOST + 5), "outputs": []}], tmp_path)
    assert f"Cut after {MOST:,} of {MOST + 5:,} characters" in found[0].html


def test_colours_of_a_terminal_and_local_folders_are_left_out(tmp_path):
    cell = {
        "cell_type": "code",
        "source": "",
        "outputs": [{"output_type": "stream", "text": "\x1b[31mred\x1b[0m in /home/me/secret/x.py"}],
    }
    (found,) = shown([cell], tmp_path)
    assert "red in (a local folder)" in found[0].html


ODD = [{}, {"cell_type": "code"}, {"cell_type": "code", "outputs": [3, {"output_type": "display_data", "data": "x"}]}]


@pytest.mark.parametrize("cell", [*ODD, {"cell_type": "markdown", "source": 3}])
def test_odd_cells_break_nothing(cell, tmp_path):
    assert shown([cell], tmp_path)


# ---- numbers -------------------------------------------------------------------------------------------


def test_bars_stand_in_order_on_one_scale_with_zero():
    found = bars([row(-1, -2, 0), row(1, 0, 2)])
    first, second = found.bars
    assert first.low < first.at < first.high <= second.at + 1e-9
    assert found.zero == pytest.approx(WIDTH / 2)


def test_a_very_wide_interval_leaves_the_others_legible():
    found = bars([row(1, 0.5, 1.5), row(1.2, 0.7, 1.7), row(0.8, -1e6, 1e6)])
    wide = found.bars[2]
    assert wide.cut_low
    assert wide.cut_high
    assert found.bars[0].high - found.bars[0].low > WIDTH / 20


@pytest.mark.parametrize("rows", [[], [row(1, 0, 2)], [row(None), row(1)], [row(1, unit="a"), row(2, unit="b")]])
def test_there_are_no_bars_without_two_numbers_of_one_unit(rows):
    assert bars(rows) is None


def test_equal_numbers_beside_zero_have_bars():
    assert bars([row(0.0), row(0.0)]) is None
    assert bars([row(2.0), row(2.0)]).bars[0].at > 0


def test_numbers_behind_a_check_become_tables():
    found = tables(
        {
            "p": 0.25,
            "name": None,
            "rows": [{"unit": "A", "x": 1.0, "path": [1]}, {"unit": "B", "x": 2.0}],
            "draws": [1, 2, 3],
        },
        1,
    )
    assert [(t.name, t.head, t.more) for t in found] == [("Values", ("what", "value"), 0), ("rows", ("unit", "x"), 1)]
    assert found[1].rows == (("A", "1"),)
    assert tables({}, 5) == tables(None, 5) == []


def test_a_page_that_is_too_large_is_made_with_fewer_rows():
    assert len(fitting(lambda most: "x" * (2000 * most))) == 2000 * 60


# ---- words ---------------------------------------------------------------------------------------------


def paper(page):
    return {"study": "x", "source": "X (2020)", "page": page}


@pytest.mark.parametrize(("page", "words"), [
    ("12", "page 12"), (12, "page 12"), ("12-15", "page 12-15"), ("12 \N{EN DASH} 15", "page 12 \N{EN DASH} 15"), ("Table 2", "Table 2"),
    ("p. 5", "p. 5"), ("appendix, page 3", "appendix, page 3"), ("", ""), (None, ""),
])  # fmt: skip
def test_only_a_bare_number_is_called_a_page(page, words):
    assert _paper(paper(page))["page"] == words


@pytest.mark.parametrize(("source", "words"), [
    ("study zones-next-town, PREDICTED by synthesis (Newtown)", "Predicted effect"), ("study zones/main, ATT by did_2x2 (overall)", "Effect in the pilot"),
    ("What Works Centre (2016)", "Effect that was given"), (None, "Effect that was given"),
])  # fmt: skip
def test_the_effect_that_a_decision_starts_from_is_called_what_it_is(source, words):
    head = {
        "kind": "overall",
        "outcome": "jobs",
        "outcome_unit": "jobs",
        "estimate": 2.0,
        "ci_low": None,
        "ci_high": None,
    }
    answer = {**head, "estimand": "NPV"}
    start = {**head, "estimand": "PILOT_EFFECT", "inference": source}
    assert beside([answer, start], answer) == [(words, "2 jobs")]


def test_simulated_studies_are_counted_apart():
    def effect(study, *, simulated):
        return Effect({"indicator": "jobs"}, "Jobs", study, study, "", "measure", (), 3, simulated)

    real, toy = effect("real", simulated=False), effect("toy", simulated=True)
    assert _counted("jobs", [real, toy, real], []) == "1 study (1 simulated)"
    assert _counted("jobs", [toy], [{"study": "x", "indicator": "jobs"}]) == "1 paper (1 simulated)"
    assert _counted("jobs", [toy], []) == "no evidence here (1 simulated)"
    assert _counted("rents", [real, toy], []) == "no evidence here"


@pytest.mark.parametrize(
    ("value", "words"), [(-0.5, "−0.5"), (-3, "−3"), (-20_000, "−20,000"), (-1e-7, "−1e−07"), ("a-b", "a-b")]
)
def test_numbers_below_zero_have_a_minus_that_is_one(value, words):
    assert cell(value) == words
