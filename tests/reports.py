"""Projects whose studies have published rows of every kind, written without running anything: for tests of what reads them.

``small(root)`` has one study of each kind (a measure's effect, a benchmark, a transfer, a scale-up), one with variants and one
that was never run; ``large(root, n)`` has many studies of measures. All are built on the project of ``tests.projects``, so
that each study.yaml is one that the package itself accepts.
"""

import csv
import hashlib
import json
import math
import shutil
import struct
import zlib
from itertools import cycle

from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS, SCHEMA, UNIT_FIELDS
from scale_impact.core.project import Project
from tests.panels import ROOT
from tests.projects import COLUMNS, QUICK, project, towns

CITIES = ("Aston", "Bremville", "Cádiz", "Dunmore", "Évreux", "Fürth")
TOWNS = tuple(f"{k:05d}" for k in range(1, 13))
CARDS = ("enterprise_zone", "smart_lighting", "speed_limit_30")
PARTNERS = ("City", "Operator", "Citizens with low income", "Other citizens")

MEASURE, BENCHMARK, TRANSFER, SCALEUP = "zones-and-jobs", "towns-among-towns", "zones-next-town", "zones-at-scale"
VARIANTS, NOT_RUN = "zones-two-ways", "zones-not-run"
JOBS = {"outcome": "jobs", "indicator": "jobs", "dimension": "economy", "direction": "+", "outcome_unit": "jobs"}


def small(
    root,
    *,
    title="Do zones bring jobs?",
    question="Did the zones of six towns bring jobs?",
    city="Newtown",
    note="",
    **given,
):
    """A project with one study of each kind; ``title``, ``question``, ``city`` and ``note`` (reasons, notes) may be any text."""
    place = empty(root)
    texts = {"title": title, "question": question, "city": city, "note": note, **given}
    measure_study(place, **texts)
    benchmark_study(place, **texts)
    transfer_study(place, **texts)
    scaleup_study(place, **texts)
    variants_study(place, **texts)
    place.study(NOT_RUN, title=title, question=question)
    return place


def large(root, n=500):
    """A project with n published studies of measures, over the cards and indicators that are shipped."""
    from scale_impact.core.catalogue.indicator import load_indicators

    cards = Project(ROOT).keys("measures")
    place = empty(root, cards)
    known = sorted(load_indicators(place.root / "data/indicators/catalogue.csv").items())
    columns = {name: {"unit": i.unit, "meaning": i.name} for name, i in known if name not in COLUMNS}
    place.data(towns(), columns={**COLUMNS, **columns})
    for k in range(n):
        name, indicator = known[k % len(known)]
        outcome = {
            "outcome": name, "indicator": name, "dimension": indicator.dimension, "direction": indicator.direction,
            "outcome_unit": indicator.unit,
        }  # fmt: skip
        slug, card = f"study-{k:04d}", cards[k % len(cards)]
        title = f"Study {k}: did {card.replace('_', ' ')} change {indicator.name.lower()}?"
        measure_study(
            place, slug, title=title, measure=card, outcome=outcome, effect=math.sin(k), error=0.2 + 0.1 * (k % 7)
        )
    return place


# ---- studies of each kind ---------------------------------------------------------------------------------


def measure_study(
    place,
    slug=MEASURE,
    *,
    measure="enterprise_zone",
    outcome=JOBS,
    note="",
    city=None,
    notebook=None,
    effect=1.2,
    error=0.4,
    **keys,
):
    """A study of what a measure did: overall, path, each treated town, four checks of different verdicts."""
    outcomes = [{"column": outcome["outcome"], "indicator": outcome["indicator"]}]
    place.study(slug, measure=measure, outcomes=outcomes, **_known(keys))
    rows = measure_rows(slug, measure=measure, outcome=outcome, effect=effect, error=error, note=note, city=city)
    publish(place, slug, *rows, notebook=notebook)
    return slug


