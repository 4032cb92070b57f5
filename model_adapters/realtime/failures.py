"""Which of the three errors a failed session is.

- connection lost (1001, 1005, 1006, 1011 to 1014, or 1000 before the answer): may be tried again;
- 1003, 1007, 1009: the server cannot take what was sent: the sample's;
- 1008 (policy): before the session is set up a key, a model or a right is refused: the run's; after it, the sample's;
- any code whose reason names a quota or a rate: rate limited; a daily one: the run's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from audiobench.core.narrow import is_object
from audiobench.model.adapter import RetryableError, RunError, SampleError
from model_adapters.http import MESSAGE_CHARS, HttpClient
from model_adapters.http_errors import error_body

if TYPE_CHECKING:
    from websockets.http11 import Response

UNTAKEABLE = frozenset({1003, 1007, 1009})
POLICY = 1008
ABNORMAL = 1006
"""What the websocket library reports when the connection is gone without a closing frame."""

_QUOTA = re.compile(r"quota|rate.?limit|resource.?exhausted|too many", re.IGNORECASE)
_DAILY = re.compile(r"per.?day|daily|billing|insufficient.?quota", re.IGNORECASE)
_STATUS = {
    "rate_limit_exceeded": 429, "rate_limit_error": 429, "session_expired": 503, "server_error": 500,
    "model_not_found": 404, "authentication_error": 401, "permission_error": 403,
}  # fmt: skip
"""Error codes and types of Realtime events -> the HTTP status that means the same."""


def closed(code: int, reason: str, *, configured: bool, where: str, http: HttpClient) -> Exception:
    """What a connection that closed before the answer was complete means."""
    said = http.scrub(" ".join(reason.split()))[:MESSAGE_CHARS]
    text = f"{where}: the connection closed before the answer was complete (code {code}{': ' + said if said else ''})"
    if _QUOTA.search(reason) or _DAILY.search(reason):
        daily = _DAILY.search(reason)
        return RunError(text, incomplete=True) if daily else RetryableError(text, rate_limited=True)
    if code in UNTAKEABLE:
        return SampleError(text)
    if code == POLICY:
        return SampleError(text) if configured else RunError(text)
    return RetryableError(text)


def reported(error: Any, *, where: str, http: HttpClient) -> Exception:
    """What an `error` event, or the error of a failed response, means; `error` is an object or a text."""
    fields = error if is_object(error) else {}
    names = [str(fields.get(key) or "") for key in ("code", "type")]
    said = fields.get("code")
    fallback = 400 if "invalid" in " ".join(names) else 500
    status = said if isinstance(said, int) else next((_STATUS[name] for name in names if name in _STATUS), fallback)
    return http.failure(status, {"error": error}, where=where)


def refused(response: Response, *, where: str, http: HttpClient) -> Exception:
    """What a handshake that was answered with an HTTP status means (`response` of websockets' InvalidStatus)."""
    if response.status_code < 400:
        return RunError(f"{where}: HTTP {response.status_code} instead of a websocket: is the base URL right?")
    headers = dict(response.headers.raw_items())
    return http.failure(response.status_code, error_body(bytes(response.body or b"")), where=where, headers=headers)
