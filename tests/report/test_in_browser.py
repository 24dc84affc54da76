"""The report in a real Chromium: filters, links, keyboard, phone, print, without scripts, accessibility, hostile texts."""

import io
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pypdf
import pytest

from scale_impact.core.project import Project
from scale_impact.report.site import write_site
from tests.browsing import DESK, PHONE, visiting
from tests.hostile import ALL, TEXTS, hostile
from tests.reports import MEASURE, NOT_RUN, SCALEUP, TRANSFER, VARIANTS, small

LINKS = """() => [...document.querySelectorAll('a[href], area[href]')].map(a => ({to: a.getAttribute('href'), url: a.href, text: a.innerText.trim(),
    rel: a.rel}))"""
IDS = "() => [...document.querySelectorAll('[id], a[name]')].map(e => e.id || e.name)"
SOURCES = "() => [...document.querySelectorAll('[src]')].map(e => e.src).concat([...document.querySelectorAll('link[href]')].map(e => e.href))"
ABOUT = """() => ({text: document.querySelector('main')?.innerText || '', lang: document.documentElement.lang, title: document.title.trim(),
    headings: document.querySelectorAll('h1').length, mains: document.querySelectorAll('main').length})"""
FOCUS = "() => { const e = document.activeElement; return [e.tagName, e.id, e.getAttribute('href') || ''] }"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The report of a project with a study of each kind."""
    root = tmp_path_factory.mktemp("small")
    return write_site(Project(small(root / "project").root), root / "site", processes=1).folder


@pytest.fixture(scope="session")
def hostile_site(tmp_path_factory):
    """The report of a project whose texts try to break it."""
    root = tmp_path_factory.mktemp("hostile")
    return write_site(Project(hostile(root / "project").root), root / "site", processes=1).folder


@pytest.fixture(scope="session")
def followed(browser, site):
    """Every page that links lead to from the first one on, with what was seen on it."""
    return crawled(browser, site)


def crawled(browser, folder, *, first="index.html"):
    """Follow every link of a report, each page once: what was seen on each."""
    waiting, found = [folder / first], {}
    with visiting(browser) as visit:
        while waiting:
            path = waiting.pop()
            if path in found:
                continue
            visit.go(path)
            page = visit.page
            seen = {
                "links": page.evaluate(LINKS),
                "ids": page.evaluate(IDS),
                "sources": page.evaluate(SOURCES),
                **page.evaluate(ABOUT),
            }
            noted = {
                "errors": list(visit.errors),
                "outside": visit.outside(folder),
                "dialogs": list(visit.dialogs),
                "ran": visit.ran,
            }
            found[path] = seen | noted
            waiting += [
                p
                for link in found[path]["links"]
                if (p := target(link["url"])) is not None and p.suffix == ".html" and p.is_file()
            ]
    return found


@lru_cache(maxsize=100_000)
def target(url):
    """The file that an address leads to; None for addresses elsewhere."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def kinds(folder):
    """A page of each kind, by what it is."""
    studies = folder / "studies"
    return {
        "overview": folder / "index.html",
        "map": folder / "map.html",
        "measures": folder / "measures/index.html",
        "measure": folder / "measures/enterprise_zone.html",
        "cities": folder / "cities/index.html",
        "city": next((folder / "cities").glob("newtown*.html")),
        "data": folder / "data/index.html",
        "study": studies / MEASURE / "index.html",
        "notebook": studies / MEASURE / "notebook.html",
        "benchmark": studies / "towns-among-towns/index.html",
        "transfer": studies / TRANSFER / "index.html",
        "scale-up": studies / SCALEUP / "index.html",
        "decision card": studies / SCALEUP / "decision-card.html",
        "variants": studies / VARIANTS / "index.html",
        "variant": studies / VARIANTS / "early/index.html",
        "not run": studies / NOT_RUN / "index.html",
    }


# ---- links -------------------------------------------------------------------------------------------------


def test_every_link_of_the_report_leads_to_a_file_that_is_there_and_is_not_empty(followed, site):
    broken = [
        f"{path.relative_to(site)}: {link['to']} ({link['text'][:40]})"
        for path, seen in followed.items()
        for link in seen["links"]
        if (at := target(link["url"])) is not None
        and not (at.is_file() and at.is_relative_to(site) and at.stat().st_size)
    ]
    assert not broken
    assert sum(len(seen["links"]) for seen in followed.values()) > 250


