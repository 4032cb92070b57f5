"""The page in a real browser: what people see, hear, type and click."""

from __future__ import annotations

import json
import time
from pathlib import Path

import orjson
import pytest

from audiobench.cli import main
from audiobench.results.runs import Run
from audiobench.view.collect import collect

from .chromium import Browser
from .synthetic import HOSTILE_IDS, HOSTILE_TEXT, many, record, task_json, write_run

pytestmark = pytest.mark.browser

COUNT = "document.querySelector('.count')?.textContent"
SHOWN = "document.querySelector('.sample h1')?.textContent"
AUDIO = "document.querySelector('.sample audio')"
PIXELS = """(() => { const c = document.querySelector('.sample canvas'); if (!c.width) return 0;
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, seen = new Set();
  for (let i = 0; i < d.length; i += 4 * 97) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); return seen.size; })()"""


@pytest.fixture(autouse=True)
def desk(browser: Browser):
    """A desktop window in light colours; nothing may go wrong in the page, whatever a test does."""
    browser.viewport(1360, 900)
    browser.scheme("light")
    yield
    assert browser.problems() == []


def look(browser: Browser, address: str, hash: str) -> None:
    browser.open(f"{address}#{hash}")


@pytest.mark.parametrize("kind", ["disk", "served", "embedded"])
def test_a_clip_plays_seeks_and_is_drawn(browser, page, served, export, run, kind) -> None:
    address = {"disk": page, "served": served.address}.get(kind)
    if address is None:
        address = (export(run, audio="embedded", only=["house-00001"]).folder / "index.html").as_uri()
    look(browser, address, "/household/house-00001")
    browser.until(f"{AUDIO}?.readyState >= 1")
    browser.until(f"{PIXELS} > 20")
    browser.click(".play")
    browser.until(f"{AUDIO}.currentTime > 0.15")
    browser.click(".play")
    assert browser.js(f"{AUDIO}.paused")
    browser.js(f"{AUDIO}.currentTime = 1.5")
    browser.until(f"!{AUDIO}.seeking && Math.abs({AUDIO}.currentTime - 1.5) < 0.05")
    assert browser.js("document.querySelector('.clock').textContent") == "1.5 / 2.0 s"


def test_a_click_on_the_picture_goes_there(browser, page) -> None:
    look(browser, page, "/household/house-00001")
    browser.until(f"{AUDIO}?.readyState >= 1")
    browser.click(".picture")
    browser.until(f"Math.abs({AUDIO}.currentTime - 1.0) < 0.05")


def test_filters_agree_with_the_outcomes(browser, page, run) -> None:
    rows = [
        [epochs[0].outcome for epochs in arms] for arms in collect([Run.open(run)])[0].samples.values()
    ]  # fmt: skip
    valued = [(a.value, b.value) for a, b in rows if a.value is not None and b.value is not None]
    expected = {
        "all": 300,
        "flipped": sum(a != b for a, b in valued),
        "gained": sum(a < b for a, b in valued),
        "lost": sum(a > b for a, b in valued),
        "right": sum(a.value == b.value == 1 for a, b in rows),
        "wrong": sum(0.0 in (a.value, b.value) for a, b in rows),
        **{kind: sum(kind in (a.status, b.status) for a, b in rows) for kind in ("unparsed", "truncated", "refused", "error")},
    }  # fmt: skip
    assert min(expected.values()) > 0
    look(browser, page, "/household")
    for show, n in expected.items():
        chip = f".chip[data-show={show}]"
        assert browser.js(f"document.querySelector('{chip} .chip-count').textContent") == str(n)
        browser.click(chip)
        assert browser.js(COUNT) == f"{n} of 300 samples"


def test_category_and_text_narrow_the_list_and_stand_in_the_address(browser, page) -> None:
    look(browser, page, "/household")
    browser.js(
        "(s => { s.value = '1'; s.dispatchEvent(new Event('change')); })(document.querySelector('.selects select'))"
    )
    domain = browser.js("document.querySelector('.selects select').selectedOptions[0].textContent")
    browser.key("/")
    browser.type("CLIP 1 twice")
    assert browser.js("document.activeElement.type") == "search"
    count = browser.js(COUNT)
    assert 0 < int(count.split()[0]) < 60
    texts = browser.js("[...document.querySelectorAll('.row-text')].map(e => e.textContent)")
    assert texts and all("1" in text and "twice" in text for text in texts)
    browser.until("location.hash.includes('q=CLIP')")
    assert f"c.domain={domain}" in browser.js("location.hash")
    address = browser.js("location.href")
    browser.open(address)
    assert browser.js(COUNT) == count
    browser.click(".count-line button")
    assert browser.js(COUNT) == "300 of 300 samples"


