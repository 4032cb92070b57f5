"""What a response cost, from its stored usage and the model file's prices: computed when looked at, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from model_adapters.spec import ModelSpec, Price

MILLION = 1_000_000


def of_usage(usage: Mapping[str, Any], price: Price) -> float:
    """US dollars of one response's (or a sum of responses') token counts.

    `prompt` counts audio and cached tokens too; `completion` counts thinking, as every priced API bills it.
    """
    audio = usage.get("audio") or 0
    cached = usage.get("cached") or 0
    text = max(0, (usage.get("prompt") or 0) - audio - cached)
    audio_rate = price.input if price.audio_input is None else price.audio_input
    cached_rate = price.input if price.cached_input is None else price.cached_input
    audio_out = usage.get("audio_output") or 0
    out_rate = price.output if price.audio_output is None else price.audio_output
    completion = max(0, (usage.get("completion") or 0) - audio_out)
    dollars = text * price.input + audio * audio_rate + cached * cached_rate
    return (dollars + completion * price.output + audio_out * out_rate) / MILLION


def of_record(record: Mapping[str, Any], spec: ModelSpec) -> float | None:
    """US dollars of a journal record at the price of its day; None without a price or without usage.

    What a batch job answered (`record["batch"]`) costs the price's `batch_factor` of it; None where none is declared.
    """
    response = record.get("response")
    if not response or not response.get("usage"):
        return None
    price = spec.price_on(date.fromtimestamp(record["time"]))
    if price is None or (record.get("batch") and price.batch_factor is None):
        return None
    factor = price.batch_factor if record.get("batch") else 1.0
    return of_usage(response["usage"], price) * (factor or 1.0)
