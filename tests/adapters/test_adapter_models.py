"""Every declared model and every adapter name."""

from __future__ import annotations

import asyncio
import csv
import importlib
from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from audiobench.core.parts import words
from audiobench.core.types import Request
from audiobench.model.adapter import Adapter, RetryableError
from audiobench.model.registry import ADAPTERS, build_adapter, find_model, model_files, refusal, sha256_of
from audiobench.model.spec import ModelSpec
from model_adapters.dialects import DIALECTS


def cannot(spec: ModelSpec, generation: dict[str, Any], *, prefill: bool = False) -> str | None:
    return refusal(spec, Request((), generation, prefill=words("<think>\n") if prefill else None))


API = sorted(
    name
    for name in model_files()
    if find_model(name).adapter in ("openai_chat", "gemini", "cascade", "transcriptions", "scripted")
)
CONTROLS = {
    "scripted", "random", "first_choice", "deaf", "oracle", "synthesiser", "tone_speaker", "tone_listener", "tone_oracle",
}  # fmt: skip
CHECKED = date(2026, 11, 23)


@pytest.mark.parametrize("name", sorted(model_files()))
def test_every_model_file_is_valid_and_named_as_its_file(name):
    spec = find_model(name)
    assert spec.name == name
    assert spec.adapter in ADAPTERS
    assert len(sha256_of(spec)) == 64


@pytest.mark.parametrize("name", API)
def test_every_model_behind_a_server_can_be_built_with_a_key_alone(name, monkeypatch):
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://example.openai.azure.com")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    spec = find_model(name)
    for variable in spec.api_key_env:
        monkeypatch.setenv(variable, "FAKE")
    # a server of one's own has no address until it runs
    own = spec.adapter == "openai_chat" and spec.base_url is None and DIALECTS[spec.dialect].base_url is None
    assert isinstance(build_adapter(spec, base_url="http://127.0.0.1:1/v1" if own else None), Adapter)


@pytest.mark.parametrize("name", API)
def test_what_a_model_file_prescribes_can_be_sent(name):
    spec = find_model(name)
    for mode in (spec.thinking.on, spec.thinking.off, spec.thinking.budget):
        prefill = mode.prefill is not None or (mode is spec.thinking.budget and _two_passes(spec))
        assert cannot(spec, {**spec.sampling, **mode.generation}, prefill=prefill) is None
    if spec.adapter == "openai_chat" and DIALECTS[spec.dialect].formats and not spec.text_only:
        assert set(spec.audio.formats) <= set(DIALECTS[spec.dialect].formats or ())


def _two_passes(spec) -> bool:
    return spec.thinking.budget.how != "unsupported" and spec.thinking.budget.method == "two_pass"


def test_a_plan_can_say_what_a_server_cannot():
    model = find_model("gpt-audio-1.5")
    assert cannot(model, {"temperature": 0.7, "repetition_penalty": 1.0, "seed": 3}) is None
    assert cannot(model, {"repetition_penalty": 1.07}) == (
        "model gpt-audio-1.5: openai has no parameter for repetition_penalty=1.07; "
        "--gen repetition_penalty=null leaves it out"
    )
    assert "cannot continue" in str(cannot(find_model("gemini-3.8-flash"), {}, prefill=True))
    assert cannot(find_model("oracle"), {"anything": 1}, prefill=True) is None


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_adapter_can_be_imported(name):
    module, _, cls = ADAPTERS[name].partition(":")
    assert callable(getattr(importlib.import_module(module), cls))


def test_think_modes_are_labelled_by_what_is_really_done():
    kinds = {name: find_model(name).thinking for name in model_files()}
    assert kinds["gemini-2.5-flash-lite"].off.how == "exact"
    assert kinds["gemini-2.5-flash-lite"].budget.range == (512, 24576)
    for name in (
        "gemini-2.5-pro",
        "gemini-3.1-pro-preview",
        "gemini-3.5-flash-lite",
        "gemini-3.8-flash",
        "gemini-4-argon",
    ):
        assert kinds[name].off.how == "approx", name
        assert kinds[name].off.label
    for name in ("gpt-audio-1.5", "gpt-audio", "gpt-audio-mini", "voxtral-small"):
        assert (kinds[name].on.how, kinds[name].on.label, kinds[name].off.how) == ("approx", "cot_prompt", "exact")
        assert kinds[name].on.prompt_suffix
    assert kinds["step-audio-r1.1-api"].off.how == "unsupported"


def test_every_approximation_has_a_label():
    for name in model_files():
        thinking = find_model(name).thinking
        for mode in (thinking.on, thinking.off, thinking.budget):
            assert mode.how != "approx" or mode.label, name