def test_search_reaches_into_reasoning_when_asked(browser, page, run) -> None:
    word = "harmonics"
    said = [
        any(word in scored.record.reasoning for epochs in arms for scored in epochs)
        for arms in collect([Run.open(run)])[0].samples.values()
    ]  # fmt: skip
    look(browser, page, "/household")
    browser.key("/")
    browser.type(word)
    browser.until(f"{COUNT} === '0 of 300 samples'")
    browser.click(".deep input")
    browser.until(f"{COUNT} === '{sum(said)} of 300 samples'")
    browser.until("location.hash.includes('in=all')")
    browser.open(browser.js("location.href"))
    browser.until(f"{COUNT} === '{sum(said)} of 300 samples'")
    assert 0 < sum(said) < 300


def test_the_whole_way_by_keyboard(browser, page) -> None:
    look(browser, page, "/household")
    browser.key("j")
    browser.until(f"{SHOWN} === 'house-00000'")
    browser.key("ArrowDown")
    browser.until(f"{SHOWN} === 'house-00001'")
    browser.key("k")
    browser.until(f"{SHOWN} === 'house-00000'")
    browser.until("location.hash === '#/household/house-00000'")
    browser.until(f"{AUDIO}?.readyState >= 1")
    browser.key(" ")
    browser.until(f"!{AUDIO}.paused && {AUDIO}.currentTime > 0")
    browser.key(" ")
    browser.until(f"{AUDIO}.paused")
    browser.js(f"{AUDIO}.currentTime = 0")
    browser.key("ArrowRight")
    browser.until(f"{AUDIO}.currentTime >= 0.99")
    browser.key("f")
    browser.until("document.querySelector('.chip.flipped').getAttribute('aria-pressed') === 'true'")
    browser.key("?")
    browser.until("document.getElementById('keys').open")
    browser.key("Escape")
    browser.until("!document.getElementById('keys').open")
    browser.key("/")
    browser.type("jjj")
    browser.until(f"{COUNT} === '0 of 300 samples'")
    assert browser.js(SHOWN) == "house-00000"
    browser.key("Escape")
    before = browser.js("getComputedStyle(document.body).backgroundColor")
    browser.key("d")
    browser.until(f"getComputedStyle(document.body).backgroundColor !== '{before}'")
    browser.key("d")
    browser.key("o")
    browser.until("!!document.querySelector('.overview .card')")


def test_links_lead_into_the_samples_and_back(browser, page, run) -> None:
    browser.open(page)
    assert browser.js("document.querySelectorAll('.reference').length") == 2
    assert browser.js("document.querySelector('.reference.own').textContent").startswith("step-audio-r1: 77.7")
    gained = browser.js("document.querySelector('.differences a').textContent")
    browser.click(".differences a")
    browser.until(f"{COUNT}?.startsWith('{gained.split()[0]} of')")
    browser.click(".row:nth-child(2)")
    browser.until(f"!!{SHOWN}")
    link, shown = browser.js("location.href"), browser.js(SHOWN)
    assert link.endswith(f"#/household/{shown}?show=gained")
    browser.open(link)
    browser.until(f"{SHOWN} === '{shown}'")
    assert browser.js(COUNT).startswith(gained.split()[0])
    assert browser.js("document.querySelector('.row[aria-selected=true] .id').textContent") == shown
    look(browser, page, "/household/no-such-sample")
    assert "No sample" in browser.js("document.querySelector('.detail').textContent")


def test_figures_are_rounded_as_in_the_tables_of_the_command_line(browser, page) -> None:
    shares = [k / 400 for k in range(401)]
    shown = browser.js(f"{json.dumps(shares)}.map(share => AB.score(share, {{percent: true}}))")
    assert shown == [f"{100 * share:.1f}" for share in shares]


