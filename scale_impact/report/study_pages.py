"""The pages of one study: a page a run, its notebook, its files; all under a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.evidence import ESTIMATE_FIELDS
from scale_impact.core.project import Project
from scale_impact.core.words import counted
from scale_impact.evidence.cards import Cards as DataCards
from scale_impact.report import answers, run_page, standing, tables
from scale_impact.report.decision_card import card_of, decision_card_page
from scale_impact.report.downloads import as_csv
from scale_impact.report.markup import Outline, markdown
from scale_impact.report.notebook import Pictures, read_notebook
from scale_impact.report.notebook import pages as notebook_pages
from scale_impact.report.own_files import is_own
from scale_impact.report.pages import cut, fitting, page, write_page
from scale_impact.report.pictures import pictures
from scale_impact.report.places import MOST, told
from scale_impact.report.published import OF_RUN, OF_STUDY, RunRead, StudyRead, tolerant
from scale_impact.report.slugs import slug
from scale_impact.report.summary import Effect, File, Mark, Summary

LONGEST = 20_000
"""Characters of a README that stand on the page; a longer one is a download."""


@dataclass(frozen=True)
class Made:
    """A run's page, with what lists say of it."""

    run: RunRead
    folder: str
    words: tuple[str, ...]
    marks: tuple[Mark, ...]
    level: int | None
    pages: int
    simulated: bool
    card: str

    @property
    def href(self) -> str:
        """Its address from the study's folder."""
        return f"{self.folder}index.html"


def write_study(
    project: Project, study: StudyRead, indicators: Mapping[str, Indicator], out: Path, crate: str | None
) -> Summary:
    """Write all pages of a study below ``out`` and say what the lists need; ``crate`` is the name of its zip there, if it has one."""
    here = out / "studies" / slug(study.slug)
    here.mkdir(parents=True, exist_ok=True)
    own = [*_copied(project, study, study.folder, here / "files", OF_STUDY), *_crate(here, crate)]
    several = len(study.runs) > 1 or study.runs[0].variant is not None
    made = [_write_run(project, study, run, indicators, here, own, several) for run in study.runs]
    if several:
        write_page(here / "index.html", _variants_page(project, study, made, indicators, own))
    return _summary(study, made, indicators, several)


def _crate(here: Path, crate: str | None) -> list[File]:
    if crate is None:
        return []
    return [File(crate, crate, "all that is needed to make it again (RO-Crate)", (here / crate).stat().st_size)]


def _copied(project: Project, study: StudyRead, source: Path, target: Path, names: Mapping[str, str]) -> list[File]:
    """Copy the files that are there and are the study's own; others are among its problems."""
    found = []
    for name, about in names.items():
        if (source / name).is_file() and is_own(project, study.folder, source / name):
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name, follow_symlinks=False)
            found.append(File(f"files/{name}", name, about, (target / name).stat().st_size))
    return found


# ---- a run ---------------------------------------------------------------------------------------------


def _write_run(
    project: Project,
    study: StudyRead,
    run: RunRead,
    indicators: Mapping[str, Indicator],
    here: Path,
    own: list[File],
    several: bool,
) -> Made:
    """The page of a run with its pictures, files and notebook."""
    folder = f"{slug(run.variant or 'results')}/" if several else ""
    at = here / folder
    at.mkdir(exist_ok=True)
    cards = run_page.read_cards(project, run.study)
    shown = _pictures(study, run, at)
    files = [*_copied(project, study, run.folder, at / "files", OF_RUN), *_tables(run, at)]
    notebook, wrong = _write_notebook(
        project, study, run, at, {name: f"figures/{s.file}" for name, s in shown.items()}, several
    )
    run = replace(run, problems=(*run.problems, *wrong))
    ground = DataCards(project).ground(study.slug, run.variant)
    found, judged = standing.marks(run, ground), standing.credibility(run)
    values = _values(project, study, run, several, own, files, found, (*study.problems, *cards.problems, *run.problems))
    values |= {"notebook": notebook, "plan": run_page.plan(run.study, run), "credibility": _credible(judged)}
    values["card_href"] = _card(project, study, run, indicators, at, values["problems"])

    def render(most: int) -> str:
        return page(
            "run.html.j2",
            "../../" + "../" * several,
            **values,
            **run_page.content(study, run, cards, indicators, shown, most),
        )

    write_page(at / "index.html", fitting(render))
    words = tuple(answers.sentence(row, indicators) for row in answers.main_rows(run)[:4])
    return Made(
        run,
        folder,
        words,
        found,
        None if judged is None else judged.level,
        1 + notebook + bool(values["card_href"]),
        bool(ground.simulated),
        values["card_href"],
    )


