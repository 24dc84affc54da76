"""The decision card as a page: text stays text, a phone shows it, a printer needs one sheet."""

import io
import re

import pypdf
import pytest

from scale_impact.core.catalogue.indicator import load_indicators
from scale_impact.core.project import Project
from scale_impact.deciding import Decision
from scale_impact.report.decision_card import card_of, decision_card_page
from scale_impact.report.published import read_study
from scale_impact.scaleup.card import make_card
from scale_impact.scaleup.carding.warned import warned
from tests.browsing import DESK, PHONE, visiting
from tests.cards import ENDLESS, INDICATOR, ZONE, a_card, crowded_card
from tests.hostile import ALL, TEXTS
from tests.projects import towns
from tests.reports import (
    JOBS,
    MEASURE,
    SCALEUP,
    TRANSFER,
    check,
    empty,
    measure_study,
    scaleup_block,
    scaleup_rows,
    scaleup_study,
    transfer_rows,
    transfer_study,
)


def several_rules():
    """A decision for another city on several grounds, with a measurement to make first and data that are simulated."""
    rows, _ = scaleup_rows()
    held = [{"rule": r, "decision": "adapt", "holds": True} for r in ("measure", "payer", "unsure", "readiness")]
    first = [{"name": "A survey in two districts", "after_delay": 9e5, "cost": 2e5, "net": 7e5}]
    made = check(
        JOBS | {"study": "x"},
        "decision",
        "inconclusive",
        "r",
        {"rule": "measure", "decision": "adapt", "rules": held, "measurements": first},
    )
    others, other_checks = transfer_rows(TRANSFER)
    return make_card(
        rows, [made, *other_checks], measure=ZONE, indicator=INDICATOR, others=others, other_checks=other_checks, city="Oldtown",
        title="Should Oldtown have an enterprise zone?", warnings=warned(simulated=True, failed=["one", "two", "three", "four"]),
    )  # fmt: skip


KINDS = {
    "stop": lambda: a_card(),
    "adapt": lambda: a_card(decision="adapt", npv=31_000.0),
    "scale": lambda: a_card(decision="scale", npv=4_000_000.0),
    "several rules": several_rules,
    "nothing known": lambda: make_card([], []),
    "crowded": crowded_card,
    "hostile": lambda: a_card(
        title=ALL, note=ALL, partners=tuple(f"{k} {text}" for k, text in enumerate(TEXTS.values()))
    ),
}


@pytest.fixture
def written(tmp_path):
    def write(card, **options):
        path = tmp_path / "card.html"
        path.write_text(decision_card_page(card, **options), encoding="utf-8")
        return path

    return write


def pdf(visit):
    return pypdf.PdfReader(io.BytesIO(visit.page.pdf(prefer_css_page_size=True, print_background=True)))


# ---- without a browser -------------------------------------------------------------------------------------


def test_all_that_the_card_says_is_on_the_page():
    card = a_card()
    text = re.sub(r"<[^>]+>", " ", decision_card_page(card))
    for part in card.parts:
        assert part.title in text
        assert all(s.replace("'", "&#39;") in text for s in part.sentences)
    assert card.headline in text
    assert card.reason in text
    assert all(p.name in text and p.words in text and p.chance_words in text for p in card.partners)
    assert all(s in text for s in card.sources)


def test_the_page_is_one_file_without_script_or_address():
    html = decision_card_page(a_card())
    assert "<script" not in html
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", html) == ["data:,"]
    assert "url(" not in html
    assert "default-src 'none'" in html


def test_links_back_are_what_is_given():
    html = decision_card_page(a_card(), links=[("The study", "../zones/index.html")])
    assert '<a href="../zones/index.html">The study</a>' in html


def test_the_same_card_gives_the_same_bytes():
    assert decision_card_page(a_card()) == decision_card_page(a_card())