def test_every_anchor_is_there(followed, site):
    broken = []
    for path, seen in followed.items():
        for link in seen["links"]:
            at, anchor = target(link["url"]), unquote(urlsplit(link["url"]).fragment)
            if anchor and at in followed and "=" not in anchor and anchor not in followed[at]["ids"]:
                broken.append(f"{path.relative_to(site)}: {link['to']}")
    assert not broken


def test_every_page_is_reached_by_links(followed, site):
    assert set(site.rglob("*.html")) == set(followed)


def test_no_page_has_an_error_on_its_console_or_asks_for_anything_outside_of_its_folder(followed, site):
    wrong = {
        p.relative_to(site).as_posix(): s["errors"] + s["outside"] + s["dialogs"]
        for p, s in followed.items()
        if s["errors"] or s["outside"] or s["dialogs"]
    }
    assert wrong == {}
    assert all(url.startswith((site.as_uri(), "data:")) for s in followed.values() for url in s["sources"])


def test_no_id_stands_twice_on_a_page(followed, site):
    twice = {
        p.relative_to(site).as_posix(): i for p, s in followed.items() for i in s["ids"] if i and s["ids"].count(i) > 1
    }
    assert twice == {}


def test_links_that_lead_elsewhere_are_web_addresses_that_learn_nothing_of_the_reader(followed):
    others = [link for seen in followed.values() for link in seen["links"] if target(link["url"]) is None]
    assert all(urlsplit(link["url"]).scheme in ("http", "https", "mailto") for link in others)
    assert all("noopener" in link["rel"] and "noreferrer" in link["rel"] for link in others)


# ---- search and filters ------------------------------------------------------------------------------------


def listed(visit):
    """Titles of the studies that the overview shows."""
    return [" ".join(t.split()) for t in visit.page.locator("#studies > li").all_inner_texts()]


def searched(visit, words):
    visit.page.fill("#search", words)
    visit.page.wait_for_timeout(250)  # the page waits for the end of the word
    return listed(visit)


def test_search_finds_a_study_by_a_word_and_says_how_many(browser, site):
    with visiting(browser) as visit:
        visit.go(site / "index.html")
        everything = listed(visit)
        assert len(everything) == 6
        found = searched(visit, "next-town")
        assert 0 < len(found) < len(everything)
        assert str(len(found)) in visit.page.inner_text("#matches")
        assert searched(visit, "no such study anywhere") == []
        assert "No study" in visit.page.inner_text("#matches")
        visit.page.click("button[type=reset]")
        visit.page.wait_for_timeout(250)
        assert listed(visit) == everything


def test_search_does_not_mind_accents_capitals_and_order(browser, site):
    with visiting(browser) as visit:
        visit.go(site / "index.html")
        assert searched(visit, "JOBS ZÖNES") == searched(visit, "zones jobs") != []


def test_each_filter_leaves_those_that_fit_and_all_of_them_are_found_by_some_choice(browser, site):
    with visiting(browser) as visit:
        visit.go(site / "index.html")
        everything = set(listed(visit))
        for box in visit.page.locator("#filters select").all():
            union = set()
            for value in [o.get_attribute("value") for o in box.locator("option").all()]:
                if value:
                    box.select_option(value)
                    visit.page.wait_for_timeout(150)
                    shown = listed(visit)
                    assert shown, value
                    assert set(shown) <= everything
                    union |= set(shown)
            assert union, box.get_attribute("name")
            box.select_option("")
        visit.page.wait_for_timeout(150)
        assert set(listed(visit)) == everything


def test_a_study_opens_from_the_list_and_back_keeps_the_search(browser, site):
    with visiting(browser) as visit:
        visit.go(site / "index.html")
        searched(visit, "next-town")
        visit.page.locator("#studies a").first.click()
        assert visit.page.locator("h1").inner_text() == "Do zones bring jobs?"
        assert "/studies/" in visit.page.url
        visit.page.go_back()
        visit.page.wait_for_timeout(250)
        assert visit.page.input_value("#search") == "next-town"
        assert len(listed(visit)) < 6
        assert visit.errors == []


# ---- keyboard ----------------------------------------------------------------------------------------------


def test_the_keyboard_alone_reaches_search_filters_and_results_in_the_order_of_the_page(browser, site):
    with visiting(browser) as visit:
        visit.go(site / "index.html")
        path = []
        for _ in range(60):
            visit.page.keyboard.press("Tab")
            path.append(tuple(visit.page.evaluate(FOCUS)))
            assert visit.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle !== 'none'"), path[
                -1
            ]
            if "studies/" in path[-1][2]:
                break
        reached = [p[1] for p in path]
        assert path[0][2] == "#content"  # past the navigation at once
        boxes = [b.get_attribute("id") for b in visit.page.locator("#filters select").all()]
        assert all(box in reached for box in ["search", *boxes, "city"])
        assert reached.index("search") < min(map(reached.index, boxes))
        assert "studies/" in path[-1][2]
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url("**/studies/**")
        assert visit.page.locator("h1").inner_text() == "Do zones bring jobs?"


