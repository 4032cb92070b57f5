"""What an error answer says: its code and message in any of the servers' shapes, and how long to wait."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

RETRY_STATUS = frozenset({408, 409, 425, 429})
RUN_STATUS = frozenset({401, 402, 403, 404, 405, 410})
KEY_CODES = frozenset({"invalid_api_key", "api_key_invalid", "account_deactivated"})
QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "arrearage"})
"""Error codes that mean that no request can succeed, whatever the HTTP status (compared in lower case)."""


def error_fields(data: Any) -> tuple[str, str, list[dict[str, Any]]]:
    """(code, message, Google's details) of an error body, in any of the shapes that servers use."""
    if isinstance(data, list) and data:
        data = data[0]
    if not isinstance(data, dict):
        return "", data if isinstance(data, str) else "", []
    error = data.get("error", data)
    if not isinstance(error, dict):
        return "", str(error), []
    code = next((str(error[k]) for k in ("code", "status", "type") if isinstance(error.get(k), str)), "")
    if not code and error.get("code") is not None:
        code = str(error["code"])
    if isinstance(error.get("status"), str) and isinstance(error.get("code"), int):
        code = error["status"]
    message = next((error[k] for k in ("message", "detail", "msg") if error.get(k)), "")
    text = message if isinstance(message, str) else orjson.dumps(message).decode()
    details = error.get("details")
    found = [d for d in details if isinstance(d, dict)] if isinstance(details, list) else []
    return code, text, found


def page_title(text: str) -> str:
    """The title of an HTML page (of a proxy, say); any other text as it is."""
    title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    return f"{title[1]} (an HTML page)" if title and text.lstrip().startswith("<") else text


def quota_of_the_day(details: list[dict[str, Any]]) -> bool:
    """Whether Google says that a quota of the whole day is used up: no waiting helps."""
    for detail in details:
        if str(detail.get("@type", "")).endswith("QuotaFailure"):
            for violation in detail.get("violations") or []:
                if isinstance(violation, dict) and "perday" in str(violation.get("quotaId", "")).lower():
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
            if (seconds := _until(value)) is not None:
                waits.append(seconds)
        break
    for detail in details:
        delay = str(detail.get("retryDelay", ""))
        if re.fullmatch(r"\d+(\.\d+)?s", delay):
            waits.append(float(delay[:-1]))
    sane = [max(0.0, wait) for wait in waits if wait == wait and wait < 1e7]
    return max(sane) if sane else None


def _until(date: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (TypeError, ValueError):
        return None
