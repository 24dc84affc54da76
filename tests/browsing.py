"""A real Chromium for tests: one for all of them, and what it saw of each page (errors, requests, dialogs).

Where CI is set the browser has to be there; elsewhere tests that need it are skipped, with the reason.
"""

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

PHONE, DESK = 360, 1200
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SERIOUS = ("serious", "critical")
GUARD = "window.__ran = 0; window.alert = window.confirm = window.prompt = () => { window.__ran += 1 };"
"""Runs in each page before its own scripts; a script of a hostile text would count up."""


@dataclass
class Visit:
    """A page that was opened, and what happened while it was."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def go(self, path, anchor=""):
        """Open a file; what happened before is forgotten."""
        for seen in (self.errors, self.requests, self.dialogs):
            seen.clear()
        self.page.goto(Path(path).resolve().as_uri() + anchor)
        return self

    def outside(self, folder):
        """Requests that leave a folder; data within the page are no requests."""
        home = Path(folder).resolve().as_uri()
        return [url for url in self.requests if not url.startswith((home, "data:"))]

    @property
    def ran(self):
        """How often a script of a hostile text ran."""
        return self.page.evaluate("window.__ran")

    def width(self):
        """How much wider than the window the page is, in pixels."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def violations(self, impacts=SERIOUS):
        """What axe-core finds, as readable lines."""
        self.page.evaluate(_axe())
        found = self.page.evaluate(
            "axe.run(document, {resultTypes: ['violations'], preload: false}).then(r => r.violations)"
        )
        return [
            f"{v['impact']} {v['id']}: {v['help']}: {'; '.join(n['html'][:160] for n in v['nodes'][:3])}"
            for v in found
            if v["impact"] in impacts
        ]


@lru_cache(maxsize=1)
def _axe():
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def chromium():
    """Path of the browser: SCALE_IMPACT_CHROMIUM, or the system's; None where there is none."""
    named = os.environ.get("SCALE_IMPACT_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


def missing():
    """Why tests cannot have a browser; None where they can."""
    try:
        import axe_playwright_python  # noqa: F401
        import playwright.sync_api  # noqa: F401
    except ImportError as error:
        return f"{error.name} is not installed: run make setup"
    return (
        None
        if chromium()
        else "there is no Chromium: install it (apt-get install chromium), or name it in SCALE_IMPACT_CHROMIUM"
    )


@contextmanager
def a_browser():
    """A Chromium without a window; skipped where there is none, but for CI, where that is a failure."""
    if why := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            yield found
        finally:
            found.close()


@contextmanager
def visiting(browser, *, width=DESK, scripts=True):
    """A page of a window of its own; what it asks for beyond its files is refused and noted."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=scripts, bypass_csp=False
    )
    context.set_default_timeout(10_000)
    if scripts:
        context.add_init_script(GUARD)
    visit = Visit(context.new_page())
    visit.page.on("console", lambda m: visit.errors.append(m.text) if m.type == "error" else None)
    visit.page.on("pageerror", lambda e: visit.errors.append(str(e)))
    visit.page.on("request", lambda r: visit.requests.append(r.url))
    visit.page.on("dialog", lambda d: (visit.dialogs.append(d.message), d.dismiss()))
    context.route(lambda url: not url.startswith(("file:", "data:")), lambda route: route.abort())
    try:
        yield visit
    finally:
        context.close()
