"""The one place where adapters speak HTTP: a pooled session, a time limit per attempt, errors by how they may be
treated, and no secret in anything that leaves it.

An answer is either returned (`Reply`) or raised as one of the three errors of `audiobench.model.adapter`:
408, 409, 425, 429, 5xx, time-outs, resets and cut-off bodies may be tried again; 400, 413, 422 are the sample's;
401, 402, 403, 404, an exhausted quota, a bad key or a redirect stop the run.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from audiobench.core.errors import UsageError
from audiobench.core.json_values import decode
from audiobench.core.narrow import is_object
from audiobench.core.plain_text import printable
from audiobench.core.urls import check_url
from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.model.spec import ReplyLimits
from model_adapters import bodies
from model_adapters.http_errors import (
    KEY_CODES,
    QUOTA_CODES,
    RETRY_STATUS,
    RUN_STATUS,
    embedded_status,
    error_body,
    error_fields,
    is_rate_limit,
    quota_of_the_day,
    retry_after,
)

if TYPE_CHECKING:
    import aiohttp

Failure = RetryableError | SampleError | RunError
MESSAGE_CHARS = 300
"""Longest server message in an error."""
CONNECT_SECONDS = 30.0
KEEP_ALIVE_SECONDS = 4.0
"""Idle connections are dropped before servers drop them (uvicorn: 5 s), which would look like a reset."""
BLOCK_BYTES = 1 << 20
FILE_BYTES = 2 << 30
"""Largest file of answers (of a batch job) that is fetched."""
SECRET_CHARS = 12
"""Shorter "keys" are placeholders for servers without keys (`EMPTY`); hiding them would alter answers."""
_CALL = re.compile(
    r"/((chat/)?completions|responses|audio/transcriptions|models/[^/]+:(stream)?generateContent)$", re.I
)
"""What people copy along with a base URL."""
_KEY_SHAPES = re.compile(
    r"(?i)(bearer\s+)[\w.~+/=-]{6,}"
    r"|((?:api[-_]?key|x-goog-api-key|access[-_]?token|[?&]key)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]{4,}"
    r"|\b(?:sk-|rk-|AIza|ya29\.|hf_)[\w.*-]{4,}"
)


@dataclass(slots=True)
class Reply:
    """A server's answer. `body` is empty when it came as events."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    where: str
    """Scheme, host and path, for messages."""
    sent: float = 0.0
    """`time.perf_counter()` when the request began."""
    streamed: bool = False


@dataclass(slots=True)
class _Pool:
    session: aiohttp.ClientSession
    users: set[int] = field(default_factory=set[int])


_pools: dict[asyncio.AbstractEventLoop, _Pool] = {}
"""One session for each running event loop, shared by all adapters."""


def find_key(variables: Iterable[str], *, required: bool, model: str) -> SecretStr | None:
    """The key held by the first environment variable that is set.

    Raises:
        UsageError: a key is required and none is set, or it could not stand in an HTTP header.
    """
    names = list(variables)
    for name in names:
        value = os.environ.get(name, "").strip()
        if value:
            if not value.isascii() or not value.isprintable():
                raise UsageError(
                    f"model {model}: {name}: the key holds characters that are not allowed in an HTTP header"
                )
            return SecretStr(value)
    if required:
        raise UsageError(f"model {model}: no API key: set {' or '.join(names)} in the environment")
    return None


def address(url: str, model: str) -> str:
    """A base URL as written by a user, without blanks around it, its last slash and the path of a single call.

    Raises:
        UsageError: it is not one, or it holds a password or a query (a key does not belong there).
    """
    url = url.strip()
    check_url(url, of=f"model {model}: base URL")
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"model {model}: base URL: must look like http://host:port/v1 or https://host/v1")
    return _CALL.sub("", url.rstrip("/"))


_UNVERSIONED = re.compile(r"https?://[^/]+/(?:chat/completions|responses|audio/transcriptions)\Z")
"""A call at the very root of a server, where hardly any has its API."""


@lru_cache(maxsize=256)
def where(url: str) -> str:
    """`url` as it may be shown: without user, password and query."""
    parts = urlsplit(url)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


