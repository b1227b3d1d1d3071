"""The pages in a real browser: charts are drawn under the strict policy, nothing is refused."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser said on its console, and every answer that was no success."""
    return []


@pytest.fixture
def tab(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    opened = browser.new_page()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("response", lambda got: complaints.append(got.url) if got.status >= 400 else None)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("path", "charts"),
    [
        ("/", ["quarter-chart"]),
        ("/deals/d-1001", ["curve-chart", "history-chart"]),
        ("/leads", []),
        ("/leads/l-3", ["curve-chart"]),
    ],
)
@pytest.mark.parametrize("width", [1280, 390])
def test_charts_are_drawn_without_a_complaint(
    tab: Page, complaints: list[str], address: str, path: str, charts: list[str], width: int
) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(address + path)
    for chart in charts:
        tab.wait_for_selector(
            f"#{chart} .main-svg .trace, #{chart} .main-svg .point", state="attached"
        )
    assert complaints == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_charts_follow_the_dark_scheme(tab: Page, complaints: list[str], address: str) -> None:
    tab.emulate_media(color_scheme="light")
    tab.goto(address)
    bar = tab.locator("#quarter-chart .bars path").last
    bar.wait_for(state="attached")
    light = bar.evaluate("node => getComputedStyle(node).fill")
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function(
        "light => { const bars = document.querySelectorAll('#quarter-chart .bars path');"
        " return getComputedStyle(bars[bars.length - 1]).fill !== light; }",
        arg=light,
    )
    assert complaints == []


def test_a_reader_narrows_the_page_and_opens_a_deal(tab: Page, address: str) -> None:
    tab.goto(address)
    tab.get_by_label("Team").select_option("North")
    tab.get_by_role("button", name="Show").click()
    assert "team=North" in tab.url
    tab.get_by_role("table", name="Open deals").get_by_role("link").first.click()
    assert tab.locator("h1").inner_text().startswith("Deal ")
