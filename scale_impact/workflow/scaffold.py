"""A new study folder from a template, which runs as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from scale_impact.core.parameters import declared
from scale_impact.core.project import Project
from scale_impact.core.settings import BLOCKS, kind_of
from scale_impact.core.template import read_template
from scale_impact.core.yaml_file import read_yaml
from scale_impact.errors import UsageError

HEADER = """\
# A study{of_city}. It runs as it is, on the data of {example}: try `scale-impact run {slug}` first.
# Then make it yours, from top to bottom:
#   1. title and question: what do you want to know?
#   2. source: describe your data in data/sources/<name>.yaml and name it here
#      (copy data/sources/{source}.yaml; `scale-impact check {slug}` tells you what is missing, the hash too)
#   3. unit, period, outcomes, treatment: which columns hold them
#   4. measure and indicator: cards in data/measures/ and lines in data/indicators/catalogue.csv
#   5. `scale-impact check {slug}` finds everything that is wrong before anything runs
"""

OF_BENCHMARK = """\
# A benchmark{of_city}. It runs as it is, on the data of {example}: try `scale-impact run {slug}` first.
# Then make it yours, from top to bottom:
#   1. title and question: which cities, judged by what, for whom?
#   2. source: describe your data in data/sources/<name>.yaml and name it here
#      (copy data/sources/{source}.yaml; `scale-impact check {slug}` tells you what is missing, the hash too)
#   3. unit, period, outcomes: which columns say how good a city is; each with its indicator (lines in
#      data/indicators/catalogue.csv) and its goalposts, the values that count 0 and 100
#   4. benchmark.context: what a city cannot choose; benchmark.city: whom the page is about
#   5. `scale-impact check {slug}` finds everything that is wrong before anything runs
"""


OF_TRANSFER = """\
# What the next city may expect{of_city}. It runs as it is, on the data of {example}: try `scale-impact run {slug}` first.
# Then make it yours, from top to bottom:
#   1. title and question: which measure, for which city?
#   2. source: describe your data in data/sources/<name>.yaml and name it here
#      (copy data/sources/{source}.yaml; `scale-impact check {slug}` tells you what is missing, the hash too)
#   3. unit, period, outcomes, treatment: which cities had the measure since when; or, instead of treatment,
#      transfer.studies and transfer.papers: whose published effects are put together
#   4. transfer.city: who asks; transfer.context: what cities are compared on; transfer.target: what would be enough
#   5. `scale-impact check {slug}` finds everything that is wrong before anything runs
"""

OF_SCALEUP = """\
# A decision about a scale-up{of_city}. It runs as it is, on the rows that {example} reads: try `scale-impact run {slug}` first.
# Then make it yours, from top to bottom:
#   1. title and question: which measure, for which city, who has to decide?
#   2. scaleup.effect: the study whose published effect is scaled
#   3. scaleup: reach, voltage, partners, flows with year, currency and source, rules of the decision, readiness
#   4. `scale-impact check {slug}` finds everything that is wrong before anything runs
"""

HEADERS = {"measure": HEADER, "benchmark": OF_BENCHMARK, "transfer": OF_TRANSFER, "scaleup": OF_SCALEUP}


def new_study(slug: str, template: str, city: str | None = None) -> Path:
    """Write ``studies/<slug>/study.yaml`` from the study that a template runs by default.

    Raises
    ------
    UsageError
        The slug is no folder name or taken; there is no such template.
    """
    project = Project.find()
    folder = project.studies / slug
    _refuse(slug, folder, template, project)
    example = _default_study(project.template(template))
    if example not in project.keys("studies"):
        raise UsageError(f"studies/{example}, which {template} runs by default, is not here: nothing to start from.")
    text = (project.studies / example / "study.yaml").read_text(encoding="utf-8")
    raw, _ = read_yaml(project.studies / example / "study.yaml")
    city = " ".join((city or "").split())
    header = HEADERS[kind_of(raw)].format(
        slug=slug, example=f"studies/{example}", source=raw.get("source"), of_city=f" of {city}" if city else ""
    )
    title = json.dumps(f"{raw['title']} ({city or slug.replace('-', ' ')})", ensure_ascii=False)
    if city and (asks := kind_of(raw)) in BLOCKS:  # the example answers for a city of its own data
        title = json.dumps(f"{raw['title']} ({slug.replace('-', ' ')})", ensure_ascii=False)
        header += f"# The answer is about {raw[asks]['city']}, a city of the example's data. Write {asks}.city: {city} once your data are in.\n"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"studies/{slug} cannot be made: {error.strerror}.") from error
    (folder / "study.yaml").write_text(header + _retitled(text, title), encoding="utf-8")
    return folder


def _refuse(slug: str, folder: Path, template: str, project: Project) -> None:
    problems = []
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", slug):
        problems.append(f"{slug!r} is no name for a study: use small letters, digits and hyphens, such as my-city.")
    elif folder.exists():
        problems.append(f"studies/{slug} is there already. Choose another name or remove it.")
    if template not in project.keys("templates"):
        there = ", ".join(project.keys("templates"))
        problems.append(
            f"There is no template {template!r}. There are {there}."
            if template
            else f"Name a template: --template {there.replace(', ', ' or ')}."
        )
    if problems:
        raise UsageError(problems)


def _default_study(template: Path) -> str:
    """The study named in a template's parameters cell."""
    for parameter in declared(read_template(template).parameters):
        if parameter.name == "study" and isinstance(parameter.default, str):
            return parameter.default
    raise UsageError(f"{template.name} names no study in its parameters cell, so there is nothing to start from.")


def _retitled(text: str, title: str) -> str:
    return re.sub(r"^title: .*$", lambda _: f"title: {title}", text, count=1, flags=re.MULTILINE)