def measure_rows(slug=MEASURE, *, measure="enterprise_zone", outcome=JOBS, effect=1.2, error=0.4, note="", city=None):
    """Rows, checks and units of a study of a measure."""
    head = {"study": slug, "measure": measure, "estimator": "callaway_santanna", "estimand": "ATT", **outcome}
    sizes = {"n_units": 12, "n_treated": 6, "n_periods": 6, "n_obs": 72, "n_clusters": 12}
    said = {**sizes, "inference": f"analytic, clustered by town{note}"}
    rows = [estimate(head, "overall", "overall", effect, error, role="primary", p_value=0.003, **said)]
    for t in range(-2, 4):
        at = {"event_time": t, "role": "primary", **said}
        rows.append(estimate(head, "event_time", f"event time {t}", effect * (t >= 0), error, **at))
    rows += [estimate({**head, "estimator": "twfe"}, "overall", "overall", 0.9 * effect, error, **said)]
    towns = TOWNS[:5] if city is None else (city, *TOWNS[1:5])
    for k, town in enumerate(towns):
        rows.append(
            estimate(head, "unit", town, effect + 0.1 * k, 2 * error, context={"population": 1000 * (k + 1)}, **said)
        )
    together = f"2 effects before treatment are jointly compatible with zero (p = 0.40). {note}".strip()
    checks = [
        check(head, "pre_trends", "pass", together),
        check(head, "leave_one_out", "fail", f"Without {towns[0]} the estimate changes its sign. {note}".strip()),
        check(head, "placebo_units", "inconclusive", f"Twelve towns cannot tell. {note}".strip()),
        check(head, "honest_did", "inapplicable", "There is one period before the measure; two are needed."),
    ]
    units = [unit(head, town, 2003 if k < 6 else None) for k, town in enumerate((*towns, *TOWNS[5:]))]
    return rows, checks, units


def benchmark_study(place, slug=BENCHMARK, *, city="Newtown", note="", **keys):
    """A city among towns: its rank, scores and ranks of all, expected and adjusted values."""
    choices = {"city": TOWNS[0], "context": [{"column": "people", "log": True}]}
    place.study(
        slug, measure=..., treatment=..., design=..., estimators=..., checks=..., template="benchmark", benchmark=choices,
        outcomes=[{"column": "jobs", "indicator": "jobs", "goalposts": [0, 40]}], **_known(keys),
    )  # fmt: skip
    head = {
        "study": slug, "measure": None, "estimator": "benchmark", "outcome": "index", "indicator": None, "dimension": None,
        "direction": "+", "outcome_unit": "points of 100",
    }  # fmt: skip
    rank = {**head, "outcome_unit": "rank", "estimand": "RANK"}
    towns = (city, *TOWNS[1:])
    rows = [estimate(rank, "overall", city, 3.0, None, low=1.0, high=7.0, role="primary", n_units=12)]
    for k, town in enumerate(towns):
        rows.append(
            estimate(
                {**head, "estimand": "SCORE"},
                "unit",
                town,
                60.0 - 3 * k,
                2.0,
                n_units=12,
                context={"people": 1000 + 10 * k},
            )
        )
        rows.append(
            estimate(rank, "unit", town, float(k + 1), None, low=max(1.0, k - 2.0), high=min(12.0, k + 4.0), n_units=12)
        )
        rows.append(estimate({**head, "estimand": "EXPECTED"}, "unit", town, 50.0, 3.0, n_units=12))
    checks = [check(head, "peer_stability", "pass", f"The peers stay the same. {note}".strip())]
    publish(place, slug, rows, checks, page=f"# Why is {city} here?\n\n**Rank 3 of 12.** {note}\n")
    return slug


def transfer_study(place, slug=TRANSFER, *, city="Newtown", note="", **keys):
    """What a town without zones may expect: predicted first, pooled, each town's own effect and its held-out prediction."""
    block = {"city": city, "here": {"people": 5000}, "context": [{"column": "people", "log": True}]}
    place.study(slug, template="transfer", transfer=block, estimators=..., checks=..., **_known(keys))
    publish(place, slug, *transfer_rows(slug, city=city, note=note))
    return slug


