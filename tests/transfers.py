"""A small project of towns, some of which have the measure: what the next one may expect, and whether it is worth scaling."""

import json
import shutil

import numpy as np
import pandas as pd

from scale_impact.session import open_session
from scale_impact.workflow.preflight import preflight
from scale_impact.workflow.runs import expand
from tests.projects import project
from tests.scaleups import block

LINES = """\
buses,Buses,mobility,Buses that run on time,%,+
weeds,Weeds,environment,Weeds by the road,weeds,0
"""

COLUMNS = {
    "code": {"unit": "none", "meaning": "Code of the town", "type": "text"},
    "name": {"unit": "none", "meaning": "Name of the town", "type": "text"},
    "year": {"unit": "year", "meaning": "Calendar year"},
    "buses": {"unit": "%", "meaning": "Buses that run on time"},
    "weeds": {"unit": "weeds", "meaning": "Weeds by the road"},
    "lane": {"unit": "0/1", "meaning": "1 from the year of the bus lane on"},
    "people": {"unit": "persons", "meaning": "Residents"},
    "hills": {"unit": "m", "meaning": "Height of the hills"},
    "region": {"unit": "none", "meaning": "Region", "type": "text"},
}

TRANSFER = {
    "title": "What may the next town expect?", "question": "What may a town without a bus lane expect of one?",
    "measure": "enterprise_zone", "template": "send", "source": "towns", "unit": "code", "period": "year",
    "outcomes": [{"column": "buses", "indicator": "buses"}], "treatment": {"treated": "lane"}, "design": {"control": "never"},
    "transfer": {"city": "20", "names": "name", "context": [{"column": "people", "log": True}, "hills"], "target": 1.0},
    "estimators": ..., "checks": ...,
}  # fmt: skip

CODE = (
    'study = "{slug}"\nvariant = None\nout = None\noverrides = {{}}',
    "from scale_impact.session import open_session\n"
    "session = open_session(study, variant=variant, out=out, overrides=overrides, given=globals())",
    "session.{call}()",
    "session.save()",
)

MEASURE = {
    "title": "Do bus lanes help?", "question": "Did bus lanes make buses run on time?", "measure": "enterprise_zone", "template": "quick",
    "source": "towns", "unit": "code", "period": "year", "outcomes": [{"column": "buses", "indicator": "buses"}],
    "treatment": {"treated": "lane"}, "estimators": ["callaway_santanna", "twfe"], "checks": [],
}  # fmt: skip


def lanes(treated=8, n=24, seed=7, effect=2.0, spread=0.5):
    """Towns 2001 to 2006 with lanes from 2003 or 2004 in the first; the effects of single towns differ."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        start = (2003 if k % 2 else 2004) if k < treated else 0
        people, hills = np.exp(rng.normal(9, 0.5)), rng.uniform(0, 100)
        own, walk = effect + spread * rng.normal(), rng.normal(0, 0.5, 6).cumsum()
        for t, year in enumerate(range(2001, 2007)):
            lane = int(0 < start <= year)
            rows.append((f"{k:02d}", f"Town {k:02d}", year, 60 + k % 5 + walk[t] + own * lane, 3.0 + k % 3 + walk[t], lane, people, hills,
                         "NS"[k % 2]))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def made(root):
    """The project: `towns` is a transfer on data of its own."""
    place = project(root)
    with (place.root / "data/indicators/catalogue.csv").open("a", encoding="utf-8") as file:
        file.write(LINES)
    place.data(lanes(), columns=COLUMNS)
    place.template(*(c.format(slug="towns", call="transfer") for c in CODE), name="send")
    place.template(*(c.format(slug="worth", call="scale_up") for c in CODE), name="weigh")
    place.study(**TRANSFER)
    return place


def again(place):
    """The project as it was made: without other studies, results and evidence."""
    shutil.rmtree(place.root / "studies")
    shutil.rmtree(place.root / "data/evidence", ignore_errors=True)
    place.data(lanes(), columns=COLUMNS)
    place.study(**TRANSFER)
    return place


def evaluated(place, slug="lanes", **changes):
    """A study of the measure itself, evaluated and published without a process of its own."""
    place.study(slug, **{**MEASURE, **changes})
    return published(place, slug)


def published(place, slug, **how):
    """Rows that a session writes to the study's results."""
    variant = how.get("variant")
    folder = place.root / "studies" / slug / "results" / (variant or "")
    open_session(slug, out=str(folder), **how).save()
    return rows_of(folder / "estimates.jsonl")


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_rows(place, slug, rows, variant=""):
    """Published rows as a test wants them."""
    folder = place.root / "studies" / slug / "results" / variant
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "estimates.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    (folder / "checks.jsonl").touch()


HEAD = ("paper", "measure", "indicator", "place", "country", "first_year", "last_year", "design", "conversion", "estimate", "std_error", "level",
        "unit", "role", "data_set", "source", "page")  # fmt: skip


def papers(place, found, **changes):
    """A file of data/evidence with the effects of some papers: name, estimate, standard error."""
    rows = [
        {
            "paper": name, "measure": "enterprise_zone", "indicator": "buses", "place": f"Place {name}", "country": "DE", "first_year": 2001,
            "last_year": 2006, "design": "difference_in_differences", "conversion": "percentage_points", "estimate": value, "std_error": error,
            "level": "", "unit": "%", "role": "", "data_set": f"set {name}", "source": f"Author {name} (2020). doi:10.1/{name}",
            "page": "table 1", **changes,
        }
        for name, value, error in found
    ]  # fmt: skip
    folder = place.root / "data/evidence"
    folder.mkdir(exist_ok=True)
    pd.DataFrame(rows, columns=list(HEAD)).to_csv(folder / "found.csv", index=False)


def scaling(effect, **changes):
    """A study that scales an effect: the block of `tests.scaleups` with another effect, and changes of its other keys."""
    own = {k: changes.pop(k) for k in ("title", "outcomes", "variants", "grid", "template", "measure") if k in changes}
    more = {
        k: changes.pop(k)
        for k in ("source", "unit", "period", "treatment", "estimators", "design", "sample")
        if k in changes
    }
    return {
        "title": "Bus lanes everywhere?", "question": "Should there be a lane on each street?", "measure": "enterprise_zone",
        "template": "weigh", "outcomes": [{"column": "buses", "indicator": "buses"}], **dict.fromkeys(
            ("source", "unit", "period", "treatment", "design", "estimators", "checks"), ...), **own, **more,
        "scaleup": {**block(**{"city": "Town 20", **changes}), "effect": effect},
    }  # fmt: skip


def refused(slug="towns", variant=None):
    """What `check` says of a study, a line a problem."""
    runs, errors = expand([slug], {})
    assert not errors, errors
    return "\n".join(p for run in runs for e in preflight(run).errors for p in e.problems)
