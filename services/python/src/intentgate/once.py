"""Things that are done once, however often they are tried."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from intentgate.caller import current_call
from intentgate.methods import goes_on

_log = logging.getLogger("intentgate")
_M = TypeVar("_M", bound=Message)


class Store(Protocol):
    """Remembers answers by idempotency key, for some minutes at least."""

    async def get(self, key: str) -> bytes | None:
        """Returns the answer to a key, or None."""

    async def put(self, key: str, answer: bytes) -> None:
        """Remembers the answer to a key."""


class MemoryStore:
    """Remembers the latest answers in memory: enough for one process, and until it ends."""

    def __init__(self, limit: int = 4096) -> None:
        """Makes an empty store of at most so many answers."""
        self._answers: OrderedDict[str, bytes] = OrderedDict()
        self._limit = limit

    async def get(self, key: str) -> bytes | None:
        """Returns the answer to a key, or None."""
        return self._answers.get(key)

    async def put(self, key: str, answer: bytes) -> None:
        """Remembers the answer to a key, and forgets the oldest."""
        self._answers[key] = answer
        while len(self._answers) > self._limit:
            self._answers.popitem(last=False)


class Once:
    """Answers each try of one call the same, and does what it asks for once.

        self.once = Once()
        ...
        return await self.once(RedeemResponse, lambda: self.redeem(request))

    What is under way goes on when the caller gives up, since its next try wants to hear how it ended, and a server that stops
    waits for it. Only answers are remembered: what failed is tried again. Two processes with one Store may still do a thing
    twice at the same moment; what must not happen even then belongs into a transaction, with the key in a unique column.

    It belongs to one event loop.
    """

    def __init__(self, store: Store | None = None) -> None:
        """Remembers answers in a store, of its own if there is none."""
        self._store = store or MemoryStore()
        self._running: dict[str, asyncio.Task[bytes]] = {}

    async def __call__(self, response: type[_M], answer: Callable[[], Awaitable[_M]]) -> _M:
        """Returns the answer to the current call.

        A direct call has no idempotency key, and is answered each time.

        Args:
            response: the class of the answer.
            answer: does it.
        """
        key = current_call().request_id
        if not key:
            return await answer()
        running = self._running.get(key)
        if running is None:
            running = asyncio.create_task(self._answer(key, answer))
            goes_on(running)
            self._running[key] = running
            running.add_done_callback(lambda task: self._ended(key, task))
        return response.FromString(await asyncio.shield(running))

    async def _answer(self, key: str, answer: Callable[[], Awaitable[Message]]) -> bytes:
        earlier = await self._store.get(key)
        if earlier is None:
            earlier = (await answer()).SerializeToString()
            try:
                await self._store.put(key, earlier)
            except Exception:  # noqa: BLE001 # whatever a store raises
                # It is done: the caller is not to believe that it is not, and to try again.
                _log.exception("Answer was not kept, a further try would do it again")
        return earlier

    def _ended(self, key: str, task: asyncio.Task[bytes]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # looked at, since perhaps nobody waits any more
