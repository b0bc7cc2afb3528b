"""The incident page in a real Chromium: drawn, silent, closed to the world, usable by keys, on phones and on paper."""

from __future__ import annotations

import re
from contextlib import contextmanager

import browsing
import pytest
import reporting

from driftline.analyzers.report import page, scripts

PAGES = {"incident": reporting.incident, "no-evidence": lambda: reporting.incident({}), "period": reporting.period}
SCHEMES = ("light", "dark")
PHONE = 360


@pytest.fixture(scope="module")
def browser():
    """One browser for all tests here."""
    with browsing.running(browsing.program()) as found:
        yield found


@contextmanager
def opened(browser, address, **options):
    """A page of which all charts are drawn: its policy forbids texts as code, so they are waited for one by one."""
    with browsing.visit(browser, address, **options) as found:
        for place in found.page.locator("[data-chart]").all():
            place.and_(found.page.locator("[data-drawn]")).wait_for(state="attached", timeout=30_000)
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where each page is, as a file."""
    folder = tmp_path_factory.mktemp("report")
    for name, found in PAGES.items():
        (folder / f"{name}.html").write_text(page.html(found(), scripts.inlined()), encoding="utf-8")
    return lambda name: (folder / f"{name}.html").as_uri()


@pytest.mark.parametrize("name", PAGES)
def test_all_charts_are_drawn_in_silence_and_nothing_is_asked_for(browser, address, name):
    """Each chart has marks, the console says nothing at all, and the one request is the file."""
    with opened(browser, address(name)) as tab:
        places = tab.page.locator("[data-chart]")
        assert places.count() > 0
        for at in range(places.count()):
            marks = places.nth(at).locator("svg .mark-rect path, svg .mark-line path, svg .mark-symbol path")
            assert marks.count() > 0, places.nth(at).get_attribute("data-chart")
        assert tab.said == []
        assert tab.requests == [address(name)]
        assert tab.page.evaluate("window.hacked") is None


def test_what_the_page_does_not_bring_does_not_run(browser, address):
    """Even a script that got into the page is refused by its policy."""
    with opened(browser, address("incident")) as tab:
        add = "const s = document.createElement('script'); s.textContent = 'window.hacked = 1'; document.body.append(s)"
        tab.page.evaluate(f"() => {{ {add} }}")
        assert tab.page.evaluate("window.hacked") is None
        assert any("Content Security Policy" in text for text in tab.said)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(browser, address, name, scheme):
    """Neither in light nor in dark, contrast included, with all tables open."""
    with opened(browser, address(name), scheme=scheme) as tab:
        tab.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert tab.violations() == []


def test_axe_would_find_something(browser, address):
    """Text that is too pale is found: the check can fail."""
    with opened(browser, address("incident")) as tab:
        tab.page.locator(".kicker").evaluate("(place) => { place.style.color = '#999'; }")
        assert [rule for rule, *_ in tab.violations()] == ["color-contrast"]


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_scrolls_one_way_only(browser, address, name):
    """Nothing is wider than 360 pixels but tables, which scroll by themselves; charts fit."""
    with opened(browser, address(name), width=PHONE) as tab:
        tab.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert tab.overflow() == 0
        widths = [place.bounding_box()["width"] for place in tab.page.locator("[data-chart] svg").all()]
        assert all(width <= PHONE for width in widths)


def test_keys_reach_everything_in_order(browser, address):
    """Tab goes to the skip link first, then to every link, chart, table and summary, each visibly in focus."""
    with opened(browser, address("incident")) as tab:
        wanted = tab.page.locator("a[href], [tabindex='0'], summary")
        # What is in a closed `details` cannot be reached, nor is it to be.
        count = sum(one.is_visible() for one in wanted.all())
        reached = []
        for _ in range(count):
            tab.page.keyboard.press("Tab")
            reached.append(tab.page.evaluate(
                "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
                " return [e.tagName, e.className, s.outlineStyle, e.getAttribute('href')]; })()"
            ))  # fmt: skip
        assert reached[0][:2] == ["A", "skip"]
        assert all(outline == "solid" for _, _, outline, _ in reached)
        kinds = {(tag, name) for tag, name, *_ in reached}
        assert {("DIV", "chart"), ("DIV", "wide"), ("SUMMARY", "")} <= {(t, n.split(" ")[0]) for t, n in kinds}
        tab.page.keyboard.press("Tab")
        assert tab.page.evaluate("document.activeElement.tagName") == "BODY"


def test_the_skip_link_leads_past_the_header(browser, address):
    """And a summary opens its table by keys."""
    with opened(browser, address("incident")) as tab:
        tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Enter")
        assert tab.page.evaluate("document.activeElement.id") == "main"
        tab.page.locator("summary").first.focus()
        tab.page.keyboard.press("Enter")
        assert tab.page.locator("details").first.locator("table").is_visible()


def colours(tab):
    """The colours that matter: paper, ink, and the bars of a chart."""
    return tab.page.evaluate(
        "(() => { const of = (e, name) => getComputedStyle(e)[name]; return [of(document.body, 'backgroundColor'),"
        " of(document.body, 'color'), of(document.querySelector('.many .mark-rect path'), 'fill')]; })()"
    )


def test_dark_is_dark_and_paper_is_light(browser, address):
    """Page and charts follow the scheme while they are open, and print black on white whatever it is."""
    with opened(browser, address("incident")) as tab:
        light = colours(tab)
        tab.page.emulate_media(color_scheme="dark")
        dark = colours(tab)
        assert all(one != other for one, other in zip(light, dark, strict=True))
        tab.page.emulate_media(media="print")
        printed = colours(tab)
        assert printed[:2] == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
        assert printed[2] == light[2]


def test_it_prints(browser, address):
    """On some pages of A4, with every section, without what is for screens, and nothing cut off."""
    with opened(browser, address("incident"), width=718) as tab:
        paper = tab.page.pdf(format="A4")
        assert paper.startswith(b"%PDF")
        assert 2 <= len(re.findall(rb"/Type /Page\b", paper)) <= 12
        tab.page.emulate_media(media="print")
        assert tab.overflow() <= 0
        assert not tab.page.locator(".contents").is_visible()
        assert not tab.page.locator("summary").first.is_visible()
        assert tab.page.locator("h2").last.is_visible()


def test_without_script_the_numbers_are_there(browser, address):
    """Where scripts are off, the page says so, and every table opens."""
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(address("incident"))
    assert tab.locator("noscript p").is_visible()
    tab.locator("summary").first.click()
    assert tab.locator("details table").first.is_visible()
    context.close()


def test_first_paint_does_not_wait_for_the_charts(browser, address):
    """The script stands after all that is read, and runs when that is there."""
    with opened(browser, address("incident")) as tab:
        order = (
            "document.querySelector('footer').compareDocumentPosition(document.querySelector('script[type=module]'))"
        )
        assert tab.page.evaluate(order) == 4  # DOCUMENT_POSITION_FOLLOWING
