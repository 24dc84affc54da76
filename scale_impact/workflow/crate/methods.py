"""The methods of a study, and the papers that the source of each names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence

from scale_impact.core import keys
from scale_impact.workflow.crate.published import Published

ROOMS = {"estimators": "fit", "inference": "judge", "checks": "run"}


def methods(results: Sequence[Published]) -> list[dict[str, str]]:
    """Estimators, inference and checks of the runs: where their source is, and which papers it names."""
    used = dict.fromkeys(each for result in results for each in _used(result))
    return [
        {"place": f"scale_impact/{room}/{name}.py", "source": source}
        for room, name in used
        if (source := _source(room, name))
    ]  # fmt: skip


def _used(result: Published) -> Iterator[tuple[str, str]]:
    """Rooms and names; for ``inference: auto`` the methods that the rows say were chosen."""
    settings = result.run.study.settings
    yield from (("estimators", choice.name) for choice in settings.estimators)
    chosen = [settings.inference.name, *_in_rows(result)]
    yield from (("inference", name) for name in keys.names("inference") if name in chosen)
    yield from (("checks", choice.name) for choice in settings.checks)


def _in_rows(result: Published) -> list[str]:
    """Methods of inference whose name stands in the estimates."""
    path = result.run.results / "estimates.jsonl"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    said = " ".join(set(re.findall(r'"inference": "([^"]*)"', text))).lower()
    return [name for name in keys.names("inference") if all(word in said for word in name.split("_"))]


def _source(room: str, name: str) -> str:
    """What stands behind ``Source:`` in the docstring of a method, as one line; empty where nothing does."""
    if name not in keys.names(room):
        return ""
    text = inspect.getdoc(keys.load(room, name, ROOMS[room])) or ""
    found = re.search(r"^Source: (.*?)(?:\n\n|\Z)", text, flags=re.DOTALL | re.MULTILINE)
    words = " ".join(found.group(1).replace("``", "`").split()) if found else ""
    return re.sub(r"`(_\w+)`", rf"`scale_impact/{room}/\1.py`", words)
