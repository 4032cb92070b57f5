"""Of google-auth, an extra, what audiobench calls."""

from collections.abc import Sequence

from google.auth import transport as transport

class Credentials:
    @property
    def valid(self) -> bool: ...
    @property
    def token(self) -> str: ...
    def refresh(self, request: transport.Request) -> None: ...

def default(scopes: Sequence[str] | None = None) -> tuple[Credentials, str | None]: ...
