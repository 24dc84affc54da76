"""A project whose authors write texts that break pages: markup, scripts, links that act, endless and turned-around words.

Every text stands in a title, a question, names of cities, reasons of checks, notes, a measure's card, an indicator's name and
in what a notebook has put out. Each script would set ``window.__ran`` or open a dialog; none may ever do so.
"""

import json

from tests.projects import write_yaml
from tests.reports import (
    SVG,
    benchmark_study,
    empty,
    executed,
    measure_study,
    papers,
    scaleup_study,
    transfer_study,
    variants_study,
)

RUN = "window.__ran=(window.__ran||0)+1"

TEXTS = {
    "script": f"<script>{RUN};alert(1)</script>",
    "attribute": f'"><img src=x onerror="{RUN};alert(2)">',
    "single": f"'><svg/onload='{RUN}'>",
    "link": f"javascript:{RUN}//https://example.org",
    "markdown": f"[click me](javascript:{RUN}) ![picture](x\" onerror=\"{RUN}) <https://example.org>",
    "data": f"[click](data:text/html,<script>{RUN}</script>) vbscript:x",
    "closed": f"</title></style></textarea></script><script>{RUN}</script><!--",
    "ended": f"]]>--></template><iframe srcdoc='<script>parent.{RUN}</script>'>",
    "long": "Endless" + "n" * 9_990,
    "words": "word " * 2_000,
    "right_to_left": "\u202eלמה האם אזורים מביאים מקומות עבודה\u202c هل تجلب المناطق وظائف؟",
    "emoji": "👩‍👩‍👧‍👦 🏙️ 🇪🇺 Z̷̢͝a̶l̴g̵o̷",
    "null": "null",
    "nan": "NaN",
    "template": "{{ 7 * 7 }}{% include 'x' %}${7*7}#{7*7}<%= 7*7 %>",
    "entity": "&lt;b&gt; &amp;amp; &#60;script&#62;",
    "path": "../../../etc/passwd?x=1#frag%00 C:\\CON <a/b>",
    "json": '","x":"</script><script>' + RUN + "</script>",
    "formula": "=HYPERLINK(\"https://example.org\",\"x\")",
}  # fmt: skip
"""Texts by what they try."""

ALL = " ".join(text if len(text) < 500 else text[:120] for text in TEXTS.values())
"""All of them in one."""


def hostile(root):
    """A project with a study of a measure for each text, and one of each other kind with all texts in one."""
    place = empty(root)
    _cards(place)
    papers(place, where=ALL, note=ALL)
    for name, text in TEXTS.items():
        slug = f"hostile-{name.replace('_', '-')}"
        measure_study(
            place, slug, title=text, question=text, measure="hostile", note=text, city=text, notebook=_notebook(text)
        )
    texts = {"title": f"All: {ALL}", "question": ALL, "note": ALL, "city": f"City {ALL}"}
    for write in (benchmark_study, transfer_study, scaleup_study, variants_study):
        write(place, **texts)
    _pictures(place)
    (place.root / "studies/hostile-script/README.md").write_text(
        f"# {ALL}\n\n<script>{RUN}</script>\n", encoding="utf-8"
    )
    return place


def _cards(place):
    """A measure's card and a source's card made of such texts, and an indicator with such a name."""
    write_yaml(place.root / "data/measures/hostile.yaml", {
        "title": TEXTS["script"], "what": ALL, "mechanism": TEXTS["attribute"], "expected": {"jobs": "up"},
        "risks": {"poverty": TEXTS["closed"]}, "unmeasured_risks": [TEXTS["markdown"]], "unit": TEXTS["single"],
        "dose": {"what": TEXTS["data"], "unit": TEXTS["json"], "how": TEXTS["link"]}, "confounders": [TEXTS["right_to_left"]],
        "partners": [{"name": TEXTS["emoji"], "costs": TEXTS["template"], "benefits": TEXTS["entity"]}],
        "spillovers": [{"who": TEXTS["script"], "reach": TEXTS["path"], "remedy": TEXTS["null"]}], "naive": TEXTS["ended"],
        "timing": {"short": TEXTS["script"], "long": TEXTS["attribute"]},
        "references": [{"authors": TEXTS["script"], "year": 1999, "title": TEXTS["link"], "published": TEXTS["closed"]}],
    })  # fmt: skip
    path = place.root / "data/sources/towns.yaml"
    from ruamel.yaml import YAML

    card = YAML().load(path.read_text(encoding="utf-8"))
    card |= {"title": TEXTS["script"], "origin": f"{TEXTS['link']} {TEXTS['attribute']}", "licence": TEXTS["closed"]}
    write_yaml(path, card)
    catalogue = place.root / "data/indicators/catalogue.csv"
    lines = catalogue.read_text(encoding="utf-8").replace(
        "jobs,Jobs,economy,", 'jobs,"Jobs <script>alert(4)</script>",economy,'
    )
    catalogue.write_text(lines, encoding="utf-8")


def _notebook(text):
    """An executed notebook whose cells and outputs hold a text, and outputs that act where they are put into a page as they are."""
    act = f"<script>{RUN};alert(5)</script>"
    more = [
        _shown("text/html", f"{act}<img src=x onerror='{RUN}'><b onclick='{RUN}'>bold</b><a href='javascript:{RUN}'>go</a>{text}"),
        _shown("text/html", f"<table><tr><td>{text}</td><td style='background:url(https://example.org/x.png)'>1</td></tr></table>"),
        _shown("text/html", "<form action='https://example.org'><input name=a><button>send</button></form><base href='https://example.org'>"),
        _shown("text/html", "<link rel=stylesheet href='https://example.org/x.css'><meta http-equiv=refresh content='0;url=https://example.org'>"),
        _shown("image/svg+xml", SVG.replace("<svg ", f"<svg onload='{RUN}' ").replace("</svg>", f"{act}<a href='javascript:{RUN}'><text>x</text></a></svg>")),
        _shown("text/markdown", f"[go](javascript:{RUN}) {act} {text}"),
        _shown("text/latex", f"$\\href{{javascript:{RUN}}}{{x}}$ {text}"),
        _shown("application/javascript", RUN),
        _shown("application/vnd.custom+json", {"x": text}),
        {"output_type": "stream", "name": "stderr", "text": f"\x1b[31mwarning\x1b[0m {text}\n"},
        {"output_type": "error", "ename": text[:200], "evalue": text[:200], "traceback": [f"\x1b[31m{text[:300]}\x1b[0m"]},
    ]  # fmt: skip
    return executed(
        markdown=f'# {text}\n\n{act}\n\n<div onclick="{RUN}">x</div>\n\n[go](javascript:{RUN})\n\n{text}',
        html=f"<table><tr><th>{text}</th></tr></table>",
        more=more,
    )


def _shown(kind, data):
    return {"output_type": "display_data", "metadata": {}, "data": {kind: data, "text/plain": "shown"}}


def _pictures(place):
    """Figures that would act: SVG files with scripts, and names that are no plain names."""
    for slug in ("hostile-script", "zones-at-scale"):
        folder = place.root / f"studies/{slug}/results/figures"
        (folder / "event_path.svg").write_text(
            SVG.replace("</svg>", f"<script>{RUN};alert(6)</script><image href='https://example.org/x.png'/></svg>"),
            encoding="utf-8",
        )
        (folder / "a <b>&'x.svg").write_text(SVG, encoding="utf-8")
    path = place.root / "studies/hostile-script/results/manifest.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, "notes": [ALL]}), encoding="utf-8")
