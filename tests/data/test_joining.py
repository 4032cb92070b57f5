"""A target that stands in another configuration of the data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audiobench.core.errors import UsageError
from audiobench.data.loading import load
from audiobench.task.find import find_task
from tests.data.loopback_hub import LoopbackHub, cache, hub, tone
from tests.tasks.published import Published

__all__ = ["cache", "hub"]


def translations(hub: LoopbackHub, german: list[int], english: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """(id -> target, notes) of FLEURS, German to English, with these ids in German and these sentences in English."""
    published = Published.of("fleurs_de_en")
    (de, some), (en, _) = published.files.items()
    published.files = {
        de: [{**some[0], "id": key, "path": f"/r/{place}.wav"} for place, key in enumerate(german)],
        en: [{**some[0], "id": int(key), "raw_transcription": text} for key, text in english.items()],
    }
    hub.repositories["google/fleurs"] = published.published()
    found = load(*find_task("fleurs_de_en"))
    return {sample.id: sample.target for sample in found.samples}, found.notes


def test_each_row_takes_the_sentence_with_its_id(hub: LoopbackHub) -> None:
    targets, notes = translations(hub, [7, 5, 7], {"5": "Five.", "7": "Seven.", "9": "Nine."})
    assert targets == {"7 0.wav": "Seven.", "5 1.wav": "Five.", "7 2.wav": "Seven."}
    assert not any("left out" in note for note in notes)


def test_rows_without_a_partner_are_left_out_and_counted(hub: LoopbackHub) -> None:
    for _ in range(2):  # fetched, and from the cache
        targets, notes = translations(hub, [5, 6, 8], {"5": "Five."})
        assert targets == {"5 0.wav": "Five."}
        assert "2 rows are left out: configuration en_us has no such id" in notes


def test_no_partner_at_all_is_an_error(hub: LoopbackHub) -> None:
    with pytest.raises(UsageError, match="no 'id' of its rows is in configuration 'en_us'"):
        translations(hub, [5], {"6": "Six."})


def test_a_local_copy_holds_the_joined_column(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(tone(1))
    row = {"id": 5, "path": "/r/a.wav", "audio": "a.wav", "transcription": "fünf"}
    file = tmp_path / "test.jsonl"
    file.write_text(json.dumps(row))
    with pytest.raises(UsageError, match="no column 'translation': a local copy of fleurs_de_en must hold it"):
        load(*find_task("fleurs_de_en"), data=file)
    file.write_text(json.dumps({**row, "translation": "Five."}))
    assert load(*find_task("fleurs_de_en"), data=file).samples[0].target == "Five."
