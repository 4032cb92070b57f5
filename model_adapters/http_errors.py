"""What an error answer says: its code and message in any of the servers' shapes, and how long to wait."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from audiobench.core.json_values import decode, objects_in
from audiobench.core.narrow import is_list, is_object

RETRY_STATUS = frozenset({408, 409, 425, 429})
RUN_STATUS = frozenset({401, 402, 403, 404, 405, 410})
KEY_CODES = frozenset({"invalid_api_key", "api_key_invalid", "account_deactivated"})
QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "arrearage"})
"""Error codes that mean that no request can succeed, whatever the HTTP status (compared in lower case)."""


_CODE = ("code", "status", "type", "error_code", "errorCode", "status_code")
_MESSAGE = ("message", "detail", "msg", "error_msg", "error_message", "errorMessage", "status_msg")
_RATE_CODE = re.compile(r"rate.?limit|too.?many|throttl|resource.?exhausted|limit_(requests|burst)|^429$")
_RATE_TEXT = re.compile(
    r"(?i)rate.?limit|too many requests|throttl|(requests|tokens) per (second|minute)|\b(rpm|tpm|qps)\b"
)

FILTER_CODES = frozenset(
    {"content_filter", "data_inspection_failed", "datainspectionfailed", "content_policy_violation"}
)
"""Error codes by which a server says that it blocks the prompt: an answer (a refusal), not a failure."""


def error_fields(data: Any) -> tuple[str, str, list[Mapping[str, Any]]]:
    """(code, message, Google's details) of an error body, in any of the shapes that servers use."""
    if is_list(data) and data:
        data = data[0]
    if not is_object(data):
        return "", data if isinstance(data, str) else "", []
    error = _inner(data)
    if not is_object(error):
        return "", str(error), []
    code = next((error[k] for k in _CODE if isinstance(error.get(k), str)), "")
    if not code:
        code = next((str(error[k]) for k in _CODE if error.get(k) is not None), "")
    if isinstance(error.get("status"), str) and isinstance(error.get("code"), int):
        code = error["status"]
    message = next((error[k] for k in _MESSAGE if error.get(k)), "")
    text = message if isinstance(message, str) else orjson.dumps(message).decode()
    return code, text, objects_in(error, "details")


def _inner(data: Mapping[str, Any]) -> Any:
    """What holds the code and the message: the field for errors, else the body itself."""
    for name in ("error", "errors", "base_resp"):
        if (error := data.get(name)) is not None:
            return error[0] if is_list(error) and error else error
    return data


def embedded_status(data: Mapping[str, Any], holds: str) -> int | None:
    """The HTTP status that an answer sent as a success should have had; None where it is one.

    It is none where it has an error beside what it holds, or a code or message in its place; a field `error` whose
    values are all empty says that there was none.
    """
    error = data.get("error")
    code, text, _ = error_fields(data)
    failed = any(error.values()) if is_object(error) else bool(error)
    if not failed and (data.get(holds) or not (code or text)):
        return None
    inner = _inner(data)
    for value in (inner.get(name) for name in _CODE) if is_object(inner) else ():
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if isinstance(number, int) and 400 <= number < 600:
            return number
    return 429 if is_rate_limit({code.lower()}, text) else 500


def is_rate_limit(codes: Iterable[str], text: str) -> bool:
    """Whether a server's codes (in lower case) or words say that requests came too fast."""
    return any(map(_RATE_CODE.search, codes)) or bool(_RATE_TEXT.search(text))


def error_body(body: bytes) -> Any:
    """The JSON of an error answer; where it is none, its text, or the title of an HTML page (of a proxy, say)."""
    try:
        return decode(body)
    except ValueError:
        return _page_title(body[:4000].decode("utf-8", "replace"))


def _page_title(text: str) -> str:
    title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    return f"{title[1]} (an HTML page)" if title and text.lstrip().startswith("<") else text


def quota_of_the_day(details: Iterable[Mapping[str, Any]]) -> bool:
    """Whether Google says that a quota of the whole day is used up: no waiting helps."""
    for detail in details:
        if str(detail.get("@type", "")).endswith("QuotaFailure"):
            for violation in objects_in(detail, "violations"):
                if "perday" in str(violation.get("quotaId", "")).lower():
                    return True
    return False


def retry_after(headers: Mapping[str, str], details: Iterable[Mapping[str, Any]] = ()) -> float | None:
    """Seconds that a server asks us to wait: `retry-after-ms`, `Retry-After` (seconds or a date), Google's RetryInfo."""
    waits: list[float] = []
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = next((v for k, v in headers.items() if k.lower() == name), None)
        if value is None:
            continue
        try:
            waits.append(float(value) * scale)
        except ValueError:
            if (moment := date_of(value)) is not None:
                waits.append(moment - time.time())
        break
    for detail in details:
        delay = str(detail.get("retryDelay", ""))
        if re.fullmatch(r"\d+(\.\d+)?s", delay):
            waits.append(float(delay[:-1]))
    sane = [max(0.0, wait) for wait in waits if wait == wait and wait < 1e7]
    return max(sane) if sane else None


def date_of(text: str) -> float | None:
    """Seconds since 1970 of a date as HTTP writes it; None where it is none."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
