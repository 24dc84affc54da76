"""A frozen plan as a text that can be handed to a registry.

The questions are those of the OSF's form for secondary data and of van den Akker et al. (2021,
Meta-Psychology 5, "Preregistration of secondary data analysis: A template and tutorial"); the last
section has the fields of the AEA RCT Registry. What the study's files say is filled in; what only
its author knows is marked, never invented.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scale_impact.core.frozen_plan import FrozenPlan, Version, canonical, in_words
from scale_impact.core.simulated import kinds_in_words
from scale_impact.core.words import counted, plain

Plan = Mapping[str, Any]
MARK = "<to be written: "
"""Begins what only the author knows."""

Section = tuple[str, str]
"""A heading and what stands under it."""


def to_write(what: str) -> str:
    """A mark for what the author has to add."""
    return f"`{MARK}{what}>`"


def left_to_write(text: str) -> int:
    """How many places are left to the author; that which explains the mark does not count."""
    return text.count(MARK) - text.count(f"{MARK}...>")


def as_text(plan: FrozenPlan) -> str:
    """The whole text: the plan as it was frozen first, then its amendments."""
    first, amendments = plan.versions[0], plan.versions[1:]
    body = [_head(first), *(section for part in PARTS for section in part(first.plan))]
    changed = [amendment(before, v, k) for k, (before, v) in enumerate(zip(plan.versions, amendments, strict=False), 1)]
    return "\n".join([*body, *changed])


def _head(version: Version) -> str:
    plan = version.plan
    late = f"\n\n**Results existed when this plan was frozen:** {plan['results']}" if plan.get("results") else ""
    return (
        f"# Analysis plan: {plan['settings']['title']}\n\n"
        f"Frozen on {version.when} by scale_impact {plan['package']['version']}; SHA-256 of the plan `{version.hash}` "
        "(`plan.json`, which holds it in full and does not fit its hash once it is edited). The hash proves what was planned; "
        "that it was planned on this date is proved by a registry, or by a commit that was pushed. What stands as "
        f"{to_write('...')} only the author knows.{late}\n"
    )


def _part(title: str, sections: Iterable[Section]) -> list[str]:
    return [f"## {title}\n", *(f"### {heading}\n\n{text}\n" for heading, text in sections)]


def _list(items: Iterable[str], nothing: str) -> str:
    return "\n".join(f"- {item}" for item in items) or nothing


# ---- the parts ----------------------------------------------------------------------------------------


def _moves(expected: Sequence[str] | Mapping[str, str | None]) -> str:
    """Indicators that the measure's card expects to move, with the way where it says one."""
    ways = expected if isinstance(expected, Mapping) else dict.fromkeys(expected)
    return ", ".join(f"{name} ({way})" if way else name for name, way in ways.items())


def _information(plan: Plan) -> list[str]:
    settings, measure = plan["settings"], plan["measures"][plan["settings"]["measure"]]
    moves = _moves(measure["expected"])
    expected = f"By its card the measure should move: {moves}." if moves else "The measure's card names no indicator."
    hypotheses = (
        f"{expected} How it should work: {measure['mechanism'].strip()}\n\n"
        f"{to_write('each hypothesis as a testable statement, directional or not, with the size of effect expected')}"
    )
    return _part(
        "1. Study information",
        [
            ("Title", settings["title"]),
            ("Authors", to_write("names, affiliations, contact")),
            ("Research question", settings["question"]),
            ("Hypotheses", hypotheses),
        ],
    )


def _data(plan: Plan) -> list[str]:
    name = plan["settings"]["source"]
    source = plan["sources"][name]
    others = [n for n in plan["sources"] if n != name and n in _below(plan, name)]
    described = _list(
        [f"{source['title']} (source `{name}`)", f"Origin: {source['origin']}", f"Licence: {source['licence']}",
         f"Citation: {(source['citation'] or to_write('how the data are cited')).strip()}",
         *(_file(plan["sources"][n], n, several=bool(others)) for n in (name, *others))], "",
    )  # fmt: skip
    return _part(
        "2. Data",
        [
            ("Data set", described),
            ("Access", to_write("who has had access since when, and how others get the data")),
            ("Existing data and prior knowledge", _prior(plan)),
        ],
    )


