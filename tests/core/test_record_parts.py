"""What is read of a part of a journal's lines is what the whole lines say."""

from pathlib import Path
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiobench.core.errors import IncompleteError
from audiobench.core.types import Condition, Response
from audiobench.files import journal, record_parts, records
from audiobench.files.records import ClipFacts, Failure, Record, ShownSample

ITEM = ShownSample("Which?", ("a", "b"), "a", {"kind": "x", "level": 2}, cluster="c")
LINES = st.lists(
    st.builds(
        lambda name, epoch, think, kind, tokens: Record(
            name,
            key=f"{name}{tokens}",
            epoch=epoch,
            condition=Condition(think=think),
            audio=[ClipFacts("0" * 64, "a.wav", 9, 1, 2, 3, 0.5)],
            sample=ITEM,
            response=Response("A", usage={"prompt": tokens}, raw={"cost": 0.5}) if kind == "answer" else None,
            error=Failure("error", "503") if kind == "error" else None,
            discarded=[{"prompt": tokens}],
            stale=kind == "stale",
            time=1.0 * tokens,
        ),
        st.sampled_from("ab"),
        st.integers(0, 1),
        st.sampled_from(("on", "off")),
        st.sampled_from(("answer", "error", "stale")),
        st.integers(0, 9),
    ),
    max_size=12,
)


def written(path: Path, lines: list[Record], sealed: list[bool]) -> Path:
    path.write_bytes(
        b"".join(
            journal.encoded(line) if whole else msgspec.json.encode(line) + b"\n"
            for line, whole in zip(lines, sealed, strict=True)
        )
    )
    return path


@given(LINES, st.data())
def test_answered_requests_and_bills_are_those_of_the_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Record], data: st.DataObject
) -> None:
    sealed = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    path = written(tmp_path_factory.mktemp("journal") / "samples.jsonl", lines, sealed)
    slots: dict[records.Slot, tuple[int, Record]] = {}
    for place, record in records.placed(path):
        if record.stale:
            slots.pop(record.slot, None)
        if record.response is not None:
            slots[record.slot] = place, record
    found = record_parts.answered(path)
    assert {slot: (d.place, d.key, d.audio, d.time, d.shown) for slot, d in found.items()} == {
        slot: (place, r.key, r.audio, r.time, record_parts.written(ITEM)) for slot, (place, r) in slots.items()
    }
    assert [(b.usage, b.raw, b.discarded, b.time) for b in record_parts.billed(path)] == [
        (r.usage, r.raw, r.discarded, r.time) for r in records.read(path) if r.response is not None
    ]


def test_a_torn_last_line_is_left_out_and_a_changed_one_named(tmp_path: Path) -> None:
    line = journal.encoded(Record("a", key="k", sample=ITEM, response=Response("A")))
    path = tmp_path / "samples.jsonl"
    path.write_bytes(line + line[:-5])
    assert len(list(record_parts.billed(path))) == 1
    path.write_bytes(line + line.replace(b"Which?", b"Whose?"))
    with pytest.raises(IncompleteError, match=r"samples\.jsonl:2: was changed"):
        record_parts.answered(path)
    body = b'{"id":"a","key":7'
    path.write_bytes(line + b'%b,"crc":"%08x"}\n' % (body, crc32(body)))
    with pytest.raises(IncompleteError, match=r"samples\.jsonl:2: not a record: .*key"):
        record_parts.answered(path)


def test_columns_in_another_order_are_the_same_item() -> None:
    turned = msgspec.structs.replace(ITEM, metadata=dict(reversed(ITEM.metadata.items())))
    assert record_parts.written(turned) != record_parts.written(ITEM)
    assert record_parts.same(turned, ITEM)
    assert not record_parts.same(msgspec.structs.replace(ITEM, target="b"), ITEM)