def test_a_sample_tells_everything(browser, page, run) -> None:
    look(browser, page, "/household/house-00002")
    browser.until(f"!!{SHOWN}")
    scored = collect([Run.open(run)])[0].samples["house-00002"][1][0]
    arm = browser.js("document.querySelectorAll('.arm')[1].innerText")
    for text in (scored.record.reasoning[:60], scored.record.text, "tiny-audio", "412 prompt",
                 f"rule {scored.outcome.rule}", "finish reason", "first token"):  # fmt: skip
        assert text in arm
    target = browser.js("document.querySelector('.choices .is-target .option-text').textContent")
    assert target == scored.shown.target
    assert browser.js("document.querySelectorAll('.choices .who').length") == 2
    browser.click("details.fold summary")
    prompt = browser.js("document.querySelector('.turns').innerText")
    assert scored.record.prompt[0].parts[1].splitlines()[-1] in prompt
    assert "audio 1" in prompt
    assert browser.js("document.querySelectorAll('.turns')[1].textContent").endswith("assistant (prefill)<think>\n")


def test_hostile_output_is_inert_and_visible(browser, export, hostile_run) -> None:
    address = (export(hostile_run).folder / "index.html").as_uri()
    browser.open(address)
    assert HOSTILE_TEXT[:40] in browser.js("document.querySelector('h2').textContent")
    for id in HOSTILE_IDS:
        browser.open(address)
        browser.js(f"location.hash = AB.address('hostile', {json.dumps(id)}, {{}})")
        browser.until("!!document.querySelector('.sample')")
        assert browser.js("AB.store.task('hostile').then(i => i.ids.length)") == len(HOSTILE_IDS)
        browser.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        codes = browser.js(
            "[...new Set([...document.querySelectorAll('.question .hidden-char')].map(e => e.textContent))]"
        )
        assert codes == ["U+202E", "U+202C", "U+0000", "U+001B", "U+2028", "U+FEFF"]
        assert (
            browser.js(
                "document.querySelectorAll('main img, main script, main style, main iframe, main b:not(.arm-pickers b)').length"
            )
            == 0
        )
        assert "end-of-attack" in browser.js("document.querySelector('.choices').textContent")
    assert browser.js("window.hacked") is None
    assert browser.js("({}).x === undefined && Object.prototype.domain === undefined")
    # the last one, `plain`, thought a megabyte: it comes in pieces
    assert browser.js("document.querySelector('.arm .tall:has(.more)').textContent.length") < 60_000
    browser.click(".arm .more")
    assert browser.js("document.querySelector('.arm .prose .more') !== null")


def test_missing_audio_is_said(browser, export, hostile_run) -> None:
    look(browser, (export(hostile_run).folder / "index.html").as_uri(), "/hostile/constructor")
    browser.until("!!document.querySelector('.clip-error')")
    assert "/etc/passwd" in browser.js("document.querySelector('.clip-error').textContent")
    assert browser.js("document.querySelector('.play').disabled")


def test_graded_samples_are_sorted_by_what_changed(browser, export, tmp_path: Path, clips) -> None:
    target = "rain falls on roofs"
    heard = {"same": (target, target), "loss": (target, "rain falls"), "gain": ("rain", target), "bad": ("no", "no")}
    lines = []
    for id, texts in heard.items():
        sample = {"question": "", "choices": [], "target": target, "metadata": {}, "cluster": None}
        lines += [
            record(id, think, text, clips[:1], sample=sample) for think, text in zip(("off", "on"), texts, strict=True)
        ]
    metric = {"metric": "wer", "aggregation": "corpus", "higher_is_better": False}
    task = task_json("asr", scorer="wer", extraction=["full_text"], metric_list=[metric], breakdown=[], chance="none")
    address = (export(write_run(tmp_path / "run", lines, task=task)).folder / "index.html").as_uri()
    first = {"": "same", "worst": "bad", "lost": "loss", "gained": "gain"}
    for order, id in first.items():
        look(browser, address, f"/asr?sort={order}")
        assert browser.js("document.querySelector('.row .id').textContent") == id
    assert browser.js("[...document.querySelectorAll('.chip')].slice(0, 4).map(e => e.textContent)") == [
        "All 4", "Different 2", "Better 1", "Worse 1",
    ]  # fmt: skip
    assert browser.js("document.querySelector('.row-text').textContent") == target