def _file(source: Mapping[str, Any], name: str, *, several: bool) -> str:
    """The files of a source, and the hash by which they are known."""
    known = f"SHA-256 `{source['sha256']}`" if source["sha256"] else "not there yet"
    head = (
        f"Made of (source `{name}`)"
        if source["kind"] in ("sql", "panel")
        else f"File of `{name}`"
        if several
        else "File"
    )
    return f"{head}: `{source['file']}`, {known}"


def _below(plan: Plan, name: str) -> set[str]:
    """Sources that one is made from, however far below."""
    below, waiting = set[str](), [name]
    while waiting:
        named = [n.strip() for n in plan["sources"][waiting.pop()]["file"].split(",")]
        new = {n for n in named if n in plan["sources"]} - below
        below |= new
        waiting += new
    return below - {name}


def _prior(plan: Plan) -> str:
    """What was known of the data when the plan was frozen."""
    if plan.get("results"):
        known = f"Registration following analysis of the data. {plan['results']}"
    else:
        there = "The file of the data was there when the plan was frozen. " if plan["dry_run"]["done"] else ""
        known = f"{there}No results of this study had been published."
    return f"{known} {_dry(plan)}\n\n" + to_write(
        "which holds: prior to creation of the data / prior to any human observation / prior to accessing / prior to analysis / "
        "following analysis; what the authors know of these data from earlier work, reports or summary statistics"
    )


def _dry(plan: Plan) -> str:
    dry = plan["dry_run"]
    if not dry["done"]:
        return f"The plan was not tried out: {dry['why']}"
    runs = counted(dry["runs"], "run")
    return f"The plan was tried out ({runs}, seed {dry['seed']}) on simulated outcomes. {kinds_in_words()}"


def _variables(plan: Plan) -> list[str]:
    settings = plan["settings"]
    measure, columns = plan["measures"][settings["measure"]], plan["sources"][settings["source"]]["columns"]
    outcomes = [_outcome(plan, o, k) for k, o in enumerate(settings["outcomes"])]
    covariates = [f"`{c}`: {columns[c]['meaning']} ({columns[c]['unit']})" for c in settings["covariates"]]
    unit = f"`{settings['unit']}`" if settings["unit"] else "none: each row stands for itself (repeated cross-sections)"
    return _part(
        "3. Variables",
        [
            (
                "The measure",
                f"**{measure['title']}.** {measure['what'].strip()}\n\nIn the data: {_treatment(settings['treatment'])}.",
            ),
            ("Outcomes", _list(outcomes, "")),
            ("Covariates", _list(covariates, "None.")),
            ("Unit and period", f"Unit: {unit}. Period: `{settings['period']}`."),
        ],
    )


def _outcome(plan: Plan, outcome: Mapping[str, Any], k: int) -> str:
    indicator = plan["indicators"][outcome["indicator"]]
    better = {
        "+": "more is better",
        "-": "less is better",
        "target": f"best at {plain(indicator.get('target', 'a target'))}",
    }.get(indicator["direction"])
    scale = "; the column holds logarithms" if outcome["scale"] == "log" else ""
    words = "; ".join(w for w in (f"unit {indicator['unit']}", better) if w)
    return f"{'Secondary' if k else '**Primary**'}: {indicator['name']}, column `{outcome['column']}`: {indicator['definition']} ({words}{scale})"


def _treatment(treatment: Mapping[str, Any]) -> str:
    if treatment["treated"]:
        return f"column `{treatment['treated']}` (0/1)"
    if treatment["first_treated"]:
        return f"column `{treatment['first_treated']}` (first treated period)"
    if treatment["group"]:
        return f"group `{treatment['group']}` from {treatment['starts']} on"
    if treatment.get("planned") is not None:
        return f"nobody yet; a pilot may start in {treatment['planned']}"
    return "first treated: " + ", ".join(f"{unit} {start}" for unit, start in treatment["cohorts"])


