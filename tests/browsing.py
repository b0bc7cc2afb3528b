"""A real browser for tests: Chromium, driven over its own protocol, with a new empty profile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from demo.picture import FLAGS, chromium
from playwright.sync_api import Browser, Page, sync_playwright

GRAVE = ("serious", "critical")
PAINTED = """() => new Promise(resolve => new PerformanceObserver(list => {
  const found = list.getEntriesByName('first-contentful-paint');
  if (found.length) resolve(found[0].startTime);
}).observe({type: 'paint', buffered: true}))"""


def program() -> str:
    """Where Chromium is; where there is none, CI fails and people skip."""
    found = chromium()
    if found is None and "CI" in os.environ:
        pytest.fail("no Chromium: install chromium")
    if found is None:
        pytest.skip("no Chromium: install chromium")
    return found


@contextmanager
def running(path: str) -> Iterator[Browser]:
    """A browser, closed in the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page in the browser, and what it did."""

    page: Page
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def overflow(self) -> float:
        """How many pixels of the page lie beside the screen."""
        width: float = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return width

    def painted(self) -> float:
        """Milliseconds until the first text or image was on the screen."""
        found: float = self.page.evaluate(PAINTED)
        return found

    def violations(self) -> list[tuple[str, Any]]:
        """What axe-core finds that keeps people out."""
        found = Axe().run(self.page).response["violations"]
        return [(v["id"], [node["html"][:200] for node in v["nodes"][:3]]) for v in found if v["impact"] in GRAVE]

    def reach(self, presses: int) -> list[str]:
        """What the Tab key comes by: tag and text of each."""
        found = []
        for _ in range(presses):
            self.page.keyboard.press("Tab")
            found.append(
                self.page.evaluate("document.activeElement.tagName + ' ' + document.activeElement.textContent.trim()")
            )
        return found


@contextmanager
def visit(browser: Browser, address: str, width: int = 1280, scheme: Any = "light") -> Iterator[Visit]:
    """Open an address as a person would who was never there."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    try:
        page = context.new_page()
        found = Visit(page)
        page.on("console", lambda message: found.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: found.said.append(f"error: {error}"))
        page.on("request", lambda request: found.requests.append(request.url))
        page.goto(address)
        yield found
    finally:
        context.close()