def transfer_rows(slug=TRANSFER, *, city="Newtown", note=""):
    """Rows and checks of a transfer."""
    head = {"study": slug, "measure": "enterprise_zone", "estimator": "synthesis", **JOBS}
    said = {"n_units": 6, "df": 5.0, "inference": f"random effects (REML), t with 5 degrees of freedom{note}"}

    def row(estimand, kind, label, value, error=None, *, base=head, **more):
        return estimate({**base, "estimand": estimand}, kind, label, value, error, **{**said, **more})

    share, odds = _of_its_own(head, "share"), _of_its_own(head, "probability")
    rows = [
        row("PREDICTED", "overall", city, 0.8, 0.9, low=-1.51, high=3.11, role="primary"),
        row("PREDICTED", "subgroup", "weighted by similarity", 0.95, 0.85, low=-1.2, high=3.1),
        row("POOLED", "overall", "overall", 0.8, 0.3, low=0.03, high=1.57),
        row("TAU", "overall", "overall", 0.85, low=0.2, high=2.1),
        row("I2", "overall", "overall", 0.71, low=0.2, high=0.9, base=share),
        row("P_HARM", "overall", city, 0.21, base=odds),
        row("P_TARGET", "overall", city, 0.43, base=odds),
    ]
    for k, town in enumerate(TOWNS[:6]):
        known = {"context": {"people": 1000 + 10 * k}}
        rows.append(row("ATT", "unit", town, 0.2 * k, 0.4, **known))
        rows.append(row("HELD_OUT", "unit", town, 0.6, 0.9, low=-1.7, high=2.9, **known))
    covered = "Each of 6 towns was predicted without it: 6 of 6 lie in the prediction interval (95 % were promised)."
    beyond = f"{city} lies outside: it has more people than any town with a zone. {note}".strip()
    checks = [
        check(head, "held_out", "pass", covered),
        check(head, "support", "fail", beyond, {"outside": ["people"]}),
        check(head, "selection", "inconclusive", "6 towns are too few to tell whether favourable ones were chosen."),
    ]
    return rows, checks


def scaleup_block(city="Newtown", note=""):
    """The block of a scale-up study, with texts of a user where texts stand."""
    why = f"by the planning office {note}".strip()
    kept = {"factor": 1.0, "reason": why}
    return {
        "city": city, "effect": {"study": MEASURE}, "reach": {"units": 4000, "unit": "firms", "source": why},
        "adoption": {"curve": "linear", "ceiling": 0.62, "years": 4, "reason": why}, "dose": {"value": 1, "reason": why},
        "voltage": {"false_positive": {"factor": 0.9, "reason": why}, "population": kept, "ingredients": kept,
                    "spillovers": {"factor": 0.8, "reason": f"firms move from next door {note}".strip()}, "cost": kept},
        "decay": {"reason": why}, "horizon": 20, "currency": "EUR", "year": 2024, "discount": {"rate": 0.03, "source": why},
        "optimism": {"costs": 0.2, "benefits": 0.1, "reason": why},
        "partners": [{"name": name, "kind": kind} | ({"group": name} if kind == "citizens" else {})
                     for name, kind in zip(PARTNERS, ("city", "operator", "citizens", "citizens"), strict=True)],
        "flows": [
            {"name": "Tax relief", "kind": "transfer", "paid_by": PARTNERS[0], "received_by": PARTNERS[1], "amount": 100, "per": "unit",
             "currency": "EUR", "year": 2024, "source": why},
            {"name": "Office", "kind": "cost", "paid_by": PARTNERS[0], "amount": 90_000, "per": "year", "currency": "EUR", "year": 2024,
             "source": why},
            {"name": "Wages", "kind": "benefit", "received_by": {PARTNERS[2]: 0.5, PARTNERS[3]: 0.5}, "amount": 5, "per": "effect",
             "currency": "EUR", "year": 2024, "source": why},
        ],
        "readiness": {"mandate": {"answer": "yes", "note": f"Council decision of May 2024 {note}".strip()}, "staff": {"answer": "no"}},
    }  # fmt: skip


