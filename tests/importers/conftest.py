"""The command line."""

from tests.run.conftest import cli  # noqa: F401  a fixture
