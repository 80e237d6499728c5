"""The pages in a browser: sorting, filtering, jumps, dark, phone, nothing asked of anyone. Needs Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `browser`)")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM.is_file(), reason=f"{CHROMIUM} is not there")
ARGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, PHONE = (1400, 900), (390, 844)
PAGES = ("index", "noise", "equilibria", "instrument")
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any, reported: Path) -> Iterator[Open]:
    """Opens a page of the synthetic run; fails if anything was said on the console or asked of another place."""
    contexts, said = [], []

    def open_page(name: str, size: tuple[int, int] = WIDE, scheme: str = "light") -> Any:
        file, _, jump = name.partition("#")
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request", lambda asked: said.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None
        )
        page.goto(f"{(reported / file).as_uri()}.html" + (f"#{jump}" if jump else ""))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_its_window(visit: Open, name: str, size: tuple[int, int]) -> None:
    page = visit(name, size)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelector('nav').offsetHeight") < 60  # one line


def test_the_answers_stand_on_the_first_screen(visit: Open) -> None:
    answers = visit("index").locator("ol.answers li")
    assert answers.count() == 5
    last = answers.nth(4).bounding_box()
    assert last["y"] + last["height"] < WIDE[1]


@pytest.mark.parametrize("name", ["noise", "instrument"])
def test_the_first_figure_stands_on_the_first_two_screens(visit: Open, name: str) -> None:
    assert visit(name).locator("figure").first.bounding_box()["y"] < 2 * WIDE[1]


HINTS = """[...document.querySelectorAll('.scroll:not(.sheet)')].filter((box) => box.clientWidth).map(
    (box) => [box.scrollWidth > box.clientWidth, getComputedStyle(box, '::before').content.includes('swipe')])"""


def test_a_table_wider_than_a_phone_says_so_and_no_other(visit: Open) -> None:
    boxes = [box for name in PAGES for box in visit(name, PHONE).evaluate(HINTS)]
    assert {tuple(box) for box in boxes} == {(True, True), (False, False)}
    assert not any(hint for _, hint in visit("index", WIDE).evaluate(HINTS))


def test_sentence_and_interval_are_in_view_on_a_phone(visit: Open) -> None:
    page = visit("index#sentences", PHONE)
    for part in (".first .sentence", ".first .nums"):
        box = page.locator(part).first.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE[0]


def test_rows_are_sorted_by_a_click_both_ways_and_stay_whole(visit: Open) -> None:
    page = visit("noise#C1.1")
    table = page.locator("table.rows").first
    whole = table.evaluate("t => [...t.tBodies].map(b => b.rows.length)")
    assert set(whole) == {2}  # a row and its reason
    verdicts = "t => [...t.tBodies].map(b => b.rows[0].cells[0].textContent.trim())"
    before = table.evaluate(verdicts)
    head = table.locator("th").first
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert sorted(table.evaluate(verdicts)) == sorted(before)
    up = table.evaluate(verdicts)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending" and table.evaluate(verdicts) == up[::-1]
    assert table.evaluate("t => [...t.tBodies].map(b => b.rows.length)") == whole


def test_numbers_are_sorted_as_numbers_and_gaps_come_last(visit: Open) -> None:
    page = visit("index")
    page.set_content(TABLE.replace("SCRIPT", _script(page)))
    page.locator("th button").nth(1).click()
    assert page.evaluate("[...document.querySelectorAll('tbody tr')].map(r => r.cells[1].textContent)") == [
        "9", "10 [1, 2]", "2 million", "-",
    ]  # fmt: skip
    assert page.evaluate("[...document.querySelectorAll('tbody tr')].map(r => r.cells[0].textContent)") == [
        "a", "b", "a", "b",
    ]  # fmt: skip


TABLE = """<div><table><thead><tr><th>label</th><th>n</th></tr></thead><tbody>
<tr><td rowspan="2">a</td><td>2 million</td></tr><tr><td>9</td></tr>
<tr><td rowspan="2">b</td><td>-</td></tr><tr><td>10 [1, 2]</td></tr></tbody></table></div><script>SCRIPT</script>"""


def _script(page: Any) -> str:
    return page.evaluate("document.scripts[0].textContent")


def test_a_filter_leaves_the_rows_that_hold_all_its_words(visit: Open, reported: Path) -> None:
    page = visit("instrument#controls")
    page.set_content(MANY.replace("SCRIPT", _script(page)))
    page.locator("input[type=search]").fill("row 1")
    assert page.locator("tbody tr:visible").count() == 2 and page.locator("output").inner_text() == "2 of 10"
    page.locator("input[type=search]").fill("")
    assert page.locator("tbody tr:visible").count() == 10


MANY = (
    "<div><table><thead><tr><th>a</th></tr></thead><tbody>"
    + "".join(f"<tr><td>row {k}</td></tr>" for k in range(1, 11))
    + "</tbody></table></div><script>SCRIPT</script>"
)


def test_a_jump_to_a_folded_row_unfolds_it(visit: Open) -> None:
    page = visit("noise")
    target = page.evaluate("document.querySelector('details:not([open]) tbody[id], details:not([open]) figure[id]').id")
    page = visit(f"noise#{target}")
    assert page.locator(f"[id='{target}']").is_visible()
    assert abs(page.locator(f"[id='{target}']").bounding_box()["y"]) < WIDE[1]


def test_dark_is_dark_and_print_shows_no_tools(visit: Open) -> None:
    light = "getComputedStyle(document.body).backgroundColor"
    assert visit("index").evaluate(light) == "rgb(255, 255, 255)"
    page = visit("index", scheme="dark")
    assert page.evaluate(light) == "rgb(20, 23, 29)"
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