def test_prices_have_sources_and_do_not_overlap():
    for name in model_files():
        prices = sorted(find_model(name).prices, key=lambda p: p.valid_from or date.min)
        for price in prices:
            assert price.source, name
        for earlier, later in pairwise(prices):
            assert earlier.valid_to is not None
            assert later.valid_from is not None
            assert (later.valid_from - earlier.valid_to).days == 1, name


def test_a_price_that_changes_by_date():
    spec = find_model("gemini-4-argon")
    before, after = spec.price_on(date(2026, 11, 30)), spec.price_on(date(2026, 12, 1))
    assert before is not None
    assert after is not None
    assert (before.input, before.output, after.input, after.output) == (2, 10, 4, 20)
    retired = find_model("gemini-2.5-pro")
    assert retired.retires_on == date(2026, 12, 1)


ROWS = {
    "gpt-audio-mini": "gpt-audio-mini-2025-12-15",
    "gpt-audio-1.5-azure": "azure/gpt-audio-1.5-2026-02-23",
    "gemini-3.1-pro-preview-vertex": "vertex_ai/gemini-3.1-pro-preview",
    "voxtral-small": "mistral/voxtral-small-latest",
    "qwen3.8-omni-flash": "dashscope/qwen3.8-omni-flash",
}
"""Model -> row of the price list, where the names differ by more than `gemini/`."""
PRICED = sorted(name for name in model_files() if find_model(name).prices)


@pytest.mark.parametrize("name", PRICED)
def test_prices_are_those_of_the_price_list(name, shared):
    with (shared / "facts" / "prices.csv").open(encoding="utf-8") as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    price = find_model(name).price_on(CHECKED)
    assert price is not None
    if price.audio_second is not None:
        assert f"{price.audio_second:.6f}".rstrip("0") in rows[name]["note"]
        return
    row = rows[ROWS.get(name, name if name in rows else f"gemini/{name}")]
    for column, value in (
        ("usd_per_1M_text_in", price.input),
        ("usd_per_1M_audio_in", price.audio_input),
        ("usd_per_1M_text_out", price.output),
        ("usd_per_1M_audio_out", price.audio_output),
        ("usd_per_1M_cached_in", price.cached_input),
    ):
        assert value == (float(row[column]) if row[column] else None), column
    if not row["batch_in"]:
        assert price.batch_factor is None
        return
    assert price.batch_factor == pytest.approx(float(row["batch_in"]) / price.input)
    assert price.batch_factor == pytest.approx(float(row["batch_out"]) / price.output)
    if row["batch_audio_in"]:
        assert price.batch_factor == pytest.approx(float(row["batch_audio_in"]) / price.audio_input)


@pytest.mark.parametrize("name", ["gemini-3.6-flash", "gemini-3.7-flash", "gemini-3.8-flash"])
def test_promotional_prices_double_with_the_year(name):
    before, after = (find_model(name).price_on(day) for day in (date(2026, 12, 31), date(2027, 1, 1)))
    assert before is not None and after is not None
    assert (after.input, after.output) == (2 * before.input, 2 * before.output) == (1.5, 7.5)


def test_every_model_that_is_reached_says_where_its_facts_were_read_and_when():
    for name in model_files():
        spec = find_model(name)
        if spec.adapter in CONTROLS:
            continue
        assert spec.source and spec.checked_on, name
        assert spec.thinking.source or spec.text_only, name
        assert spec.audio.source or spec.text_only, name


def test_retirement_dates_are_those_of_the_providers():
    dates = {name: day.isoformat() for name in model_files() if (day := find_model(name).retires_on)}
    assert dates == {
        "gemini-2.5-flash": "2026-12-01", "gemini-2.5-pro": "2026-12-01",
        "gpt-audio": "2027-01-20", "gpt-audio-mini": "2027-01-20", "gpt-realtime-2025-08-28": "2027-01-20",
        "gpt-audio-1.5-azure": "2027-08-24", "whisper-1": "2027-02-26",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["gpt-audio-1.5", "gpt-transcribe", "gpt-realtime-2.1", "gemini-2.5-flash", "gemini-3.8-live"]
)
def test_an_address_in_the_environment_holds_for_all_of_a_providers_adapters(name, monkeypatch, ask):
    for variable in ("OPENAI_BASE_URL", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9/gateway")
    for variable in ("OPENAI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(variable, "FAKE")

    async def main() -> None:
        adapter = build_adapter(find_model(name))
        try:
            await adapter.generate(ask("What?", 0))
        finally:
            await adapter.close()

    with pytest.raises(RetryableError, match=r"127\.0\.0\.1:9/gateway"):
        asyncio.run(main())