def _values(
    project: Project,
    study: StudyRead,
    run: RunRead,
    several: bool,
    own: list[File],
    files: list[File],
    marks: tuple[Mark, ...],
    problems: tuple[str, ...],
) -> dict[str, Any]:
    """What the page says beside the rows."""
    up = "../" if several else ""
    others = [_other(one, run) for one in study.runs[:100]] if several else []
    return {
        "here": "Studies", "study_href": "../index.html", "marks": marks, "problems": list(dict.fromkeys(problems)), "variants": others,
        "verdicts": standing.verdicts(run.checks), "files": [*files, *(replace(f, href=up + f.href) for f in own)],
        "readme": None if several else readme(project, study),
    }  # fmt: skip


def _other(one: RunRead, here: RunRead) -> dict[str, Any]:
    """A variant in the list of a variant's page."""
    name = one.variant or "results"
    return {
        "href": f"../{slug(name)}/index.html",
        "name": name,
        "here": one is here,
        "words": "published" if one.ran else "not run yet",
    }


def _credible(judged: Any) -> dict[str, str] | None:
    return None if judged is None else {"word": standing.level_words(judged.level), "why": judged.rule}


CARD = "decision_card"
"""The figure of the card, where a run has published it."""


def _card(
    project: Project, study: StudyRead, run: RunRead, indicators: Mapping[str, Indicator], at: Path, problems: list[str]
) -> str:
    """Write the decision card; its address, empty where the study decides nothing or its rows do not make one, which is a problem."""
    card = tolerant(lambda: card_of(project, study, run, indicators), problems)
    if card is None:
        return ""
    there = run.figures.get(CARD)
    picture = (
        []
        if there is None
        else [("The card as a picture (for a PDF print this page)", f"figures/{slug(CARD)}{there.suffix}")]
    )
    links = [("The study", "index.html"), *picture]
    write_page(at / "decision-card.html", decision_card_page(card, links=links))
    return "decision-card.html"


def readme(project: Project, study: StudyRead) -> Markup | None:
    """What the author says, where it is not too long for a page."""
    path = study.folder / "README.md"
    if not is_own(project, study.folder, path):
        return None
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    if len(text) > LONGEST:
        return Markup("<p>{}</p>").format("It is long: README.md, among the downloads.")
    lines = text.lstrip("\ufeff").splitlines()
    body = "\n".join(lines[1:] if lines and lines[0].startswith("# ") else lines)
    return markdown(body, Outline(top=3, last=2)) if body.strip() else None


def _pictures(study: StudyRead, run: RunRead, at: Path) -> dict[str, run_page.Shown]:
    """Copy the figures, and say where each lies."""
    found = {}
    for one in pictures(run, study.title):
        source = run.figures[one.name]
        file = slug(one.name) + source.suffix
        (at / "figures").mkdir(exist_ok=True)
        shutil.copyfile(source, at / "figures" / file, follow_symlinks=False)
        found[one.name] = run_page.Shown(file, one.alt, one.caption, run_page.picture_size(source))
    return found


def _tables(run: RunRead, at: Path) -> list[File]:
    """Estimates as a table for spreadsheets, no text of which is a formula."""
    if not run.estimates:
        return []
    target = at / "files" / "estimates.csv"
    write_page(target, as_csv(run.estimates, ESTIMATE_FIELDS))
    return [File("files/estimates.csv", "estimates.csv", "every estimate, for spreadsheets", target.stat().st_size)]


def _write_notebook(
    project: Project, study: StudyRead, run: RunRead, at: Path, figures: Mapping[str, str], several: bool
) -> tuple[int, list[str]]:
    """The executed notebook in pages; how many, and what is wrong with it."""
    path = run.folder / "executed.ipynb"
    if not path.is_file() or not is_own(project, study.folder, path):
        return 0, []
    try:
        found = notebook_pages(read_notebook(path), Pictures(at, "notebook-", run.figures, figures), study.title[:80])
    except (OSError, ValueError, RecursionError) as error:
        return 0, [f"{project.relative(path)} cannot be shown: {cut(error, 200)}. Run the study again."]
    for k, blocks in enumerate(found, 1):
        text = page(
            "notebook.html.j2", "../../" + "../" * several, title=study.title, variant=run.variant, blocks=blocks, here=k, of=len(found), address=_address,
        )  # fmt: skip
        write_page(at / _address(k), text)
    return len(found), []


def _address(k: int) -> str:
    return "notebook.html" if k == 1 else f"notebook-{k}.html"


# ---- several runs, and the lists -----------------------------------------------------------------------