class HttpClient:
    """What an adapter calls. Many of them share one session.

    Args:
        timeout: seconds that one attempt may take, from connecting to the last byte.
        secrets: values that must never be seen in an error, nor in a body that a server echoes.
        limits: of every answer but a file's (`call(..., file=True)`).
    """

    def __init__(
        self, *, timeout: float, secrets: Iterable[SecretStr | None] = (), limits: ReplyLimits | None = None
    ) -> None:
        self.timeout = timeout
        self.limits = limits or ReplyLimits()
        self._secrets: list[bytes] = []
        for secret in secrets:
            self.hide(secret)

    @cached_property
    def _limits(self) -> aiohttp.ClientTimeout:
        """Time limits of an attempt, as aiohttp wants them."""
        import aiohttp

        return aiohttp.ClientTimeout(total=self.timeout, sock_connect=min(CONNECT_SECONDS, self.timeout))

    def hide(self, secret: SecretStr | str | None) -> None:
        """Add a secret that turned up later (a fresh token)."""
        plain = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
        if plain and len(plain) >= SECRET_CHARS:
            for form in {plain, quote(plain, safe=""), plain.replace("/", "\\/")}:
                if form.encode() not in self._secrets:
                    self._secrets.append(form.encode())

    def scrub(self, text: str) -> str:
        """`text` without this client's secrets, anything shaped like a key, and control characters."""
        clean = self._clean(text.encode("utf-8", "replace")).decode("utf-8", "replace")
        return _KEY_SHAPES.sub(lambda m: (m[1] or m[2] or "") + "***", printable(clean))

    def _clean(self, body: bytes) -> bytes:
        for secret in self._secrets:
            if secret in body:
                body = body.replace(secret, b"***")
        return body

    async def post(
        self,
        url: str,
        body: bytes | Sequence[bytes],
        headers: Mapping[str, str],
        *,
        on_event: Callable[[bytes], None] | None = None,
    ) -> Reply:
        """Send `body` once; it may come in pieces, so that clips need not be copied into one. `on_event` gets the data of
        each server-sent event of a successful streamed answer.

        Raises:
            RetryableError: time-out, no connection, reset, answer cut off or stopped in the middle.
            SampleError: the answer is too large.
            RunError: the address is not one, a certificate is refused.
        """
        return await self._send("POST", url, body, headers, self.limits, on_event)

    async def call(
        self, url: str, headers: Mapping[str, str], body: bytes | None = None, *, file: bool = False
    ) -> Reply:
        """A successful answer: to a POST of `body`, or to a GET where there is none. `file`: it holds many answers.

        Raises:
            RetryableError, SampleError, RunError: as `post` and `check`.
        """
        limits = ReplyLimits(max_bytes=FILE_BYTES, idle_seconds=self.limits.idle_seconds) if file else self.limits
        reply = await self._send("GET" if body is None else "POST", url, body, headers, limits)
        self.check(reply)
        return reply

    async def _send(
        self,
        method: str,
        url: str,
        body: bytes | Sequence[bytes] | None,
        headers: Mapping[str, str],
        limits: ReplyLimits,
        on_event: Callable[[bytes], None] | None = None,
    ) -> Reply:
        import aiohttp

        session = self._session()
        shown = where(url)
        pieces = [body] if isinstance(body, bytes) else body
        if pieces is not None:
            headers = {**headers, "Content-Length": str(sum(map(len, pieces)))}
        began = time.perf_counter()
        try:
            async with session.request(
                method,
                url,
                data=None if pieces is None else _blocks(pieces),
                headers=headers,
                proxy=_proxy(url),
                allow_redirects=False,
                timeout=self._limits,
            ) as answer:
                reply = Reply(answer.status, answer.headers, b"", shown, began)
                declared = answer.content_type == "text/event-stream"
                hear = None if on_event is None or answer.status != 200 else _after(self._clean, on_event)
                body = await bodies.read(answer.content, limits, shown, on_event=hear, declared=declared)
                reply.streamed = body is None
                reply.body = self._clean(body or b"")
                return reply
        except TimeoutError:
            raise RetryableError(f"{shown}: no complete answer within {self.timeout:g} s") from None
        except aiohttp.InvalidURL:
            raise RunError(f"{shown}: not a usable URL") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise RunError(f"{shown}: {self._short(error)}") from None
        except aiohttp.ClientPayloadError:
            raise RetryableError(f"{shown}: the connection was cut in the middle of the answer") from None
        except (aiohttp.ClientError, OSError) as error:
            if getattr(error, "errno", None) == errno.ECONNREFUSED:
                raise RetryableError(f"cannot connect to {shown}: is the server running?") from None
            raise RetryableError(f"{shown}: {self._short(error)}") from None

    def _short(self, error: BaseException) -> str:
        text = self.scrub(" ".join(str(error).split()))
        return f"{type(error).__name__}: {text[:MESSAGE_CHARS]}" if text else type(error).__name__

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        pool = _pools.get(loop)
        if pool is None or pool.session.closed:
            for old in [known for known in _pools if known.is_closed()]:
                del _pools[old]
            import aiohttp

            pool = _pools[loop] = _Pool(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=KEEP_ALIVE_SECONDS),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    headers={"User-Agent": "audiobench"},
                )
            )
        pool.users.add(id(self))
        return pool.session

    async def close(self) -> None:
        """Let go of the session; the last adapter closes its connections."""
        loop = asyncio.get_running_loop()
        pool = _pools.get(loop)
        if pool is None:
            return
        pool.users.discard(id(self))
        if not pool.users:
            del _pools[loop]
            await pool.session.close()

    def check(self, reply: Reply) -> None:
        """Raise what an unsuccessful `reply` means; a 2xx passes."""
        if 200 <= reply.status < 300:
            return
        if 300 <= reply.status < 400:
            raise RunError(f"{reply.where}: HTTP {reply.status}: redirects are not followed; give the final base URL")
        raise self.failure(reply.status, error_body(reply.body), where=reply.where, headers=reply.headers)

    def failure(self, status: int, data: Any, *, where: str, headers: Mapping[str, str] | None = None) -> Failure:
        """What an error answer means: its HTTP status (or the code in its body), its body and its headers."""
        code, text, details = error_fields(data)
        text = self.scrub(" ".join(text.split()))[:MESSAGE_CHARS]
        label = f"HTTP {status}" + (f" {self.scrub(code)[:60]}" if code and code != str(status) else "")
        message = f"{where}: {label}: {text}" if text else f"{where}: {label}"
        if status == 404 and _UNVERSIONED.match(where):
            message += "; does the base URL lack /v1 at its end?"
        codes = {code.lower(), *(str(d.get("reason", "")).lower() for d in details)}
        if codes & KEY_CODES:
            return RunError(message)
        if quota_of_the_day(details):
            return RunError(f"{message} (the quota of the day is used up)", incomplete=True)
        if codes & QUOTA_CODES:
            return RunError(message, incomplete=True)
        limited = status == 429 or is_rate_limit(codes, "" if status in RUN_STATUS else text)
        if limited or status in RETRY_STATUS or status >= 500:
            return RetryableError(message, retry_after=retry_after(headers or {}, details), rate_limited=limited)
        if status in RUN_STATUS or code == "FAILED_PRECONDITION":
            return RunError(message)
        return SampleError(message)

    def check_answer(self, data: Mapping[str, Any], reply: Reply, *, holds: str) -> None:
        """Raise the `failure` of an answer that came as a success and says in words that it is none; `holds` names the
        field that an answer has.
        """
        if status := embedded_status(data, holds):
            raise self.failure(status, data, where=reply.where, headers=reply.headers)


