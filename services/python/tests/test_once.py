import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from harness import CALLER, ref
from intentgate import Call, MemoryStore, Once, calling
from intentgate.conformance.v1.probe_service_pb2 import OnceResponse


def of(key: str) -> Any:
    return calling(Call(caller=CALLER, ref=ref(key), request_id=key) if key else Call())


class Counter:
    def __init__(self) -> None:
        self.count = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> OnceResponse:
        await self.go.wait()
        self.count += 1
        if self.count == 13:
            raise ValueError("unlucky")
        return OnceResponse(count=self.count)


def test_each_key_once(run: Callable[[Any], Any]) -> None:
    async def case() -> None:
        once, counter, got = Once(), Counter(), []
        for key in ("a", "a", "b", "a", "", ""):
            with of(key):
                got.append((await once(OnceResponse, counter)).count)
        assert got == [1, 1, 2, 1, 3, 4]

    run(case())


def test_tries_at_one_time_share_the_answer_and_go_on_when_the_first_gives_up(run: Callable[[Any], Any]) -> None:
    async def case() -> None:
        once, counter = Once(), Counter()
        counter.go.clear()
        with of("a"):
            tries = [asyncio.ensure_future(once(OnceResponse, counter)) for _ in range(3)]
            await asyncio.sleep(0)
            tries[0].cancel()
            await asyncio.sleep(0)
            counter.go.set()
            assert [(await each).count for each in tries[1:]] == [1, 1]
            assert (await once(OnceResponse, counter)).count == 1
        assert tries[0].cancelled()

    run(case())


def test_what_failed_is_tried_again(run: Callable[[Any], Any]) -> None:
    async def case() -> None:
        once, counter = Once(), Counter()
        counter.count = 12
        with of("a"):
            with pytest.raises(ValueError, match="unlucky"):
                await once(OnceResponse, counter)
            assert (await once(OnceResponse, counter)).count == 14

    run(case())


def test_memory_is_bounded(run: Callable[[Any], Any]) -> None:
    async def case() -> None:
        once, counter = Once(MemoryStore(limit=2)), Counter()
        got = []
        for key in ("a", "b", "c", "b", "a"):
            with of(key):
                got.append((await once(OnceResponse, counter)).count)
        assert got == [1, 2, 3, 2, 4]

    run(case())


class Forgetful(MemoryStore):
    async def put(self, key: str, answer: bytes) -> None:
        raise OSError("disk full")


def test_what_is_done_is_answered_though_it_cannot_be_kept(run: Callable[[Any], Any], caplog: pytest.LogCaptureFixture) -> None:
    async def case() -> None:
        with of("a"):
            assert (await Once(Forgetful())(OnceResponse, Counter())).count == 1

    run(case())
    assert [record.levelname for record in caplog.records] == ["ERROR"]