def deciding(tmp_path, *, simulated, failed=None):
    """The card of a decision on a transfer that puts together one study, whose data may be simulated."""
    place = empty(tmp_path)
    place.data(towns(), simulated=simulated)
    measure_study(place)
    transfer_study(place)
    scaleup_study(place)
    block = {"city": "Newtown", "here": {"people": 5000}, "studies": [MEASURE], "include": ["simulated", "unfrozen"]}
    own = dict.fromkeys(("source", "unit", "period", "treatment", "design", "estimators", "checks"), ...)
    place.study(TRANSFER, template="transfer", transfer=block, **own)
    place.study(
        SCALEUP, template="scale_up", scaleup=scaleup_block() | {"effect": {"study": TRANSFER}, "draws": 1000}, **own
    )
    if failed is not None:
        later = place.root / f"studies/{failed}/failed/executed.ipynb"
        later.parent.mkdir()
        later.write_text("{}", encoding="utf-8")
    project = Project(place.root)
    study = read_study(project, SCALEUP)
    run = study.runs[0]
    return card_of(project, study, run, load_indicators(place.root / "data/indicators/catalogue.csv")), run


def test_simulated_data_two_studies_below_the_decision_are_said_first(tmp_path):
    told = "The data are simulated. Nothing on this page is true of a real city."
    card, run = deciding(tmp_path / "true", simulated=True)
    assert (
        card.warnings == Decision(run.study).card.warnings == (told,)
    )  # on the page, and in the session and its figure
    card, run = deciding(tmp_path / "false", simulated=False)
    assert card.warnings == Decision(run.study).card.warnings == ()


def test_a_run_that_failed_two_studies_below_the_decision_is_named(tmp_path):
    told = f"A later run of {MEASURE} failed. The numbers are those of the run before."
    card, run = deciding(tmp_path, simulated=False, failed=MEASURE)
    assert card.warnings == (told,)
    assert Decision(run.study).card.warnings == ()  # a figure is published, and stays when the run is made again


# ---- in a browser ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_it_prints_on_exactly_one_page_of_a4_with_all_text_on_it(browser, written, kind):
    card = KINDS[kind]()
    with visiting(browser) as visit:
        visit.go(written(card))
        pages = pdf(visit).pages
        assert len(pages) == 1
        box = pages[0].mediabox
        assert (round(float(box.width)), round(float(box.height))) in {(595, 842), (596, 842), (595, 843)}
        printed = "".join(pages[0].extract_text().split())
        for part in card.parts:
            assert "".join(part.title.split()) in printed
        assert "Madefrompublishedresultsonly" in printed  # the last thing on the page is not cut off
        visit.page.emulate_media(media="print")
        visit.page.set_viewport_size({"width": 703, "height": 1039})  # A4 at 96 pixels an inch without the margins
        bottom = "document.querySelector('{}').getBoundingClientRect().bottom"
        assert visit.page.evaluate(bottom.format("footer")) <= visit.page.evaluate(bottom.format("body"))


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("kind", KINDS)
def test_it_fits_the_window_and_axe_finds_nothing_serious(browser, written, kind, width):
    with visiting(browser, width=width) as visit:
        visit.go(written(KINDS[kind](), links=[("The study", "card.html")]))
        assert visit.width() <= 0
        assert visit.violations(("minor", "moderate", "serious", "critical")) == []


def test_hostile_texts_are_shown_and_run_nothing(browser, written, tmp_path):
    card = KINDS["hostile"]()
    with visiting(browser) as visit:
        visit.go(written(card))
        assert (visit.ran, visit.dialogs, visit.errors, visit.outside(tmp_path)) == (0, [], [], [])
        assert visit.page.locator("h1").inner_text() == card.title
        assert "<script>" in visit.page.locator("h1").inner_text()
        names = [" ".join(name.split()) for name in visit.page.locator("tbody th").all_inner_texts()]
        assert names == [p.name for p in card.partners]
        assert visit.page.locator("img, iframe, script, a").count() == 0


def test_it_reads_the_same_without_scripts(browser, written):
    path = written(a_card())
    with visiting(browser) as with_scripts, visiting(browser, scripts=False) as without:
        assert with_scripts.go(path).page.inner_text("main") == without.go(path).page.inner_text("main")


def test_one_column_on_a_phone_and_two_on_a_desk(browser, written):
    path = written(a_card())
    for width, columns in ((PHONE, 1), (DESK, 2)):
        with visiting(browser, width=width) as visit:
            visit.go(path)
            lefts = visit.page.evaluate(
                "[...new Set([...document.querySelectorAll('section')].map(s => Math.round(s.getBoundingClientRect().left)))]"
            )
            assert len(lefts) == columns


def test_words_without_end_are_cut_and_do_not_widen_the_page(browser, written):
    with visiting(browser, width=PHONE) as visit:
        visit.go(written(a_card(title=ENDLESS, partners=(ENDLESS,))))
        assert visit.width() <= 0