def _after(clean: Callable[[bytes], bytes], on_event: Callable[[bytes], None]) -> Callable[[bytes], None]:
    return lambda data: on_event(clean(data))


async def _blocks(pieces: Sequence[bytes]) -> AsyncIterator[memoryview]:
    """What goes onto the wire, block by block: aiohttp would copy a `bytes` body once to put the headers before it,
    and again for as much of it as the socket does not take at once.
    """
    for piece in pieces:
        for at in range(0, len(piece), BLOCK_BYTES):
            yield memoryview(piece)[at : at + BLOCK_BYTES]


def json_object(reply: Reply) -> dict[str, Any]:
    """The body of a successful `reply`, mended where a server writes what is no JSON (`decode`).

    Raises:
        RetryableError: it is not a JSON object (cut off, a proxy's page).
    """
    try:
        data = decode(reply.body)
    except ValueError:
        html = reply.body.lstrip().startswith(b"<")
        what = "an HTML page: is the base URL right?" if html else f"not valid JSON ({len(reply.body)} bytes)"
        raise RetryableError(f"{reply.where}: the answer is {what}") from None
    if not is_object(data):
        raise RetryableError(f"{reply.where}: the answer is not a JSON object")
    return data


@lru_cache(maxsize=256)
def _proxy(url: str) -> str | None:
    """The proxy that the environment names for `url`; loopback addresses are never proxied."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        return None
    from urllib.request import getproxies, proxy_bypass

    return None if proxy_bypass(host) else getproxies().get(parts.scheme)