CONTROLS = {
    "never": "Difference-in-differences: treated units are compared with units that are never treated.",
    "not_yet": "Difference-in-differences: treated units are compared with units that are not treated yet.",
    "none": "Interrupted time series: treated units are compared with their own course before; there are no others.",
}
"""Who is compared, by the design's ``control``."""

PLANNED = (
    "A pilot is planned: at dates in the past each candidate pretends to be it and is compared with a mix of the others. Which "
    "effects would be noticed is computed, no effect of the measure."
)
"""What is compared where nobody is treated yet."""


def _design(plan: Plan) -> list[str]:
    design = plan["settings"]["design"]
    controls = PLANNED if plan["settings"]["treatment"].get("planned") is not None else CONTROLS[design["control"]]
    compared = (
        f"{controls} Periods before treatment in which units may react already: {design['anticipation']}. Base period: "
        f"{design['base_period']}."
    )
    assigned = to_write(
        "observational study or experiment; how it was decided who is treated and when; blinding, if any"
    )
    return _part(
        "4. Design and sample",
        [
            ("Study type and assignment", assigned),
            ("Comparison", compared),
            ("Sample", _sample(plan)),
            ("Sample size rationale and power", to_write("why this size; the smallest effect that could be found")),
            ("Stopping rule", _stopping(plan)),
        ],
    )


def _sample(plan: Plan) -> str:
    found = plan["found"]
    if found is None:
        return to_write("units, periods and treated units expected: the data were not looked at")
    if plan["settings"]["treatment"].get("planned") is not None:  # cohorts are those of a rehearsal
        found = {**found, "cohorts": {}, "treated": 0}
    cohorts = [f"{'' if start == NEVER else 'first treated '}{start}: {n:,}" for start, n in found["cohorts"].items()]
    counts = (
        f"{counted(found['units'], 'unit')}, {counted(found['periods'], 'period')} ({found['first']} to {found['last']}), "
        f"{counted(found['observations'], 'observation')}; {counted(found['treated'], 'unit')} treated."
    )
    return f"{counts}\n\n{_list([*cohorts, *found['notes']], '')}"


NEVER = "never treated"


def _stopping(plan: Plan) -> str:
    if plan["sources"][plan["settings"]["source"]]["sha256"] is None:
        return to_write("when collection ends and which periods the data will have")
    return "The data are those of the file named above, known by its hash."


def _analysis(plan: Plan) -> list[str]:
    settings = plan["settings"]
    estimators = [f"{'comparison' if k else '**primary**'}: {_choice(c)}" for k, c in enumerate(settings["estimators"])]
    robust = "What is not named is as above.\n\n" if _runs(plan) else ""
    return _part(
        "5. Analysis",
        [
            ("Statistical models", _list(estimators, "")),
            ("Inference criteria", _inference(settings)),
            ("Data exclusion", _exclusions(settings)),
            ("Missing data", _missing(settings["design"])),
            ("Checks of assumptions", _list(map(_choice, settings["checks"]), "None.")),
            ("Robustness", robust + _list(_runs(plan), "No variant and no grid.")),
            ("Exploratory analyses", to_write("what will be looked at beyond this plan, or none")),
        ],
    )


def _choice(choice: Mapping[str, Any]) -> str:
    options = "; ".join(f"{k} {in_words(v)}" for k, v in choice["options"].items())
    return f"`{choice['name']}`" + (f" ({options})" if options else "")


