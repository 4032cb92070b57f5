"""`ablate`: the curve over thinking budgets."""

from __future__ import annotations

import json

from audiobench.cli import main
from tests.analysis.conftest import line, write_run


def test_off_and_a_budget_of_nothing_are_one_point_of_the_curve(tmp_path, capsys):
    modes = {"off": 3, "budget:0": 2, "budget:64": 5}
    lines = [
        line(f"s{i}", "dog" if i % 6 < right else "cat", condition={"think": think})
        for i in range(30)
        for think, right in modes.items()
    ]
    folder = write_run(tmp_path / "run", lines)
    assert main(["ablate", str(folder), "--json"]) == 0
    (curve,) = json.loads(capsys.readouterr().out)["tasks"][0]["scaling"]
    assert curve["budgets"] == [0, 64] and curve["accuracy"][0] == 0.5
    assert curve["left_out"] == ["think=budget:0"]
    assert main(["ablate", str(folder)]) == 0
    assert "think=budget:0: also 0 tokens, not in the curve, which takes thinking off" in capsys.readouterr().out


def test_off_and_a_budget_of_nothing_alone_make_no_curve(tmp_path, capsys):
    lines = [line(f"s{i}", condition={"think": think}) for i in range(9) for think in ("off", "budget:0")]
    folder = write_run(tmp_path / "run", lines)
    assert main(["ablate", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["tasks"][0]
    assert found["scaling"] == [] and len(found["thinking"][0]["arms"]) == 2
