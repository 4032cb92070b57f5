"""What several runs of a question choose, and the line that they make of a file to send."""

from __future__ import annotations

import csv
import hashlib
import json
import random
from pathlib import Path

import pytest

from audiobench.cli import main
from audiobench.core import template
from audiobench.core.errors import UsageError
from audiobench.core.types import Outcome
from audiobench.data.rows import read_table
from audiobench.scorers.majority import Majority
from audiobench.task.find import find_task
from tests.data.loopback_hub import LoopbackHub, cache, hub
from tests.tasks.published import Published

__all__ = ["cache", "hub"]


def counted(*votes: str | None) -> dict[str, float]:
    metric, found = Majority(), dict[str, float]()
    for run, said in enumerate(votes):
        outcome = Outcome("scored", float(said == "right"), detail={"question": "q", "said": said, "run": run})
        for name, n in metric.counts(outcome).items():
            found[name] = found.get(name, 0.0) + n
    return found


@pytest.mark.parametrize(
    ("votes", "value"),
    [
        (("right", "wrong", "right", "wrong", "other"), 1.0),
        (("wrong", "right", "right", "wrong", "other"), 0.0),
        (("wrong", "right", "right", "right", "wrong"), 1.0),
        ((None, None, None, "right", None), 1.0),
        ((None, None, None, None, None), 0.0),
    ],
)
def test_most_votes_count_and_the_earliest_on_a_tie(votes: tuple[str | None, ...], value: float) -> None:
    assert Majority().whole(counted(*votes)) == {"q": value}


def test_options_are_shuffled_by_a_text() -> None:
    by_hand = ["a", "b", "c", "d"]
    random.Random(int(hashlib.md5(b"42::1::x").hexdigest()[:8], 16)).shuffle(by_hand)
    assert (
        template.evaluate("{{options | shuffled('42::1::' ~ id)}}", {"options": ["a", "b", "c", "d"], "id": "x"})
        == by_hand
    )


VOTER = """
from audiobench.model import Response


class Voter:
    '''Says the same letter to every order of the options.'''

    def __init__(self, spec, *, base_url=None, timeout=600.0):
        pass

    async def generate(self, request):
        return Response("B")

    async def close(self):
        pass
"""


def test_the_file_to_send_has_one_line_a_question(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("voter.py").write_text(VOTER, "utf-8")
    spec, file = find_task("dcase2026_adqa_eval_vote")
    hub.repositories[spec.dataset_path] = Published.of(spec.task).published()
    hub.commits[spec.dataset_path] = str(spec.dataset_revision)
    Path("vote.yaml").write_text(f"include: {json.dumps(str(file))}\nexpected_rows: null\n", "utf-8")
    assert main(["run", "--model", "voter.py:Voter", "--tasks", "vote.yaml", "--out", "out", "--quiet"]) == 0
    with next(Path("out").rglob("dcase2026_adqa.csv")).open(newline="") as lines:
        sent = list(csv.DictReader(lines))
    assert [line["question"] for line in sent] == ["1", "2"] and list(sent[0]) == ["question", "answer"]
    for line, options in zip(sent, (["Dog", "Cat", "Bird", "Bell"], ["Man", "Woman", "Child", "Robot"]), strict=True):
        orders = [options]
        for run in range(1, 5):
            names = {"options": options, "key": f"42::{run}::{line['question']}"}
            orders.append(template.evaluate("{{options | shuffled(key)}}", names))
        seconds = [order[1] for order in orders]
        most = max(map(seconds.count, seconds))
        assert line["answer"] == next(one for one in seconds if seconds.count(one) == most)


def test_a_table_whose_lines_end_with_a_list(tmp_path: Path) -> None:
    file = tmp_path / "tags.tsv"
    file.write_text("ID\tTAGS\n1\ta\tb\n2\tc\n3\t\n", "utf-8")
    assert [row["TAGS"] for row in read_table(file, "TAGS")] == [["a", "b"], ["c"], []]
    with pytest.raises(UsageError, match="'ID' is not the last column"):
        read_table(file, "ID")
    with pytest.raises(UsageError, match="3 values for 2 columns"):
        read_table(file)