def scaleup_study(place, slug=SCALEUP, *, city="Newtown", note="", decision="stop", npv=-2_140_000.0, **keys):
    """From pilot to scale: value over all partners and by partner, costs, what would be worth knowing; stop, adapt or scale."""
    place.study(
        slug, template="scale_up", scaleup=scaleup_block(city, note), source=..., unit=..., period=..., treatment=..., design=..., estimators=..., checks=...,
        **_known(keys),
    )  # fmt: skip
    rows, checks = scaleup_rows(slug, note=note, decision=decision, npv=npv)
    publish(place, slug, rows, checks)
    return slug


def scaleup_rows(
    slug=SCALEUP,
    *,
    note="",
    decision="stop",
    npv=-2_140_000.0,
    measure="enterprise_zone",
    outcome=JOBS,
    partners=PARTNERS,
):
    """Rows and checks of a scale-up study, as they are published."""
    head = {"study": slug, "measure": measure, "estimator": "scaleup", **outcome}
    money = _of_its_own(head, "EUR of 2024")
    said = {"inference": f"20,000 draws, 20 years, discounted by 3 % a year{note}"}
    spread = abs(npv) * 0.6

    def row(estimand, kind, label, value, error=None, *, base=money, role="secondary", **more):
        return estimate({**base, "estimand": estimand}, kind, label, value, error, role=role, **said, **more)

    chance = _of_its_own(head, "probability")
    rows = [
        row("NPV", "overall", "all partners", npv, spread, low=npv - 2 * spread, high=npv + 2 * spread, role="primary"),
        *(
            row("NPV", "subgroup", p, npv * share, spread * 0.5, low=npv * share - spread, high=npv * share + spread)
            for p, share in zip(partners, cycle((0.9, -0.2, 0.5, -0.2)), strict=False)
        ),
        row("P_POSITIVE", "overall", "all partners", 0.04, base=chance),
        *(row("P_POSITIVE", "subgroup", p, 0.1 + 0.2 * (k % 4), base=chance) for k, p in enumerate(partners)),
        row("BCR", "overall", "all partners", 0.42, 0.3, low=0.1, high=1.1, base=_of_its_own(head, "ratio")),
        row("BENEFITS", "overall", "all partners", 1_550_000.0, 500_000.0),
        row("COSTS", "overall", "all partners", 3_690_000.0, 700_000.0),
        row("TRANSFERS", "overall", "all partners", 0.0),
        row("BREAK_EVEN", "overall", "overall", 2.9, base=head),
        row("PILOT_EFFECT", "overall", "overall", 1.2, 0.4, low=0.4, high=2.0, base=head),
        row("EFFECT_AT_SCALE", "overall", "overall", 0.7, 0.35, low=0.1, high=1.4, base=head),
        row(
            "COST_PER_EFFECT",
            "overall",
            "overall",
            23_400.0,
            low=14_100.0,
            high=71_800.0,
            base=_of_its_own(head, "EUR of 2024 per jobs and firms"),
        ),
        row("REACH", "overall", "overall", 0.62, low=0.5, high=0.75, base=_of_its_own(head, "share")),
        row("EVPI", "overall", "overall", 12_300.0),
        row("EVPPI", "subgroup", "effect at scale", 9_800.0),
        row("EVPPI", "subgroup", "price of land", 1_100.0),
        row("TORNADO", "subgroup", "effect at scale", 2_300_000.0),
        row("TORNADO", "subgroup", "price of land", 600_000.0),
    ]
    verdict = {"stop": "fail", "adapt": "inconclusive", "scale": "pass"}[decision]
    rule = f"The chance of a gain over all partners is 4 %, below the 20 % under which it stops. {note}".strip()
    checks = [
        check(head, "decision", verdict, rule, {"decision": decision, "rule": rule, "rules": [rule]}),
        _ready(head, note),
        check(head, "voltage", "inconclusive", "2 of 5 reasons why an effect shrinks are quantified.", {"factors": [
            {"name": "false_positive", "factor": 0.9, "reason": "one study, not repeated"},
            {"name": "spillovers", "factor": 0.8, "reason": f"firms move from next door {note}".strip()},
        ]}),
        check(head, "losers", "fail", "City loses in 93 % of draws.", {"losers": [partners[0]]}),
    ]  # fmt: skip
    return rows, checks


