"""Take a picture of a page with a real Chromium: `python -m demo.picture report.html picture.png`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT, SCALE = 1100, 1625, 0.8
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """Where Chromium is; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@click.command()
@click.argument("page", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("picture", type=click.Path(path_type=Path, dir_okay=False))
def main(page: Path, picture: Path) -> None:
    """Write the top of PAGE, with its charts drawn, to PICTURE."""
    program = chromium()
    if program is None:
        click.echo("driftline: no Chromium here: install chromium", err=True)
        sys.exit(1)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        tab = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE, color_scheme="light"
        )
        tab.goto(page.resolve().as_uri())
        tab.locator("[data-drawn]").last.wait_for(state="attached")
        picture.parent.mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=picture)
        browser.close()
    click.echo(f"{picture}: {picture.stat().st_size / 1e3:.0f} kB", err=True)


if __name__ == "__main__":
    main()
