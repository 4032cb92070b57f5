"""Several servers as one, and two models in a row."""

from __future__ import annotations

import asyncio
import json

import pytest

from audiobench.core.errors import UsageError
from audiobench.core.types import Message, Request, Response, TextPart
from audiobench.model.adapter import Adapter, RetryableError, RunError
from audiobench.model.registry import build_adapter, find_model, sha256_of
from audiobench.serving.pool import EndpointPool
from model_adapters.cascade import Cascade


class Slow:
    """An adapter that answers when told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.gate = asyncio.Event()
        self.asked: list[str] = []
        self.error = error
        self.closed = False

    async def generate(self, request: Request) -> Response:
        self.asked.append(request.sample_id)
        if self.error:
            raise self.error
        await self.gate.wait()
        return Response("B")

    async def close(self) -> None:
        self.closed = True


def item(name: str) -> Request:
    return Request((Message("user", (TextPart("Q"),)),), sample_id=name)


def test_requests_go_to_the_server_with_the_fewest_in_flight():
    async def main():
        servers = [Slow(), Slow(), Slow()]
        pool = EndpointPool(servers)
        assert isinstance(pool, Adapter)
        tasks = [asyncio.create_task(pool.generate(item(f"s{n}"))) for n in range(7)]
        await asyncio.sleep(0)
        assert pool.in_flight == [3, 2, 2]
        servers[1].gate.set()
        await asyncio.sleep(0.01)
        assert pool.in_flight == [3, 0, 2]
        servers[1].gate.clear()
        tasks += [asyncio.create_task(pool.generate(item(f"t{n}"))) for n in range(2)]
        await asyncio.sleep(0.01)
        assert pool.in_flight == [3, 2, 2]
        for server in servers:
            server.gate.set()
        await asyncio.gather(*tasks)
        await pool.close()
        assert all(server.closed for server in servers)

    asyncio.run(main())


def test_the_conditions_of_a_sample_stay_with_the_server_that_holds_its_audio():
    async def main():
        servers = [Slow(), Slow()]
        for server in servers:
            server.gate.set()
        pool = EndpointPool(servers)
        for _ in range(3):
            for n in range(6):
                await asyncio.gather(*(pool.generate(item(f"s{m}")) for m in (n, (n + 1) % 6)))
        assert not set(servers[0].asked) & set(servers[1].asked)
        assert servers[0].asked
        assert servers[1].asked

    asyncio.run(main())


def test_a_server_that_fails_fast_does_not_draw_all_requests(monkeypatch):
    monkeypatch.setattr("audiobench.serving.pool.REST_SECONDS", (0.05, 0.1))

    async def main():
        broken, good = Slow(RetryableError("connection refused")), Slow()
        good.gate.set()
        pool = EndpointPool([broken, good])
        answered = 0
        for n in range(20):
            try:
                await pool.generate(item(f"s{n}"))
                answered += 1
            except RetryableError:
                pass
        assert answered == 17
        broken.error = None
        broken.gate.set()
        await asyncio.sleep(0.12)
        await pool.generate(item("new"))
        assert broken.asked[-1] == "new"  # rested, and well again

    asyncio.run(main())


def test_a_burst_of_failures_is_one_rest_and_single_ones_are_none(monkeypatch):
    monkeypatch.setattr("audiobench.serving.pool.REST_SECONDS", (0.05, 30.0))

    async def main():
        shaky, good = Slow(RetryableError("HTTP 500")), Slow()
        good.gate.set()
        pool = EndpointPool([shaky, good])
        with pytest.raises(RetryableError):
            await pool.generate(item("a"))
        shaky.error = None
        shaky.gate.set()
        await asyncio.gather(*(pool.generate(item(f"b{n}")) for n in range(10)))
        assert len(shaky.asked) >= 4  # one failure changes nothing
        for _ in range(50):
            pool._endpoints[0].failed(RetryableError("HTTP 503"))
        await asyncio.sleep(0.06)
        before = len(shaky.asked)
        await asyncio.gather(*(pool.generate(item(f"d{n}")) for n in range(10)))
        assert len(shaky.asked) > before

    asyncio.run(main())


def test_a_server_that_asks_for_time_gets_it():
    async def main():
        busy, good = Slow(RetryableError("HTTP 429", retry_after=60, rate_limited=True)), Slow()
        good.gate.set()
        pool = EndpointPool([busy, good])
        with pytest.raises(RetryableError):
            await pool.generate(item("a"))
        for n in range(5):
            await pool.generate(item(f"b{n}"))
        assert (len(busy.asked), len(good.asked)) == (1, 5)

    asyncio.run(main())


def test_when_no_server_is_well_the_error_comes_through():
    async def main():
        pool = EndpointPool([Slow(RetryableError("a", retry_after=9)), Slow(RetryableError("b"))])
        for _ in range(4):
            with pytest.raises(RetryableError):
                await pool.generate(item("s"))
        with pytest.raises(RunError):
            await EndpointPool([Slow(RunError("wrong key"))]).generate(item("s"))

        with pytest.raises(RetryableError, match="no server is there"):
            await EndpointPool([]).generate(item("s"))

    asyncio.run(main())


def test_servers_join_and_leave_while_a_pool_is_used():
    async def main():
        first, second = Slow(), Slow()
        first.gate.set(), second.gate.set()
        pool = EndpointPool([first])
        await pool.generate(item("s"))
        pool.join(second)
        await pool.generate(item("s"))  # back to where its audio is cached
        pool.leave(first)
        await pool.generate(item("s"))
        assert (first.asked, second.asked) == (["s", "s"], ["s"])

    asyncio.run(main())


@pytest.fixture
def stages(serve, tmp_path):
    """Two declared models, both at one loopback server that tells them apart by name."""

    async def answer(_request, body):
        from aiohttp import web

        asked = json.loads(body)
        text = "a dog barks" if asked["model"] == "asr" else "B"
        usage = {"prompt_tokens": 7, "completion_tokens": 2}
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return web.json_response({"model": asked["model"], "choices": [choice], "usage": usage})

    for name in ("asr", "llm"):
        sampling = "sampling: {top_p: 0.9}\n" if name == "llm" else ""
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nadapter: openai_chat\nserved_model: {name}\n{sampling}")
    return serve(answer), {"asr": str(tmp_path / "asr.yaml"), "llm": str(tmp_path / "llm.yaml")}


def test_a_cascade_answers_from_the_words(stages, spec, ask, clips):
    server_context, names = stages

    async def main():
        async with server_context as server:
            options = {**names, "asr_base_url": server.url, "transcript": "Words: {transcript}"}
            cascade = build_adapter(spec(adapter="cascade", options=options), base_url=server.url)
            one = ask("Which?", 0, "and", 1, generation={"temperature": 0.5}, sample_id="s")
            response = await cascade.generate(one)
            await asyncio.gather(cascade.generate(one), cascade.generate(ask(0, "Again?")))
            await cascade.close()
            return response, [s.json for s in server.seen]

    response, bodies = asyncio.run(main())
    asr = [b for b in bodies if b["model"] == "asr"]
    llm = [b for b in bodies if b["model"] == "llm"]
    assert len(asr) == 2  # two clips, each heard once for all requests
    assert len(llm) == 3
    assert asr[0]["messages"][0]["content"][1]["type"] == "input_audio"
    assert (asr[0]["temperature"], asr[0]["max_tokens"]) == (0.0, 4096)
    texts = [part["text"] for part in llm[0]["messages"][0]["content"]]
    assert texts == ["Which?", "Words: a dog barks", "and", "Words: a dog barks"]
    assert (llm[0]["temperature"], llm[0]["top_p"]) == (0.5, 0.9)
    assert response.text == "B"
    assert response.raw["transcripts"] == ["a dog barks", "a dog barks"]
    assert response.raw["asr"][0] == {
        "served_model": "asr",
        "finish_reason": "stop",
        "usage": {"prompt": 7, "completion": 2},
    }
    assert response.usage == {"prompt": 7, "completion": 2}
    assert response.latency["total"] >= response.latency["asr"] > 0


def test_a_transcription_that_failed_is_tried_again(spec, ask):
    async def main():
        options = {"asr": "scripted", "llm": "scripted"}
        cascade = build_adapter(spec(adapter="cascade", options=options))
        assert isinstance(cascade, Cascade)
        failing = Slow(RetryableError("busy"))
        working = Slow()
        working.gate.set()
        cascade.llm = working
        cascade.asr = failing
        with pytest.raises(RetryableError, match="busy"):
            await cascade.generate(ask())
        failing.error = None
        failing.gate.set()
        assert (await cascade.generate(ask())).raw["transcripts"] == ["B"]
        await cascade.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("heard", "finish", "asked"),
    [
        (Response("a dog", finish_reason="length"), "length", []),
        (Response("", finish_reason="content_filter"), "content_filter", []),
        (Response("<think>a bird?</think>a dog"), "stop", ['Transcript of the audio: "a dog"']),
    ],
)
def test_only_a_whole_transcript_without_its_thought_is_asked_about(spec, ask, heard, finish, asked):
    class Stage:
        def __init__(self, response: Response) -> None:
            self.response, self.texts = response, []

        async def generate(self, request: Request) -> Response:
            self.texts += [
                part.text for message in request.messages for part in message.parts if isinstance(part, TextPart)
            ]
            return self.response

        async def close(self) -> None: ...

    async def main():
        cascade = build_adapter(spec(adapter="cascade", options={"asr": "scripted", "llm": "scripted"}))
        cascade.asr, cascade.llm = Stage(heard), Stage(Response("B", finish_reason="stop"))
        response = await cascade.generate(ask(0))
        await cascade.close()
        return response, cascade.llm.texts

    response, texts = asyncio.run(main())
    assert (response.finish_reason, texts) == (finish, asked)
    assert response.raw["transcripts"] and response.raw["asr"][0]["finish_reason"] == heard.finish_reason


def test_a_cascade_is_another_model_when_a_stage_is_another(stages, tmp_path):
    _, names = stages
    file = tmp_path / "both.yaml"
    file.write_text(json.dumps({"name": "both", "adapter": "cascade", "served_model": "both", "options": names}))
    before = sha256_of(find_model(str(file)))
    assert before == sha256_of(find_model(str(file)))
    (tmp_path / "asr.yaml").write_text("name: asr\nadapter: openai_chat\nserved_model: better\n")
    assert sha256_of(find_model(str(file))) != before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"asr": "scripted"}, "options.llm: Field required"),
        ({"asr": "scripted", "llm": "scripted", "lm": 1}, "options.lm: Extra inputs"),
        ({"asr": "cascade-example", "llm": "scripted"}, "a stage cannot be a cascade itself"),
        ({"asr": "voxtrall-small", "llm": "scripted"}, "did you mean `voxtral-small`"),
    ],
)
def test_wrong_cascades(options, message, spec):
    with pytest.raises(UsageError) as raised:
        build_adapter(spec(adapter="cascade", options=options))
    assert message in str(raised.value)
