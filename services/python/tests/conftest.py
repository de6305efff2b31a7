import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from authority import Authority
from harness import Harness

_T = TypeVar("_T")


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def run(runner: asyncio.Runner) -> Callable[[Coroutine[Any, Any, _T]], _T]:
    """Runs a coroutine in the one event loop of the session, for a minute at most."""

    def run_it(coroutine: Coroutine[Any, Any, _T]) -> _T:
        async def limited() -> _T:
            async with asyncio.timeout(60):
                return await coroutine

        return runner.run(limited())

    return run_it


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture
def harness(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    monkeypatch.setattr("intentgate.server._REST", 0.001)
    logger = logging.Logger("test", logging.DEBUG)  # noqa: LOG001 # nobody else's
    return Harness(authority, tmp_path, logger)