def _inference(settings: Mapping[str, Any]) -> str:
    method = _choice(settings["inference"])
    auto = (
        " (chosen by the design: where clusters are few, a method that is valid there)"
        if settings["inference"]["name"] == "auto"
        else ""
    )
    cluster = settings["design"]["cluster"] or settings["unit"]
    several = len(settings["outcomes"]) > 1 or len(settings["estimators"]) > 1
    text = (
        f"Two-sided intervals of level {settings['level']}; inference {method}{auto}; clusters: "
        f"{f'`{cluster}`' if cluster else 'none, each observation stands for itself'}. The answer is the first estimator's overall "
        "effect on the first outcome."
    )
    return (
        f"{text}\n\n{_allowed_for(settings) or to_write('how several outcomes, estimators or specifications are allowed for')}"
        if several
        else text
    )


def _allowed_for(settings: Mapping[str, Any]) -> str | None:
    """The rule for several outcomes, where the study's template or checks have one; None where its authors have to say it."""
    if settings["template"] != "holistic_profile" and "multiple_testing" not in [c["name"] for c in settings["checks"]]:
        return None
    return (
        "All outcomes that are judged are one family: p-values by Romano and Wolf's stepdown (2005), q-values by Benjamini and "
        "Hochberg (1995) beside them; the check `multiple_testing` says which effects stay. Of each dimension with several outcomes "
        "two indices are estimated by the first estimator: Anderson's (2008) and Kling, Liebman and Katz's (2007)."
    )


def _exclusions(settings: Mapping[str, Any]) -> str:
    sample = settings.get("sample") or {}
    found = [f"{k.replace('_', ' ')}: {in_words(v)}" for k, v in sample.items() if v not in (None, [], {})]
    balance = {
        "strict": "a unit that is not observed in each period stops the analysis",
        "drop": "units that are not observed in each period are left out",
        "pairwise": "two periods are compared by the units observed in both",
        "repeated_cross_sections": "each observation is used as it is",
    }[settings["design"]["balance"]]
    return _list([*found, f"balance: {balance}"], "")


def _missing(design: Mapping[str, Any]) -> str:
    if design["missing"] == "refuse":
        return "A row without an outcome stops the analysis."
    return (
        "Rows without an outcome are taken as cells that were not observed; balance (above) decides about their units."
    )


def _runs(plan: Plan) -> list[str]:
    """The variants with what they replace, or the choices of a grid, whose combinations are all run."""
    grid = plan["settings"].get("grid") or {}
    if not grid:
        return [f"`{name}`: {_replaced(changes)}" for name, changes in plan["runs"].items()]
    variants = [f"variant `{name}`: {_replaced(changes)}" for name, changes in plan["settings"]["variants"].items()]
    axes = [f"{axis}: {_json_words(values)}" for axis, values in grid.items() if axis != "exclude"]
    left_out = [f"left out: {_json_words(e)}" for e in grid.get("exclude") or []]
    count = f"all combinations, {counted(len(plan['runs']), 'run')}" if plan["runs"] else "all combinations, in one run"
    return [*variants, *axes, *left_out, count]


def _replaced(changes: Mapping[str, Any]) -> str:
    words = [f"{k} {_json_words(v)}" for k, v in changes.items()]
    return "; ".join(words) or "as the study itself"


def _json_words(value: Any) -> str:
    """A value of the plan for reading: choices as names with options, keys that say nothing left out."""
    if isinstance(value, Mapping) and set(value) == {"name", "options"}:
        return _choice(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_json_words(v)}" for k, v in value.items() if v not in (None, [], {})) + "}"
    return "[" + ", ".join(map(_json_words, value)) + "]" if isinstance(value, list) else in_words(value)


def _other(plan: Plan) -> list[str]:
    settings, template = plan["settings"], plan["settings"]["template"]
    parameters = [f"`{k}`: {in_words(v)}" for k, v in (settings.get("parameters") or {}).items()]
    commit = (
        f"`{plan['commit']}`{', with changes that were not committed' if plan['dirty'] else ''}"
        if plan["commit"]
        else "none"
    )
    code = [
        f"Notebook template `notebooks/{template}.ipynb`, SHA-256 of its code `{plan['templates'][template]}`",
        f"scale_impact {plan['package']['version']}, SHA-256 of its source `{plan['package']['source']}`",
        f"Git commit: {commit}",
        f"Seed of everything random: {settings['seed']}",
    ]
    return _part("6. Other", [("Code", _list(code, "")), ("Parameters of the template", _list(parameters, "None."))])