def test_fewer_word_errors_are_gained_on_the_overview_as_in_the_list(browser, export, tmp_path: Path, clips) -> None:
    target = "rain falls on roofs"
    lines = []
    for i in range(40):
        sample = {"question": "", "choices": [], "target": target, "metadata": {}, "cluster": None}
        texts = ("rain falls", target) if i < 31 else (target, "rain") if i < 36 else (target, target)
        lines += [
            record(f"s{i:02}", think, text, clips[:1], sample=sample)
            for think, text in zip(("off", "on"), texts, strict=True)
        ]
    task = task_json("asr", scorer="wer", extraction=["full_text"], metric_list=[{"metric": "wer"}], chance="none")
    browser.open((export(write_run(tmp_path / "run", lines, task=task)).folder / "index.html").as_uri())
    browser.until("!!document.querySelector('.differences')")
    said = browser.js("document.querySelector('.differences').textContent")
    assert "−29.4 points" in said and "31 gained, 5 lost" in said
    browser.click(".differences a")
    browser.until(f"{COUNT}?.startsWith('31 of')")


def test_a_score_on_a_part_of_the_data_set_says_so(browser, export, tmp_path: Path, clips) -> None:
    lines = [record(f"s{i}", "off", "A.", clips[:1]) for i in range(12)]
    for rows, told in ((1110, "on 12 of 1,110 samples"), (None, "")):
        run = write_run(tmp_path / f"run{rows}", lines, rows=rows)
        browser.open((export(run).folder / "index.html").as_uri())
        browser.until("!!document.querySelector('.overview .card')")
        said = browser.js("document.querySelector('.overview .card').textContent")
        assert told in said and ("samples" in told or "of 1,110" not in said)


def test_what_was_done_to_the_audio_is_said(browser, export, tmp_path: Path, clips) -> None:
    changed = {**clips[0], "transform": "reverse", "changed": ["reversed", "resampled 16000 -> 8000 Hz"]}
    lines = [
        record("s", "off", "A.", clips[:1]),
        record("s", "on", "B.", [changed]),
        record("t", "off", "A.", []),
        record("t", "on", "A.", []),
    ]
    look(browser, (export(write_run(tmp_path / "run", lines)).folder / "index.html").as_uri(), "/household/s")
    browser.until("!!document.querySelector('.heard')")
    said = browser.js("document.querySelector('.heard').innerText")
    assert "think=on was sent it reversed, resampled 16000 -> 8000 Hz" in said.replace("\n", " ")
    assert "think=off" not in said
    browser.key("j")
    browser.until("document.querySelector('.no-audio')?.textContent === 'No audio was sent in the arms shown.'")


@pytest.mark.parametrize("hash", ["/", "/household", "/household/house-00002"])
def test_a_phone_needs_no_sideways_scrolling(browser, page, hash) -> None:
    browser.viewport(390, 844, phone=True)
    look(browser, page, hash)
    browser.until("!!document.querySelector('.card, .row')")
    assert browser.js("document.documentElement.scrollWidth") == 390
    if hash.endswith("2"):
        browser.until("!!document.querySelector('.sample')")
        assert not browser.js("document.querySelector('.panel').checkVisibility()")
        browser.click(".back")
        browser.until("document.querySelector('.panel').checkVisibility()")
        assert browser.js("document.querySelector('.row[aria-selected=true]')") is None