def test_the_first_link_leads_past_the_navigation(browser, site):
    with visiting(browser) as visit:
        visit.go(site / "index.html")
        visit.page.keyboard.press("Tab")
        assert visit.page.locator(":focus").is_visible()
        visit.page.keyboard.press("Enter")
        assert (
            visit.page.evaluate("() => document.activeElement.id || document.querySelector(location.hash).id")
            == "content"
        )


def test_what_scrolls_to_the_side_can_be_reached_by_keyboard(browser, site):
    script = """() => [...document.querySelectorAll('main *')].filter(e => e.scrollWidth > e.clientWidth + 1 && ['auto', 'scroll'].includes(
        getComputedStyle(e).overflowX) && e.tabIndex < 0 && !e.querySelector('a, button, input, select, [tabindex]')).map(e => e.outerHTML.slice(0, 120))"""
    with visiting(browser, width=PHONE) as visit:
        for path in kinds(site).values():
            assert visit.go(path).page.evaluate(script) == []


# ---- accessibility, phone, print, without scripts ----------------------------------------------------------


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_axe_finds_nothing_serious_on_any_kind_of_page(browser, site, width):
    with visiting(browser, width=width) as visit:
        found = {kind: v for kind, path in kinds(site).items() if (v := visit.go(path).violations())}
    assert found == {}


def test_no_kind_of_page_is_wider_than_a_phone(browser, site):
    with visiting(browser, width=PHONE) as visit:
        wide = {kind: by for kind, path in kinds(site).items() if (by := visit.go(path).width()) > 0}
    assert wide == {}


def test_targets_on_a_phone_are_large_enough_for_a_finger(browser, site):
    """WCAG 2.2, 2.5.8: 24 pixels, but for links within sentences."""
    script = """() => [...document.querySelectorAll('button, input, select, nav a, summary')].filter(e => {
        const r = e.getBoundingClientRect(); return r.width > 2 && r.height > 2 && (r.width < 24 || r.height < 24) }).map(e => e.outerHTML.slice(0, 80))"""
    with visiting(browser, width=PHONE) as visit:
        small_ones = {kind: e for kind, path in kinds(site).items() if (e := visit.go(path).page.evaluate(script))}
    assert small_ones == {}


def test_each_page_says_its_language_and_has_a_title_one_heading_and_one_main(followed, site):
    wrong = {
        path.relative_to(site).as_posix(): (seen["lang"], seen["title"], seen["headings"], seen["mains"])
        for path, seen in followed.items()
        if (seen["lang"], bool(seen["title"]), seen["headings"], seen["mains"]) != ("en", True, 1, 1)
    }
    assert wrong == {}


def test_without_scripts_all_is_readable_and_links_work(browser, site):
    with visiting(browser, scripts=False) as visit:
        visit.go(site / "index.html")
        assert visit.page.locator("#studies > li").count() == 6
        assert visit.page.locator("#filters").is_hidden()  # nothing is offered that does nothing
        visit.page.locator("#studies a").first.click()
        assert visit.page.locator("h1").inner_text() == "Do zones bring jobs?"


def test_each_page_has_the_same_text_without_scripts_but_for_the_form(browser, site, followed):
    with visiting(browser, scripts=False) as visit:
        for kind, path in kinds(site).items():
            if kind != "overview":
                text = visit.go(path).page.inner_text("main")
                assert text.split() == followed[path]["text"].split(), kind
                assert len(text) > 100, kind


def test_in_print_each_page_keeps_its_text_and_loses_what_cannot_be_clicked(browser, site):
    with visiting(browser) as visit:
        for kind in ("overview", "map", "study", "scale-up", "decision card"):
            visit.go(kinds(site)[kind])
            heading = "".join(visit.page.locator("h1").inner_text().split())
            pages = pypdf.PdfReader(io.BytesIO(visit.page.pdf(format="A4"))).pages
            text = "".join("".join(p.extract_text().split()) for p in pages)
            assert heading in text, kind
            assert "Skiptocontent" not in text, kind
            assert "Clearall" not in text, kind
            assert len(pages) == (1 if kind == "decision card" else len(pages))