AEA = (
    ("Country, region", "where the study takes place"),
    ("Primary investigator, other investigators", "names, affiliations, e-mail"),
    ("Status, start and end of the trial and of the intervention", "dates"),
    ("Keywords, JEL codes", "keywords and codes"),
    ("Sponsors and partners", "who pays and who takes part, or none"),
    ("Randomization method and unit", "how and at which level treatment was assigned, or why it was not at random"),
    ("Minimum detectable effect size for main outcomes", "unit, standard deviation, percentage"),
    ("Institutional review board", "name, approval date and number, or why none is needed"),
)
"""Fields of the registry that no file of a study can fill."""


def _aea(plan: Plan) -> list[str]:
    settings, found = plan["settings"], plan["found"]
    unknown = to_write("expected number")
    names = [plan["indicators"][o["indicator"]]["name"] for o in settings["outcomes"]]
    cluster = settings["design"]["cluster"] or settings["unit"]
    rows = [
        ("Trial title", settings["title"]),
        ("Abstract", f"{settings['question']} {to_write('abstract')}"),
        ("Intervention(s)", plan["measures"][settings["measure"]]["what"].strip()),
        ("Primary outcomes (end points)", names[0]),
        ("Secondary outcomes (end points)", ", ".join(names[1:]) or "none"),
        ("Experimental design", "section 4"),
        ("Was the treatment clustered?", f"inference is clustered by `{cluster}`" if cluster else "no cluster"),
        ("Planned number of clusters", f"{found['clusters']:,}" if found else unknown),
        ("Planned number of observations", f"{found['observations']:,}" if found else unknown),
        (
            "Sample size by treatment arms",
            f"{found['treated']:,} treated, {found['units'] - found['treated']:,} controls" if found else unknown,
        ),
        *((field, to_write(what)) for field, what in AEA),
    ]
    table = "\n".join(f"| {field} | {_cell(text)} |" for field, text in rows)
    return [f"## 7. Fields of the AEA RCT Registry\n\n| field | |\n|---|---|\n{table}\n"]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PARTS = (_information, _data, _variables, _design, _analysis, _other, _aea)


# ---- amendments ---------------------------------------------------------------------------------------


def amendment(before: Version, version: Version, k: int) -> str:
    """The text of an amendment: when, why, and what it changes."""
    late = (
        f"\n\n**Results existed when it was frozen:** {version.plan['results']}" if version.plan.get("results") else ""
    )
    return (
        f"## Amendment {k}\n\nFrozen on {version.when}; SHA-256 `{version.hash}`. Reason: {version.reason}{late}\n\n"
        f"{_list(changed_parts(before.plan, version.plan), 'Nothing that counts changed.')}\n"
    )


def changed_parts(before: Plan, after: Plan) -> list[str]:
    """What one plan has that another has not, key by key."""
    settings = [
        f"{key}: {_json_words(after['settings'].get(key))}, was {_json_words(before['settings'].get(key))}"
        for key in dict.fromkeys([*before["settings"], *after["settings"]])
        if canonical(before["settings"].get(key)) != canonical(after["settings"].get(key))
    ]
    parts = {"runs": "runs", "sources": "data or source card", "templates": "template", "measures": "measure card",
             "indicators": "catalogue", "package": "scale_impact"}  # fmt: skip
    around = [
        f"{words}: {_names(before[p], after[p])}"
        for p, words in parts.items()
        if canonical(before[p]) != canonical(after[p])
    ]
    return settings + around


def _names(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Which entries of a part came, went or changed."""
    came: Sequence[str] = [f"{k} new" for k in after if k not in before]
    gone = [f"{k} gone" for k in before if k not in after]
    other = [f"{k} changed" for k in after if k in before and canonical(before[k]) != canonical(after[k])]
    return ", ".join([*came, *gone, *other])
