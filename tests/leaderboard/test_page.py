"""The leaderboard page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audiobench.leaderboard.board import make_board
from audiobench.leaderboard.page import html
from tests.gate.runs import answers, write_run
from tests.view.chromium import Browser, executable

pytestmark = [pytest.mark.browser, pytest.mark.skipif(executable() is None, reason="no Chromium on this machine")]
HOSTILE = "<script>window.owned=1</script><img src=x onerror='window.owned=1'>"
MODELS = "[...document.querySelectorAll('tbody .name')].map(e => e.textContent)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


def test_it_sorts_and_runs_nothing_that_a_model_name_says(browser: Browser, tmp_path: Path) -> None:
    for model, right in (("b", 0.9), ("a", 0.7), ("hostile", 0.2)):
        lines = answers([i < 100 * right for i in range(100)], think="on") + answers([0] * 100, think="off")
        write_run(tmp_path / "runs" / str(right), {"t": lines, "u": lines}, model=model)
    page = tmp_path / "board.html"
    board = make_board([tmp_path / "runs"])
    for row in board.rows:  # run.json may not hold such a name; a published row may
        row.model = HOSTILE if row.model == "hostile" else row.model
    page.write_text(html(board), encoding="utf-8")
    browser.viewport(1360, 900)
    browser.open(page.as_uri())
    assert browser.js(MODELS)[:3] == ["b", "a", HOSTILE]
    assert browser.js("getComputedStyle(document.querySelector('.card')).borderRadius") == "12px", (
        "the style is allowed"
    )
    browser.click("th.m button")
    browser.click("th.m button")
    assert browser.js(f"{MODELS}.filter(m => m.length === 1)") == ["a", "a", "b", "b"]
    assert browser.js("document.querySelector('th.m').getAttribute('aria-sort')") == "ascending"
    assert browser.js("window.owned") is None
    assert browser.problems() == []
    browser.viewport(390, 800, phone=True)
    assert browser.js("document.documentElement.scrollWidth") <= 390, "the table scrolls, not the page"


def test_rows_can_be_searched_and_filtered_and_the_address_keeps_it(browser: Browser, tmp_path: Path) -> None:
    for model in ("alpha", "beta"):
        lines = answers([1] * 40, think="on") + answers([0] * 40, think="off")
        write_run(tmp_path / "runs" / model, {"t": lines, **({"u": lines} if model == "beta" else {})}, model=model)
    page = tmp_path / "board.html"
    page.write_text(html(make_board([tmp_path / "runs"])), encoding="utf-8")
    shown = "[...document.querySelectorAll('tr[data-model]')].filter(r => !r.hidden).map(r => `${r.dataset.model} ${r.dataset.condition}`)"
    browser.viewport(1360, 900)
    browser.open(f"{page.as_uri()}#q=BETA&condition=think%3Don+audio%3Dfull")
    assert browser.js(shown) == ["beta think=on audio=full"]
    browser.js("(f => { f.q.value = ''; f.condition.value = ''; f.task.value = 'u';"
               " f.dispatchEvent(new Event('input', {bubbles: true})) })(document.querySelector('form'))")  # fmt: skip
    assert sorted(browser.js(shown)) == ["beta think=off audio=full", "beta think=on audio=full"]
    assert browser.js("location.hash") == "#task=u"
    assert browser.js("document.querySelector('output').textContent") == "2 of 4 rows"
    assert browser.problems() == []


def test_a_phone_shows_every_score_without_scrolling_sideways(browser: Browser, tmp_path: Path) -> None:
    tasks = {f"task_{i}": answers([1] * 20) for i in range(9)}
    write_run(tmp_path / "runs" / "m", tasks, model="a-model-with-a-rather-long-name-of-its-own")
    page = tmp_path / "board.html"
    page.write_text(html(make_board([tmp_path / "runs"])), encoding="utf-8")
    browser.viewport(390, 800, phone=True)
    browser.open(page.as_uri())
    outside = "[...document.querySelectorAll('td')].filter(c => c.getBoundingClientRect().right > innerWidth).length"
    assert browser.js(outside) == 0
    assert browser.js("document.querySelectorAll('tr[data-model] td[data-task] .v').length") == 9