def test_a_score_of_sounds_is_shown_whole_on_a_phone(browser, export, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(tmp_path / "cache"))
    words = ["run", "--model", "synthesiser-right", "--tasks", "made_sounds", "--limit", "36", "--quiet"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    address = (export(tmp_path / "run").folder / "index.html").as_uri()
    browser.viewport(390, 844, phone=True)
    look(browser, address, "/")
    browser.until("!!document.querySelector('.breakdown .dot')")
    cut = "[...document.querySelectorAll('.card .scroll')].filter((box) => box.scrollWidth > box.clientWidth).length"
    assert browser.js(cut) == 0, "nothing of a table is out of sight"
    ends = "[...document.querySelectorAll('.breakdown .dot, .breakdown .whisker')].map((e) => e.getAttribute('x2') || e.getAttribute('cx'))"
    assert "100.00%" not in browser.js(ends), "no score of a part lies beyond the axis of the parts"
    browser.click(".card .button")
    browser.until("!!document.querySelector('.row')")
    browser.click(".row")
    browser.until("!!document.querySelector('.sample .answer')")
    assert browser.js("document.querySelector('.sample .answer').textContent") == "answered in sound"
    names = (
        "[...document.querySelectorAll('.facts-grid dt')].filter((name) => name.scrollWidth > name.clientWidth).length"
    )
    assert browser.js(names) == 0, "no name of a measure runs into its figure"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser, page, scheme) -> None:
    browser.scheme(scheme)
    look(browser, page, "/household/house-00007")
    browser.until("!!document.querySelector('.sample')")
    browser.until("document.getAnimations().length === 0")  # colours fade in
    low = browser.js("""(() => {
      const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const back = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
      const bad = [];
      for (const e of document.querySelectorAll('body *')) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility() || e.closest(':disabled')) continue;
        const a = light(rgb(getComputedStyle(e).color)), b = light(back(e));
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) bad.push(`${e.className || e.tagName}: ${ratio.toFixed(2)}`);
      }
      return [...new Set(bad)];
    })()""")
    assert low == []


def test_every_control_has_a_name(browser, page) -> None:
    look(browser, page, "/household/house-00002")
    browser.until("!!document.querySelector('.sample')")
    unnamed = [
        node["role"]["value"]
        for node in browser("Accessibility.getFullAXTree")["nodes"]
        if node.get("role", {}).get("value")
        in ("button", "combobox", "searchbox", "slider", "link", "option", "listbox", "img")
        and not node.get("ignored")
        and not node.get("name", {}).get("value")
    ]
    assert unnamed == []


def test_ten_thousand_samples_stay_quick(browser, export, tmp_path: Path, clips) -> None:
    written = export(write_run(tmp_path / "big", many(10_000, clips)), pictures=0)
    address = (written.folder / "index.html").as_uri()
    browser.open(address)
    opened = browser.js("performance.now()")
    assert opened < 2000
    browser.js("location.hash = '#/household'")
    browser.until(f"{COUNT} === '10,000 of 10,000 samples'", seconds=2)
    timed = """((act) => { const start = performance.now(); act(); document.body.offsetHeight; return performance.now() - start; })"""
    times = [
        browser.js(f"{timed}(() => document.querySelector('.chip.{show}').click())")
        for show in ("flipped", "wrong", "all")
    ]
    search = "(() => { const box = document.querySelector('[type=search]'); box.value = 'clip 99'; box.dispatchEvent(new Event('input')); })"
    times += [browser.js(f"{timed}({search})") for _ in range(2)]
    assert max(times) < 200, times
    assert browser.js(COUNT) == f"{sum('99' in f'{n:05d}' for n in range(10_000))} of 10,000 samples"
    assert browser.js("document.querySelectorAll('.row').length") < 60
    browser.js(
        "(() => { const box = document.querySelector('[type=search]'); box.value = 'harmonics'; box.dispatchEvent(new Event('input')); })()"
    )
    start = time.perf_counter()
    browser.click(".deep input")
    browser.until(f"!{COUNT}.includes('searched') && !{COUNT}.startsWith('0 ')")
    deep = time.perf_counter() - start
    browser.click(".count-line button")
    browser.js("(r => { r.scrollTop = r.scrollHeight; })(document.querySelector('.rows'))")
    browser.until("[...document.querySelectorAll('.id')].some(e => e.textContent === 'house-09999')")
    browser.js("location.hash = '#/household/house-07777'")
    browser.until(f"{SHOWN} === 'house-07777'", seconds=2)
    print(
        f"\n10,000 samples: open {opened:.0f} ms, filter {max(times):.0f} ms at most, search in full {deep:.1f} s, {written.bytes / 1e6:.1f} MB"
    )


