"""A protocol that audiobench does not know: from a file, and from another package."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from tests.examples.conftest import packaged

MODEL = '''
from audiobench.model import Response

class Unsure:
    """Thinks aloud, is wrong at first, and right once it is asked again."""
    def __init__(self, spec, *, base_url=None, timeout=600.0): pass
    async def generate(self, request):
        right = request.sample.target
        asked_again = sum(m.role == "assistant" for m in request.messages)
        said = right if asked_again else next(c for c in request.sample.choices if c != right)
        with open("calls", "a") as log: log.write("x")
        return Response(f"<think>{len(request.audio)} clip</think>{said}", usage={"prompt": 10, "completion": 2})
    async def close(self): pass
'''
PROTOCOL = "own_protocol.py:check_again"


@pytest.fixture
def here(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("own_protocol.py", "own_task.py", "own_task.yaml"):
        shutil.copy(root / "examples" / name, tmp_path)
    subprocess.run([sys.executable, "own_task.py", "."], check=True)
    Path("unsure.py").write_text(MODEL, encoding="utf-8")
    return tmp_path


def run(cli: Any, out: str, protocol: str, *more: str, **env: str) -> list[dict[str, Any]]:
    done = cli("run", "--model", "unsure.py:Unsure", "--tasks", "own_task.yaml", "--out", out, "--json",
               "--protocol", protocol, *more, **env)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["results"]


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(out, "own_task/samples.jsonl").read_text(encoding="utf-8").splitlines()]


def value(entry: dict[str, Any]) -> float:
    return entry["metrics"]["acc"]["value"]


def test_an_own_protocol_beside_a_single_turn(here, cli, capsys):
    single, twice = run(cli, "out", f"single,{PROTOCOL}:times=2")
    assert (value(single), value(twice)) == (0.0, 1.0)
    assert [e["condition"]["protocol"] for e in (single, twice)] == ["chat", f"{PROTOCOL}:times=2"]
    assert "protocol" not in single["fingerprint"]
    assert (
        twice["fingerprint"]["protocol"].startswith(f"{PROTOCOL}@1+")
        and len(Path("calls").read_text(encoding="utf-8")) == 8
    )

    (line,) = [r for r in records("out") if r["id"] == "low" and r["condition"]["protocol"] != "chat"]
    assert line["response"]["text"] == "low" and line["response"]["reasoning"] == "1 clip"
    assert line["response"]["usage"] == {"prompt": 30, "completion": 6} and line["attempts"] == 1
    assert [turn["response"]["text"] for turn in line["turns"]] == ["high", "low", "low"]
    roles = [[sent["role"] for sent in turn.get("sent", [])] for turn in line["turns"]]
    assert roles == [[], ["assistant", "user"], ["assistant", "user"] * 2]
    assert line["turns"][1]["sent"][0]["parts"] == ["high"], "the reasoning is not sent back"

    run(cli, "out", f"single,{PROTOCOL}:times=2")
    assert len(Path("calls").read_text(encoding="utf-8")) == 8, "nothing was missing"
    (compared,) = json.loads(cli("compare", "out:protocol=chat", f"out:protocol={PROTOCOL}:times=2", "--json").stdout)[
        "comparisons"
    ]
    assert compared["pairs"][0]["value_b"] - compared["pairs"][0]["value_a"] == 1.0
    assert main(["view", "out", "--out", "page"]) == 0
    assert "Are you sure?" in "".join(path.read_text() for path in Path("page/data").rglob("*.js"))


def test_other_code_or_settings_ask_anew_and_are_not_compared(here, cli):
    run(cli, "a", PROTOCOL)
    assert len(Path("calls").read_text(encoding="utf-8")) == 4
    assert cli("gate", "--baseline", "b.json", "--run", "a", "--update-baseline").returncode == 0
    with open("own_protocol.py", "a", encoding="utf-8") as file:
        file.write("\n")
    (entry,) = run(cli, "a", PROTOCOL)
    assert len(Path("calls").read_text(encoding="utf-8")) == 8 and value(entry) == 1.0
    assert [record.get("stale", False) for record in records("a")] == [False, False, True, True, False, False]
    done = cli("gate", "--baseline", "b.json", "--run", "a")
    assert done.returncode == 3 and f"protocol differs: {PROTOCOL}@1+" in done.stdout
    refused = cli(
        "run",
        "--model",
        "unsure.py:Unsure",
        "--tasks",
        "own_task.yaml",
        "--out",
        "a",
        "--protocol",
        f"{PROTOCOL}:times=2",
    )
    assert refused.returncode == 2 and "this command would not ask for" in refused.stderr
    repeated = cli("run", "--from", "a/run.json", "--quiet")
    assert repeated.returncode == 0 and len(Path("calls").read_text(encoding="utf-8")) == 8


def test_a_budget_within_a_protocol_is_two_calls_a_turn(here, cli):
    Path("unsure.yaml").write_text(
        "name: unsure\nadapter: unsure.py:Unsure\nserved_model: unsure\n"
        'thinking: {on: {prefill: "<think>\\n"}, budget: {method: two_pass}}\n',
        encoding="utf-8",
    )
    done = cli("run", "--model", "unsure.yaml", "--tasks", "own_task.yaml", "--out", "out", "--json",
               "--protocol", PROTOCOL, "--think", "budget:8")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = [record for record in records("out") if record["id"] == "low"]
    assert len(line["turns"]) == 4 and line["response"]["usage"]["prompt"] == 40
    assert [turn["generation"].get("max_gen_toks") for turn in line["turns"] if turn.get("generation")] == [8, 8]


def test_a_protocol_of_another_package(here, cli):
    package = packaged(here, "own_protocol.py", "again", "[audiobench.protocols]\nagain = again:check_again\n")
    (entry,) = run(cli, "out", "again", PYTHONPATH=str(package))
    assert value(entry) == 1.0 and entry["fingerprint"]["protocol"] == "again@1:times=1"


@pytest.mark.parametrize(
    ("protocol", "says"),
    [
        ("singel", "unknown protocol 'singel'; did you mean `single`?"),
        ("single:times=2", "protocol single: no setting 'times'; it has none"),
        (f"{PROTOCOL}:time=2", "no setting 'time'; it has: times=1"),
        (f"{PROTOCOL}:times=two", "times=two: must be a whole number"),
        ("own_protocol.py:absent", "has no attribute 'absent'"),
        ("own_protocol.py:then", "needs `async def then(ask, request) -> Exchange`"),
        ("absent.py:f", "no such file: absent.py"),
        ("a b", "must be NAME or NAME:setting=value"),
        (f"{PROTOCOL},{PROTOCOL}:times=1", "given twice"),
    ],
)
def test_what_is_wrong_with_a_protocol_is_one_line(here, capsys, protocol, says):
    words = ["run", "--model", "unsure.py:Unsure", "--tasks", "own_task.yaml", "--quiet", "--protocol", protocol]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert says in error and len(error.splitlines()) == 1 and not Path("calls").exists()


def test_a_model_that_cannot_take_the_turns_is_refused_first(here, capsys):
    words = ["--tasks", "own_task.yaml", "--protocol", PROTOCOL, "--quiet"]
    assert main(["run", "--model", "gpt-realtime-2.1", *words]) == 2
    assert "protocol" in capsys.readouterr().err and not Path("results").exists()


def test_what_a_protocol_returns_is_checked_item_by_item(here, cli):
    Path("wrong.py").write_text(
        "from audiobench.core.types import Exchange\nfrom audiobench.model import Response\n"
        "async def nothing(ask, request):\n    await ask(request)\n"
        "async def invented(ask, request):\n    return Exchange(Response('high'))\n",
        encoding="utf-8",
    )
    for name, says in (("nothing", "must return Exchange(response), found NoneType"), ("invented", "without asking")):
        done = cli(
            "run",
            "--model",
            "unsure.py:Unsure",
            "--tasks",
            "own_task.yaml",
            "--out",
            name,
            "--protocol",
            f"wrong.py:{name}",
        )
        assert done.returncode == 4 and says in done.stderr