def _of_its_own(head, unit):
    """The head of a number that is not in the outcome's unit."""
    return {**head, "indicator": None, "outcome_unit": unit}


def _ready(head, note):
    """The readiness check of the study's two answers, by the package itself."""
    from scale_impact.scaleup.readiness import readiness

    found = readiness(scaleup_block(note=note)["readiness"]).check()
    return check(head, "readiness", found.verdict, found.reason, dict(found.details))


def variants_study(place, slug=VARIANTS, *, note="", city=None, **keys):
    """A study with two variants, published in a folder each."""
    place.study(slug, variants={"early": {"level": 0.9}, "late": {"level": 0.8}}, **_known(keys))
    for k, name in enumerate(("early", "late")):
        head = {
            "study": slug,
            "variant": name,
            "measure": "enterprise_zone",
            "estimator": "callaway_santanna",
            "estimand": "ATT",
            **JOBS,
        }
        rows = [estimate(head, "overall", "overall", 0.5 - k, 0.3, role="primary", n_units=12, inference="analytic")]
        publish(
            place,
            slug,
            rows,
            [check(head, "pre_trends", "pass", f"Compatible with zero. {note}".strip())],
            variant=name,
        )
    return slug


# ---- rows --------------------------------------------------------------------------------------------------


def estimate(head, kind, label, value, error=None, *, low=None, high=None, **more):
    """A row of estimates.jsonl; an interval of two standard errors where none is given."""
    if error is not None and low is None:
        low, high = value - 1.96 * error, value + 1.96 * error
    row = {
        "schema": SCHEMA, "role": "secondary", "kind": kind, "label": label, "estimate": value, "std_error": error, "level": 0.95,
        "ci_low": low, "ci_high": high, "inference": "", "run_id": run_id(head), **head, **more,
    }  # fmt: skip
    return {name: row.get(name) for name in ESTIMATE_FIELDS}


def check(head, name, verdict, reason, details=None):
    """A row of checks.jsonl."""
    row = {
        "schema": SCHEMA,
        "run_id": run_id(head),
        **head,
        "check": name,
        "verdict": verdict,
        "reason": reason,
        "details": details or {},
    }
    return {name: row.get(name) for name in CHECK_FIELDS}


def unit(head, name, first_treated):
    """A row of units.jsonl."""
    row = {
        "schema": SCHEMA,
        **head,
        "unit": name,
        "first_treated": None if first_treated is None else str(first_treated),
    }
    return {name: row.get(name) for name in UNIT_FIELDS}


def run_id(head):
    """The id of the run that a row belongs to."""
    return hashlib.sha256(f"{head['study']}/{head.get('variant')}".encode()).hexdigest()[:16]


# ---- files -------------------------------------------------------------------------------------------------


def publish(place, slug, rows, checks=(), units=(), *, variant=None, notebook=None, page=None):
    """Write what a run leaves: rows, two figures, the executed notebook and the manifest with their hashes."""
    folder = place.root / "studies" / slug / "results" / (variant or "")
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name, lines in (("estimates", rows), ("checks", checks), ("units", units)):
        if lines or name != "units":
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    if page is not None:
        (folder / "page.md").write_text(page, encoding="utf-8")
    (folder / "figures/event_path.svg").write_text(SVG, encoding="utf-8")
    (folder / "figures/event_path.png").write_bytes(png())
    (folder / "executed.ipynb").write_text(json.dumps(notebook or executed()), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest(folder, slug, variant, rows)), encoding="utf-8")
    return folder