def test_a_record_of_several_turns_shows_them_all(browser, export, tmp_path) -> None:
    line = record("s", "on", "A.", [])
    line["turns"] = [
        {
            "sent": [], "generation": {"max_gen_toks": 8},
            "response": {"text": "first a hum", "finish_reason": "length", "usage": {"completion": 8}, "latency": {"total": 0.5}},
        },
        {"sent": [{"role": "user", "parts": ["Listen again.", {"video": 0}]},
                  {"role": "assistant", "parts": [], "calls": [{"name": "look_up", "arguments": {"word": "hum"}}]},
                  {"role": "tool", "parts": ["a low sound"], "answers": {"name": "look_up", "arguments": {"word": "hum"}}}],
         "response": {"text": "A.", "reasoning": "a hiss, then", "finish_reason": "stop"}},
    ]  # fmt: skip
    page = (export(write_run(tmp_path / "run", [line])).folder / "index.html").as_uri()
    look(browser, page, "/household/s")
    browser.until(f"!!{SHOWN}")
    assert browser.js("document.querySelector('.exchange summary').textContent") == "All 2 turns"
    browser.click(".exchange summary")
    shown = browser.js("document.querySelector('.exchange').innerText")
    for words in (
        "first a hum",
        "max_gen_toks",
        "length",
        "Listen again.",
        "video 1",
        "a hiss, then",
        "hum",
        "tool: look_up",
        "a low sound",
    ):
        assert words in shown


def test_the_parts_of_a_structured_thought_are_shown(browser, export, tmp_path) -> None:
    line = record("s", "on", "A.", [], reasoning="<PLAN>listen</PLAN><CAPTION>a <b>low</b> hum</CAPTION>")
    run = write_run(tmp_path / "run", [line])
    info = orjson.loads((run / "run.json").read_bytes())
    info["model"] |= {"adapter": "scripted", "served_model": "m", "thinking": {"sections": ["PLAN", "CAPTION"]}}
    (run / "run.json").write_bytes(orjson.dumps(info))
    look(browser, (export(run).folder / "index.html").as_uri(), "/household/s")
    browser.until(f"!!{SHOWN}")
    shown = "[...document.querySelectorAll('.sections dt, .sections dd')].map(e => e.textContent).join('|')"
    assert browser.js(shown) == "PLAN|listen|CAPTION|a <b>low</b> hum"


def test_a_record_of_one_turn_shows_no_list_of_turns(browser, page) -> None:
    look(browser, page, "/household/house-00002")
    browser.until(f"!!{SHOWN}")
    assert not browser.js("document.querySelector('.exchange')")


def test_what_was_heard_again_is_on_the_waveform_in_the_order_heard(browser, export, clips, tmp_path) -> None:
    clip = clips[1]
    spans = ((0.5, 1.5), (0.2, 0.6))
    condition = {"think": "on", "audio": "full", "protocol": "relisten:form=inline:hear=span:turns=8"}
    audio = [clip, *({**clip, "span": list(span), "changed": [f"cut to {span[0]}-{span[1]} s"]} for span in spans)]
    line = record("again", "on", "A", audio, condition={**condition, "option_order": 0, "prompt": "default"})
    run = write_run(tmp_path / "run", [line])
    address = (export(run, audio="embedded").folder / "index.html").as_uri()
    look(browser, address, "/household/again")
    browser.until(f"{AUDIO}?.readyState >= 1")
    marks = "[...document.querySelectorAll('.sample .again')]"
    assert browser.js(f"{marks}.map((m) => [m.textContent, parseFloat(m.style.left), parseFloat(m.style.width)])") == [
        ["1", 25, 50], ["2", 10, 20],
    ]  # fmt: skip
    told = browser.js("[...document.querySelectorAll('.again-list li')].map((line) => line.textContent)")
    assert [text.split("heard again")[1] for text in told] == [
        " (1) 0.50\u202fs to 1.50\u202fs",
        " (2) 0.20\u202fs to 0.60\u202fs",
    ]
    assert "cut to" not in browser.js("document.querySelector('.sample figcaption').textContent")
    browser.click(".again:last-child")
    browser.until(f"{AUDIO}.paused && {AUDIO}.currentTime >= 0.6 && {AUDIO}.currentTime < 0.9")
    for width in (390, 1280, 1920):
        browser.viewport(width, 900)
        assert browser.js("document.documentElement.scrollWidth <= window.innerWidth")
