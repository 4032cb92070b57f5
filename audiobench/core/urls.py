"""Addresses that users write down."""

from __future__ import annotations

from urllib.parse import urlsplit

from audiobench.core.errors import UsageError


def check_url(url: str, *, of: str = "--base-url") -> None:
    """Whether a base URL (http, https, or ws, wss for realtime) can be used and written down. Never shows the URL, which
    may hold a password; `of` is what errors call it.

    Raises:
        UsageError: it is not one, or it holds a user, a password, a query or a fragment.
    """
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https", "ws", "wss") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        usable, parts = False, urlsplit("")
    if "@" in parts.netloc:
        raise UsageError(f"{of}: must not contain a user or password; keys come from the environment")
    if not usable:
        raise UsageError(f"{of}: must look like http://host:port/v1 or https://host/v1")
    if parts.query or parts.fragment:
        raise UsageError(f"{of}: must not contain a query; keys come from the environment")