def manifest(folder, slug, variant, rows):
    """The record of a run, with the hashes of what it left."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json")
    return {
        "run_id": rows[0]["run_id"], "study": slug, "variant": variant, "inputs": {"versions": {"python": "3.11.7", "numpy": "2.4.6"}},
        "environment": {"python": "3.11.7", "platform": "Linux x86_64", "cores": 2, "memory": 16 * 2**30, "git_commit": "0" * 40,
                        "git_dirty": False, "variables": [], "installed": {}},
        "seed": 20251122, "started": "2026-11-20T10:00:00+00:00", "seconds": 12.5,
        "outputs": {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files},
        "details": {}, "threads": 1, "warm": True, "peak_memory": 4 * 2**28, "cell_seconds": 12.0, "notes": [], "format": 2,
    }  # fmt: skip


def executed(
    *, markdown="# Do zones bring jobs?\n\nSee [the card](https://example.org/card) and `code`.", html=None, more=()
):
    """An executed notebook: text, a table, a picture, a stream and an error-free end; ``more`` outputs as nbformat has them."""
    table = html or "<table><tr><th>town</th><th>jobs</th></tr><tr><td>00001</td><td>12.1</td></tr></table>"
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "12 units\n"},
        {
            "output_type": "execute_result",
            "execution_count": 1,
            "metadata": {},
            "data": {"text/plain": "town  jobs", "text/html": table},
        },
        {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "<Figure>", "image/svg+xml": SVG}},
        *more,
    ]
    cells = [
        {"cell_type": "markdown", "id": "cell-0", "metadata": {}, "source": markdown},
        {"cell_type": "code", "id": "cell-1", "metadata": {"tags": ["parameters"]}, "execution_count": 1, "outputs": outputs,
         "source": 'study = "zones-and-jobs"\nif 1 < 2 & 3:\n    print("<b>12 units</b>")'},
    ]  # fmt: skip
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="504" height="288" viewBox="0 0 504 288">'
    '<rect width="504" height="288" fill="#fff"/><path d="M40 240L240 200L460 80" stroke="#0072B2" stroke-width="2" fill="none"/>'
    '<text x="40" y="270" font-size="12">Source: made by a test</text></svg>'
)


def png(width=504, height=288):
    """A white picture as bytes of PNG."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# ---- small helpers -----------------------------------------------------------------------------------------


def papers(place, *, where="California", note="Counts of firms, not of jobs in them"):
    """Evidence from one paper in place of that which is shipped."""
    names = (
        "paper", "measure", "indicator", "outcome", "place", "country", "first_year", "last_year", "design", "conversion", "estimate", "std_error",
        "ci_low", "ci_high", "level", "unit", "role", "n_units", "n_treated", "data_set", "source", "page", "url", "note",
    )  # fmt: skip
    row = {
        "paper": "somebody-2010", "measure": "enterprise_zone", "indicator": "jobs", "place": where, "country": "US", "first_year": 1992,
        "last_year": 2004, "design": "difference_in_differences", "conversion": "none", "estimate": 0.4, "std_error": 0.6, "n_units": 100,
        "n_treated": 30, "source": f"Somebody (2010). {note}", "page": "table 2", "url": "https://example.org/paper", "note": note,
    }  # fmt: skip
    folder = place.root / "data/evidence"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with (folder / "papers.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerow(row)


def _known(keys):
    """Keys of study.yaml among texts that only some studies use."""
    return {k: v for k, v in keys.items() if k in ("title", "question", "level", "seed")}


def empty(root, cards=CARDS):
    """A project without a study, with a template for each kind and some of the shipped cards of measures."""
    place = project(root)
    for path in (place.root / "data/measures").glob("*.yaml"):
        if path.stem not in cards:
            path.unlink()
    shutil.rmtree(place.root / "studies" / "towns")
    for name, call in (("transfer", "session.transfer()"), ("scale_up", "session.scale_up()")):
        place.template(*QUICK[:2], call, QUICK[-1], name=name)
    papers(place)
    return place
