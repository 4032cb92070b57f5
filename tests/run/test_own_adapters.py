"""Adapters of the user's own that fail: each failure is told with its place, and no other answer is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
CLASS = """\
import sys
from audiobench.model import Response
class Own:
    def __init__(self, spec, *, base_url, timeout):
        {init}
    async def generate(self, request):
        odd = request.sample_id == "s1"
        {generate}
    async def close(self):
        {close}
"""


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., str]:
    """Write an adapter class with these lines in its methods; returns the name of the model."""

    def write(init: str = "...", generate: str = 'return Response("A")', close: str = "...") -> str:
        (tmp_path / "own.py").write_text(CLASS.format(init=init, generate=generate, close=close))
        return "own.py:Own"

    return write


def journal(out: Path) -> dict[str, dict[str, Any]]:
    """Records by sample."""
    lines = (out / "toy" / "samples.jsonl").read_text().splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


@pytest.mark.parametrize(
    ("generate", "says"),
    [
        ('return Response("A", raw={"x": object()} if odd else {})', "response: raw: cannot be written as JSON"),
        ('return Response(["A"] if odd else "A")', "response: text: must be a str, found list"),
        ('return None if odd else Response("A")', "AttributeError"),
        (r'return Response("A") if not odd else 1 / 0', "ZeroDivisionError: division by zero"),
        ('return Response("A") if not odd else sys.exit(3)', "SystemExit: 3"),
        ('if odd: raise ValueError("a\\ud800b")\n        return Response("A")', "ValueError: a\\ud800b"),
    ],
)
def test_a_reply_that_cannot_be_kept_is_that_samples_error(
    generate: str, says: str, own: Any, toy: Any, cli: Cli, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = cli("run", "--model", own(generate=generate), "--tasks", toy(4), "--out", out)
    assert result.returncode == 4 and "Traceback" not in result.stderr, result.stderr
    records = journal(out)
    assert records["s1"]["error"]["kind"] == "error" and says in records["s1"]["error"]["message"]
    assert "response" not in records["s1"] and records["s1"]["sample"]["question"].startswith("item 1")
    assert [records[name]["response"]["text"] for name in ("s0", "s2", "s3")] == ["A"] * 3
    counts = json.loads((out / "toy" / "summary.json").read_text())[0]["counts"]
    assert (counts["error"], counts["missing"]) == (1, 0)


def test_a_latency_that_is_no_number_is_left_out(own: Any, toy: Any, cli: Cli, tmp_path: Path) -> None:
    out, file = tmp_path / "out", toy(4)
    odd = 'float("nan") if odd else 2.0'
    generate = f'return Response("A", latency={{"total": {odd}}}, usage={{"completion": {odd}}})'
    result = cli("run", "--model", own(generate=generate), "--tasks", file, "--out", out)
    assert result.returncode == 0, result.stderr
    entry = json.loads((out / "toy" / "summary.json").read_text())[0]
    assert entry["latency"] == {"total": {"n": 3, "median": 2.0, "p95": 2.0}}
    assert entry["usage"] == {"completion": 6.0, "responses": 3}
    # a journal of before may hold null
    lines = re.sub(r',"crc":"\w+"', "", (out / "toy" / "samples.jsonl").read_text())
    (out / "toy" / "samples.jsonl").write_text(lines.replace('"latency":{"total":2.0}', '"latency":{"total":null}', 1))
    result = cli("report", out)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("init", "says"),
    [
        ('raise RuntimeError("no weights\\nhere")', "own.py:Own: it could not be built: RuntimeError: no weights here"),
        ("sys.exit(3)", "own.py:Own: it could not be built: SystemExit: 3"),
        ("import no_such_library", "own.py:Own: it could not be built: ModuleNotFoundError"),
    ],
)
def test_an_adapter_that_cannot_be_built_is_no_bug_of_audiobench(
    init: str, says: str, own: Any, toy: Any, cli: Cli, tmp_path: Path
) -> None:
    result = cli("run", "--model", own(init=init), "--tasks", toy(2), "--out", tmp_path / "out")
    assert result.returncode == 2 and says in result.stderr and "(own.py:" in result.stderr, result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("line", "says"), [("1 / 0", "ZeroDivisionError"), ("def", "SyntaxError"), ("exit(3)", "3")])
def test_a_file_that_is_no_adapter(line: str, says: str, toy: Any, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(f"{line}\n")
    result = cli("run", "--model", "own.py:Own", "--tasks", toy(2), "--out", tmp_path / "out")
    assert result.returncode == 2 and "adapter own.py:Own: " in result.stderr and says in result.stderr, result.stderr


@pytest.mark.parametrize(
    ("close", "says"),
    [('raise RuntimeError("port busy")', "RuntimeError: port busy"), ("sys.exit(3)", "SystemExit: 3")],
)
def test_an_adapter_that_fails_at_closing_loses_no_answer(
    close: str, says: str, own: Any, toy: Any, cli: Cli, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = cli("run", "--model", own(close=close), "--tasks", toy(3), "--out", out)
    assert result.returncode == 0, result.stderr
    assert f"warning: Own.close() failed: {says}; every answer is kept" in result.stderr
    assert json.loads((out / "toy" / "summary.json").read_text())[0]["counts"]["scored"] == 3


def test_a_lone_surrogate_in_an_answer_is_replaced_and_the_answer_kept(
    own: Any, toy: Any, cli: Cli, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    generate = r'return Response("B \ud800", reasoning="\udc00") if odd else Response("A")'
    assert cli("run", "--model", own(generate=generate), "--tasks", toy(4), "--out", out).returncode == 0
    kept = journal(out)["s1"]["response"]
    assert (kept["text"], kept["reasoning"]) == ("B \ufffd", "\ufffd")


SECRET = "9f3kQ7xZ2mB8vL4tR6wY1pD5"
LEAKS = {
    "an exception": f'raise ValueError("401 for Authorization: Bearer {SECRET}")',
    "a header": f'raise ValueError({{"x-api-key": "{SECRET}"}})',
    "a query": f'raise ValueError("GET https://h/v1?key={SECRET}&x=1 failed")',
    "a path": f'raise ValueError("GET https://h/v1/{SECRET}/chat failed")',
    "a key of the environment": f'raise ValueError("{SECRET[::-1]} was refused")',
    "a field": f'raise ValueError("password={SECRET}")',
    "a user of a URL": f'raise ValueError("GET https://me:{SECRET}@h/v1 failed")',
    "a failure that stops the run": f'from audiobench.model import RunError; raise RunError("key {SECRET[::-1]}")',
    "a failure that is tried again": f'from audiobench.model import RetryableError; raise RetryableError("{SECRET[::-1]}")',
    "a field of the answer": f'return Response("A", raw={{"authorization": "Bearer {SECRET}"}})',
}  # fmt: skip


@pytest.mark.parametrize("leak", LEAKS)
def test_what_an_adapter_lets_out_shows_no_key(leak: str, own: Any, toy: Any, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = cli(
        "run", "--model", own(generate=LEAKS[leak]), "--tasks", toy(2), "--out", out, "--attempts", "1",
        OWN_API_KEY=SECRET[::-1],
    )  # fmt: skip
    written = b"".join(file.read_bytes() for file in out.rglob("*") if file.is_file()).decode()
    for text in (result.stdout, result.stderr, written):
        assert SECRET not in text and SECRET[::-1] not in text, text


def test_keys_in_addresses_and_body_fields_are_written_nowhere(toy: Any, cli: Cli, tmp_path: Path) -> None:
    out, model = tmp_path / "out", tmp_path / "m.yaml"
    model.write_text(
        "name: m\nadapter: openai_chat\nserved_model: m\noptions:\n  extra_body:\n"
        f"    api_key: {SECRET}\n    nested: [{{session_token: {SECRET}}}, {{X-Auth: Basic {SECRET}}}]\n"
        f"    callback: https://h/hook/{SECRET}/x\n    account_key: {SECRET}\n"
    )
    url = f"http://127.0.0.1:9/{SECRET}/v1"
    result = cli("run", "--model", model, "--tasks", toy(2), "--out", out, "--attempts", "1", "--base-url", url)
    assert result.returncode == 4, result.stderr
    report = cli("report", out, "--json")
    written = b"".join(file.read_bytes() for file in out.rglob("*") if file.is_file()).decode()
    for text in (result.stdout, result.stderr, report.stdout, written):
        assert SECRET not in text, text