def _variants_page(
    project: Project, study: StudyRead, made: list[Made], indicators: Mapping[str, Indicator], own: list[File]
) -> str:
    """The page of a study with variants: their main answers side by side."""

    def render(most: int) -> str:
        rows = [(m, row) for m in made for row in answers.main_rows(m.run)[:1]]
        groups: dict[tuple[str, str], list[tuple[Made, Any]]] = {}
        for m, row in rows:
            groups.setdefault((str(row["outcome"]), str(row["outcome_unit"])), []).append((m, row))
        made_tables = [_side_by_side(group, indicators, most) for group in groups.values()][:10]
        listed = [
            {
                "href": m.href,
                "name": m.run.variant or "results",
                "words": " ".join(m.words),
                "verdicts": standing.verdicts(m.run.checks),
                "marks": m.marks,
            }
            for m in made[:most]
        ]
        return page(
            "variants.html.j2", "../../", here="Studies", title=study.title, question=str(study.raw.get("question") or ""),
            about=run_page.about(study, study.first, answers.kind_of(study.first)), problems=list(study.problems), count=len(made), tables=made_tables,
            variants=listed, more=max(len(made) - most, 0), readme=readme(project, study), commands=run_page.commands(study.slug), files=own,
        )  # fmt: skip

    return fitting(render)


def _side_by_side(group: list[tuple[Made, Any]], indicators: Mapping[str, Indicator], most: int) -> tables.NumberTable:
    by_row = {id(row): m for m, row in group}
    rows = [row for _, row in group]
    return tables.number_table(
        tables.unit_words(rows[0], indicators), rows, most, lambda r: by_row[id(r)].run.variant or "results", head="variant",
        note=lambda r: str(r["estimator"]).replace("_", " "), href=lambda r: by_row[id(r)].href, where="on the pages of the variants",
    )  # fmt: skip


def _summary(study: StudyRead, made: list[Made], indicators: Mapping[str, Indicator], several: bool) -> Summary:
    """What the lists say of a study: of several runs the first that published speaks for all."""
    first = next((m for m in made if m.run.ran), made[0])
    folder, kind = f"studies/{slug(study.slug)}/", answers.kind_of(first.run)
    ways = f" · {counted(len(made), 'variant')}" if several else ""
    wrong = [*study.problems, *(p for m in made for p in m.run.problems)]
    checks = [c for m in made for c in m.run.checks]
    return Summary(
        slug=study.slug, href=f"{folder}index.html", title=study.title, question=cut(study.raw.get("question") or "", 5000), kind=kind,
        **_found_by(made, indicators), design=str(study.raw.get("template") or ""), credibility=first.level, words=first.words,
        verdicts=standing.verdicts(checks), marks=_unique(m for one in made for m in one.marks), problems=tuple(dict.fromkeys(wrong)),
        effects=tuple(e for m in made for e in _effects(study, m, indicators, folder)), places=_places(made, folder),
        about=run_page.about(study, first.run, kind) + ways, estimates=sum(len(m.run.estimates) for m in made), checks=len(checks),
        pages=sum(m.pages for m in made) + several,
    )  # fmt: skip


def _found_by(made: list[Made], indicators: Mapping[str, Indicator]) -> dict[str, tuple[str, ...]]:
    """Measures, dimensions and indicators of a study: of its rows, and of its keys where it has none yet."""
    rows = [row for m in made for row in m.run.estimates]
    settings = [m.run.study.settings for m in made if m.run.study is not None]
    named = {str(r["indicator"]) for r in rows if r["indicator"]} | {o.indicator for s in settings for o in s.outcomes}
    measures = {str(r["measure"]) for r in rows if r["measure"]} | {s.measure for s in settings if s.measure}
    known = {indicators[n].dimension for n in named if n in indicators}
    dimensions = known | {str(r["dimension"]) for r in rows if r["dimension"]}
    return {
        "measures": tuple(sorted(measures)),
        "dimensions": tuple(sorted(dimensions)),
        "indicators": tuple(sorted(named)),
    }


def _unique(marks: Any) -> tuple[Mark, ...]:
    """Each mark once, by its word; which checks failed, lists say by their verdicts."""
    return tuple({mark.word: mark for mark in marks if mark.word != standing.FAILED_CHECKS}.values())[:6]


def _effects(study: StudyRead, made: Made, indicators: Mapping[str, Indicator], folder: str) -> list[Effect]:
    kind = answers.kind_of(made.run)
    title = study.title if made.run.variant is None else f"{study.title} ({made.run.variant})"
    return [
        Effect(
            row,
            answers.name_of(row, indicators),
            study.slug,
            cut(title, 160),
            folder + made.href,
            kind,
            made.marks,
            made.level,
            made.simulated,
        )
        for row in answers.main_rows(made.run)
        if row["measure"]
    ]


def _places(made: list[Made], folder: str) -> tuple[Any, ...]:
    """What the runs say of places, at most so many places a run."""
    found = []
    for one in made:
        said = told(one.run)
        kept = set(list(dict.fromkeys(t.place for t in said))[:MOST])
        card = folder + one.folder + one.card if one.card else ""
        marks = tuple(mark.word for mark in _unique(one.marks) if mark.tone == "bad")
        found += [
            (replace(t, marks=marks, card=card if t.what == "decision" else ""), folder + one.href)
            for t in said
            if t.place in kept
        ]
    return tuple(found)