def test_colours_are_never_the_only_sign(browser, site):
    """Each verdict is a word too."""
    with visiting(browser) as visit:
        page = visit.go(kinds(site)["study"]).page
        words = " ".join(page.inner_text("main").lower().split())
        assert all(word in words for word in ("passed", "failed", "inconclusive", "not applicable"))


# ---- hostile texts -----------------------------------------------------------------------------------------


def test_hostile_texts_run_nothing_on_any_page(browser, hostile_site):
    found = crawled(browser, hostile_site)
    assert len(found) > 80
    wrong = {
        p.relative_to(hostile_site).as_posix(): (s["ran"], s["dialogs"], s["outside"], s["errors"][:3])
        for p, s in found.items()
        if s["ran"] or s["dialogs"] or s["outside"] or s["errors"]
    }
    assert wrong == {}
    schemes = {urlsplit(link["to"]).scheme.lower() for s in found.values() for link in s["links"]}
    assert schemes <= {"", "http", "https", "mailto"}
    broken = [
        link["to"] for s in found.values() for link in s["links"] if (at := target(link["url"])) and not at.is_file()
    ]
    assert broken == []


def test_hostile_titles_are_shown_as_they_are_written(browser, hostile_site):
    with visiting(browser) as visit:
        for name, text in TEXTS.items():
            visit.go(hostile_site / "studies" / f"hostile-{name.replace('_', '-')}" / "index.html")
            shown, wanted = " ".join(visit.page.locator("h1").inner_text().split()), " ".join(text.split())
            assert shown == wanted or (len(wanted) > 500 and wanted.startswith(shown.rstrip("…")[:200])), name
            assert visit.page.title().strip(), name


def test_hostile_titles_are_searched_and_listed_as_text(browser, hostile_site):
    with visiting(browser) as visit:
        visit.go(hostile_site / "index.html")
        assert searched(visit, "<script>window") != []
        assert any("<script>" in text for text in listed(visit))
        assert (visit.ran, visit.dialogs, visit.errors) == (0, [], [])
        visit.go(hostile_site / "index.html", "#search=%3Cimg%20src%3Dx%20onerror%3Dwindow.__ran%3D1%3E")
        visit.page.wait_for_timeout(200)
        assert (visit.ran, visit.dialogs) == (0, [])


def test_hostile_texts_do_not_widen_pages_or_break_accessibility_on_a_phone(browser, hostile_site):
    studies = hostile_site / "studies"
    paths = [
        hostile_site / "index.html",
        hostile_site / "map.html",
        hostile_site / "measures/hostile.html",
        hostile_site / "cities/index.html",
    ]
    paths += [
        studies / f"hostile-{name}" / page
        for name in ("script", "long", "right-to-left")
        for page in ("index.html", "notebook.html")
    ]
    paths += [studies / slug / "index.html" for slug in (SCALEUP, TRANSFER, VARIANTS)] + [
        studies / SCALEUP / "decision-card.html"
    ]
    with visiting(browser, width=PHONE) as visit:
        wrong = {}
        for path in paths:
            visit.go(path)
            if (by := visit.width()) > 0 or (found := visit.violations()):
                wrong[path.relative_to(hostile_site).as_posix()] = by if by > 0 else found
    assert wrong == {}


def test_text_that_runs_from_right_to_left_does_not_turn_what_stands_beside_it_around(browser, hostile_site):
    with visiting(browser) as visit:
        visit.go(hostile_site / "studies/hostile-right-to-left/index.html")
        heading = visit.page.locator("h1")
        assert heading.evaluate("e => getComputedStyle(e).direction") in ("rtl", "ltr")
        assert visit.page.evaluate("getComputedStyle(document.body).direction") == "ltr"
        isolated = "e => e.closest('[dir=auto], bdi') !== null || ['isolate', 'plaintext', 'isolate-override'].includes(getComputedStyle(e).unicodeBidi)"
        assert heading.evaluate(isolated)


def test_the_fixture_is_as_hostile_as_it_says():
    """A browser that shows such a text as it is does run it: the guard would notice."""
    assert "<script>" in ALL
    assert max(map(len, TEXTS.values())) >= 9_990


def test_a_page_that_did_not_escape_would_be_caught(browser, tmp_path):
    (tmp_path / "x.html").write_text(
        f"<!DOCTYPE html><title>x</title>{TEXTS['script']}{TEXTS['attribute'][2:]}", encoding="utf-8"
    )
    with visiting(browser) as visit:
        visit.go(tmp_path / "x.html")
        visit.page.wait_for_timeout(100)
        assert visit.ran >= 2
        assert visit.errors or visit.outside(tmp_path) or visit.ran
