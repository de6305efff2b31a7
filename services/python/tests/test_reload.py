"""Files that change while connections live."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from authority import Authority, write
from harness import REPORTS, RESPONSE, Harness, fulfil, fulfilling
from intentgate import Channel, Server


async def answered(_request: object, _context: object) -> Any:
    return RESPONSE


async def logged(harness: Harness, message: str, count: int = 1) -> None:
    while len(harness.lines(message)) < count:
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intentgate.identity._AGAIN", 0.02)
    monkeypatch.setattr("intentgate.client._AGAIN", 0.0)


async def code_of(channel: grpc.aio.Channel) -> str:
    try:
        await fulfil(channel)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


def test_new_certificate_of_the_server(harness: Harness, run: Any) -> None:
    async def case() -> None:
        other = Authority.new("other")
        async with harness.serve(fulfilling(answered)) as server:
            write(harness.folder / "server", other.issue("dns:service.internal"), harness.authority.pem)
            await logged(harness, "Files reloaded")
            async with harness.channel(server, REPORTS) as channel:
                assert await code_of(channel) == "UNAVAILABLE"
            async with harness.channel(server, REPORTS, ca=other.pem) as channel:
                assert await code_of(channel) == "OK"

    run(case())


def test_authority_that_is_withdrawn_ends_what_it_was_trusted_for(harness: Harness, run: Any) -> None:
    async def case() -> None:
        other = Authority.new("other")
        ca = harness.folder / "server" / "ca.pem"
        async with harness.serve(fulfilling(answered)) as server, both(harness, server, other) as (ours, theirs):
            assert (await code_of(ours), await code_of(theirs)) == ("OK", "UNAVAILABLE")
            ca.write_bytes(harness.authority.pem + other.pem)
            await logged(harness, "Files reloaded")
            async with harness.channel(server, issued=other.sub().issue(REPORTS)) as later:
                assert (await code_of(ours), await code_of(later)) == ("OK", "OK")
                ca.write_bytes(harness.authority.pem)
                await logged(harness, "Files reloaded", 2)
                # The connection lives, its calls do not.
                assert (await code_of(ours), await code_of(later)) == ("OK", "UNAUTHENTICATED")
        assert harness.lines()[-1]["refusal"]["reason"] == "no_certificate"
        assert "accepted no longer" in harness.lines()[-1]["refusal"]["saw"]

    run(case())


class both:  # noqa: N801 # reads as a function
    """Channels of two authorities."""

    def __init__(self, harness: Harness, server: Server, other: Authority) -> None:
        self.channels = harness.channel(server, REPORTS), harness.channel(server, issued=other.issue(REPORTS))

    async def __aenter__(self) -> tuple[grpc.aio.Channel, grpc.aio.Channel]:
        return self.channels

    async def __aexit__(self, *_: object) -> None:
        for channel in self.channels:
            await channel.close()


def test_certificate_that_expires_on_a_live_connection(harness: Harness, run: Any) -> None:
    later = [timedelta(0)]

    async def case() -> None:
        config: dict[str, Any] = {"now": lambda: datetime.now(UTC) + later[0]}
        async with harness.serve(fulfilling(answered), **config) as server, harness.channel(server, REPORTS) as channel:
            assert await code_of(channel) == "OK"
            later[0] = timedelta(hours=2)
            assert await code_of(channel) == "UNAUTHENTICATED"
        assert "has expired" in harness.lines()[-1]["refusal"]["saw"]

    run(case())


def test_channel_takes_new_files(harness: Harness, run: Any) -> None:
    async def case() -> None:
        files = harness.authority.files(harness.folder / "client", REPORTS)
        async with (
            harness.serve(fulfilling(answered)) as server,
            Channel(server.address, files, server_name="service.internal", logger=harness.logger) as channel,
        ):
            await channel.channel_ready()
            assert await code_of(channel) == "OK"
            write(harness.folder / "client", harness.authority.issue("dns:stranger"), harness.authority.pem)
            assert await code_of(channel) == "PERMISSION_DENIED"
            # A bad file changes nothing.
            Path(files.key).write_text("no")
            assert await code_of(channel) == "PERMISSION_DENIED"
            write(harness.folder / "client", harness.authority.issue(REPORTS), harness.authority.pem)
            assert await code_of(channel) == "OK"
            write(harness.folder / "client", harness.authority.issue(REPORTS), Authority.new().pem)
            assert await code_of(channel) == "UNAVAILABLE"

    run(case())


def test_channel_insists_on_the_name_of_the_server(harness: Harness, run: Any) -> None:
    async def case() -> None:
        files = harness.authority.files(harness.folder / "client", REPORTS)
        async with (
            harness.serve(fulfilling(answered)) as server,
            Channel(server.address, files, server_name="other.internal") as channel,
        ):
            assert await code_of(channel) == "UNAVAILABLE"

    run(case())


def test_calls_in_flight_outlive_the_change_of_a_channel(harness: Harness, run: Any) -> None:
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slow(_request: object, _context: object) -> Any:
        begun.set()
        await finish.wait()
        return RESPONSE

    async def case() -> None:
        files = harness.authority.files(harness.folder / "client", REPORTS)
        async with (
            harness.serve(fulfilling(slow)) as server,
            Channel(server.address, files, server_name="service.internal") as channel,
        ):
            call = asyncio.ensure_future(fulfil(channel))
            await begun.wait()
            write(harness.folder / "client", harness.authority.issue(REPORTS), harness.authority.pem)
            channel.current()
            await asyncio.sleep(0)
            finish.set()
            assert await call == RESPONSE
            assert await code_of(channel) == "OK"

    run(case())


def test_closing_a_channel_ends_what_older_files_carry(harness: Harness, run: Any) -> None:
    begun = asyncio.Event()

    async def endless(_request: object, _context: object) -> Any:
        begun.set()
        await asyncio.Event().wait()

    async def case() -> None:
        files = harness.authority.files(harness.folder / "client", REPORTS)
        async with harness.serve(fulfilling(endless)) as server:
            channel = Channel(server.address, files, server_name="service.internal")
            call = asyncio.ensure_future(fulfil(channel, timeout=None))
            await begun.wait()
            write(harness.folder / "client", harness.authority.issue(REPORTS), harness.authority.pem)
            channel.current()
            await asyncio.sleep(0)
            await channel.close()
            with pytest.raises(asyncio.CancelledError):
                await call

    run(case())
    assert [line["code"] for line in harness.lines()] == ["Canceled"]
