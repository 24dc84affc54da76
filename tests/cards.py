"""Decision cards from rows that a test writes: a usual one, and one as full as it can be."""

from dataclasses import replace

from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.catalogue.measure import Measure
from scale_impact.scaleup.card import make_card
from tests.reports import JOBS, MEASURE, SCALEUP, TRANSFER, check, measure_rows, run_id, scaleup_rows, transfer_rows

ENDLESS = "Endless" + "n" * 9_990
LOREM = "Lorem ipsum dolor sit amet consectetur adipiscing elit " * 30

ZONE = Measure(
    title="Enterprise zone",
    what="A part of a city in which firms pay less tax if they hire people who live there.",
    mechanism="Lower taxes make work in the zone cheaper.",
    unit="City with a zone",
)
INDICATOR = Indicator(
    indicator="jobs",
    name="Jobs",
    dimension="economy",
    definition="Jobs at the end of the year",
    unit="jobs",
    direction="+",
)


def read(*, city="Newtown", note="", transfer=True):
    """Rows and checks of the studies that a scale-up read: a pilot's, and the forecast for a city."""
    rows, checks, _ = measure_rows(MEASURE, note=note)
    if transfer:
        more, tests = transfer_rows(TRANSFER, city=city, note=note)
        rows, checks = rows + more, checks + tests
    return rows, checks


def a_card(*, title="Should Newtown have an enterprise zone?", city="Newtown", note="", transfer=True, **options):
    """A card of a scale-up with a pilot and a forecast."""
    rows, checks = scaleup_rows(note=note, **options)
    others, other_checks = read(city=city, note=note, transfer=transfer)
    return make_card(
        rows, checks, measure=ZONE, indicator=INDICATOR, others=others, other_checks=other_checks, title=title,
        dates={run_id({"study": SCALEUP}): "20 November 2026"},
    )  # fmt: skip


def crowded_card():
    """A card on which each text is as long as a card lets it be, with more partners, groups and open tests than it shows."""
    measure = Measure(title=LOREM, what=LOREM.replace("elit ", "elit. "), mechanism="x", unit=LOREM)
    rows, checks = scaleup_rows(note=LOREM, partners=tuple(f"Partner {k} {LOREM}" for k in range(14)))
    others, other_checks = read(city=LOREM, note=LOREM)
    pilot = next(r for r in others if r["kind"] == "overall")
    others += [{**pilot, "kind": "subgroup", "role": "secondary", "label": f"Group {k} {LOREM}"} for k in range(6)]
    head = {"study": MEASURE, "measure": "enterprise_zone", "estimator": "callaway_santanna", **JOBS}
    names = (
        "pre_fit",
        "honest_did",
        "placebo_dates",
        "attrition_bounds",
        "multiple_testing",
        "specification_curve",
        "calibration",
        "spillover",
    )
    other_checks += [check(head, name, "fail", LOREM) for name in names]
    return make_card(
        rows, checks, measure=measure, indicator=replace(INDICATOR, name=LOREM), others=others, other_checks=other_checks, title=LOREM, city=LOREM,
        dates={run_id({"study": SCALEUP}): "20 November 2026"}, warnings=(LOREM, LOREM),
    )  # fmt: skip
