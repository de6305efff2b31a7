import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from harness import CALLER, GATEWAY, REPORTS, RESPONSE, Harness, fulfil, fulfilling, ref
from intentgate import CutOffError, Once, current_call, outgoing_metadata, refuse
from intentgate.chain import _given_up
from intentgate.conformance.v1 import probe_service_pb2, probe_service_pb2_grpc
from intentgate.descriptors import descriptor_set, services
from intentgate.probe import beside
from intentgate.v1 import intent_service_pb2, intent_service_pb2_grpc, reply_pb2

FULFIL = "/intentgate.v1.IntentService/Fulfill"


async def answered(_request: object, _context: object) -> Any:
    return RESPONSE


async def ended(call: Any) -> grpc.aio.AioRpcError:
    """Returns the error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value


def status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    return status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])


def test_line(harness: Harness, run: Any) -> None:
    async def case() -> None:
        async with harness.serve(fulfilling(answered)) as server:
            async with harness.channel(server, GATEWAY, "uri:spiffe://shop/gateway") as channel:
                await fulfil(channel, metadata=outgoing_metadata(CALLER, ref("1.x")))
            async with harness.channel(server, REPORTS) as channel:
                await fulfil(channel)

    run(case())
    asserted, direct = harness.lines()
    assert asserted.pop("duration") > 0
    assert asserted == {
        "service": "test",
        "method": FULFIL,
        "code": "OK",
        "peer": [GATEWAY, "uri:spiffe://shop/gateway"],
        "caller": {"platform": "ES", "project": "shop", "proof": "ID_TOKEN"},
        "request_id": "1.x",
    }
    assert direct.keys() == {"service", "method", "code", "duration", "peer"}
    assert [record.levelname for record in harness.records if record.getMessage() == "Call"] == ["INFO", "INFO"]


def test_refused_with_details(harness: Harness, run: Any) -> None:
    async def method(_request: object, _context: object) -> Any:
        raise refuse(
            grpc.StatusCode.NOT_FOUND,
            {"en": "No such shop.", "de": "Kein solcher Laden."},
            violations={"city": "unknown"},
            reply=reply_pb2.Reply(texts=["Or Berlin?"]),
        )

    async def case() -> None:
        async with harness.serve(fulfilling(method)) as server, harness.channel(server, REPORTS) as channel:
            error = await ended(fulfil(channel))
        assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "No such shop.")
        got = status(error)
        assert (got.code, got.message) == (5, "No such shop.")
        german, english, bad, reply = got.details
        for packed, want in (
            (german, error_details_pb2.LocalizedMessage(locale="de", message="Kein solcher Laden.")),
            (english, error_details_pb2.LocalizedMessage(locale="en", message="No such shop.")),
            (bad, error_details_pb2.BadRequest(field_violations=[{"field": "city", "description": "unknown"}])),
            (reply, reply_pb2.Reply(texts=["Or Berlin?"])),
        ):
            message = type(want)()
            assert packed.Unpack(message)
            assert message == want

    run(case())
    assert harness.lines()[0]["code"] == "NotFound"
    assert harness.lines()[0]["error"] == "No such shop."


async def crashing(_request: object, _context: object) -> Any:
    raise RuntimeError("the secret of the shop")


def crashing_in_a_thread(_request: object, _context: object) -> Any:
    raise RuntimeError("the secret of the shop")


async def returning_nothing(_request: object, _context: object) -> Any:
    return None


async def waiting_for_what_is_cancelled(_request: object, _context: object) -> Any:
    other = asyncio.ensure_future(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(other.cancel)
    await other


@pytest.mark.parametrize("method", [crashing, crashing_in_a_thread, returning_nothing, waiting_for_what_is_cancelled])
def test_what_a_method_did_not_foresee(method: Any, harness: Harness, run: Any) -> None:
    async def case() -> None:
        async with harness.serve(fulfilling(method)) as server, harness.channel(server, REPORTS) as channel:
            error = await ended(fulfil(channel))
            assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")

    run(case())
    (record,) = [record for record in harness.records if record.getMessage() == "Call"]
    assert record.levelname == "ERROR"
    assert record.exc_info
    assert harness.lines()[0]["code"] == "Internal"


def test_method_that_is_a_plain_function(harness: Harness, run: Any) -> None:
    seen = []

    def method(_request: object, context: Any) -> Any:
        seen.append((current_call().peer.names, threading.current_thread() is threading.main_thread()))
        if len(seen) == 2:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "twice")
        if len(seen) == 3:
            context.abort_with_status(SimpleNamespace(code=grpc.StatusCode.ABORTED, details="thrice", trailing_metadata=()))
        return RESPONSE

    async def case() -> None:
        async with harness.serve(fulfilling(method)) as server, harness.channel(server, REPORTS) as channel:
            await fulfil(channel)
            error = await ended(fulfil(channel))
            assert (error.code(), error.details()) == (grpc.StatusCode.ALREADY_EXISTS, "twice")
            error = await ended(fulfil(channel))
            assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, "thrice")

    run(case())
    assert seen == [((REPORTS,), False)] * 3


def test_abort_and_set_code_of_the_context(harness: Harness, run: Any) -> None:
    async def method(_request: object, context: Any) -> Any:
        if context.time_remaining() is None:
            context.set_code(grpc.StatusCode.OUT_OF_RANGE)
            context.set_details("far")
            return None
        await context.abort(grpc.StatusCode.ABORTED, "again", (("k", "v"),))

    async def case() -> None:
        async with harness.serve(fulfilling(method)) as server, harness.channel(server, REPORTS) as channel:
            error = await ended(fulfil(channel))
            assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, "again")
            assert dict(error.trailing_metadata())["k"] == "v"
            error = await ended(fulfil(channel, timeout=None))
            assert error.code() is grpc.StatusCode.OUT_OF_RANGE

    run(case())
    assert [line["code"] for line in harness.lines()] == ["Aborted", "OutOfRange"]


@pytest.mark.parametrize(
    ("names", "method", "code"),
    [((REPORTS,), "/shop.v1.X/Y", "UNIMPLEMENTED"), (("dns:stranger",), "/shop.v1.X/Y", "PERMISSION_DENIED")],
)
def test_unknown_method(names: tuple[str, ...], method: str, code: str, harness: Harness, run: Any) -> None:
    async def case() -> None:
        async with harness.serve(fulfilling(answered)) as server, harness.channel(server, *names) as channel:
            error = await ended(channel.unary_unary(method)(b"", timeout=10))
            assert error.code().name == code

    run(case())
    assert [line["method"] for line in harness.lines()] == [method]


def test_method_that_is_not_written(harness: Harness, run: Any) -> None:
    class Service(intent_service_pb2_grpc.IntentServiceServicer):
        pass

    def register(server: grpc.aio.Server) -> None:
        intent_service_pb2_grpc.add_IntentServiceServicer_to_server(Service(), server)  # type: ignore[abstract]

    async def case() -> None:
        async with harness.serve(register) as server, harness.channel(server, REPORTS) as channel:
            error = await ended(fulfil(channel))
            assert (error.code(), error.details()) == (grpc.StatusCode.UNIMPLEMENTED, "Method not implemented!")

    run(case())
    assert harness.lines()[0]["code"] == "Unimplemented"


def test_bytes_of_a_stranger_are_not_decoded(harness: Harness, run: Any) -> None:
    async def case() -> None:
        async with harness.serve(fulfilling(answered)) as server:
            for names, code in (("dns:stranger", "PERMISSION_DENIED"), (REPORTS, "INTERNAL")):
                async with harness.channel(server, names) as channel:
                    error = await ended(channel.unary_unary(FULFIL)(b"\xff", timeout=10))
                    assert error.code().name == code

    run(case())
    assert [line["code"] for line in harness.lines()] == ["PermissionDenied", "Internal"]


def test_health_and_reflection_obey_the_lists(harness: Harness, run: Any) -> None:
    async def case() -> None:
        async with harness.serve(fulfilling(answered)) as server:
            for names, code in ((REPORTS, None), ("dns:stranger", grpc.StatusCode.PERMISSION_DENIED)):
                async with harness.channel(server, names) as channel:
                    for call in (check(channel, ""), check(channel, "intentgate.v1.IntentService"), reflected(channel)):
                        try:
                            await call
                            got = None
                        except grpc.aio.AioRpcError as error:
                            got = error.code()
                        assert got is code
            async with harness.channel(server, REPORTS) as channel:
                assert (await ended(check(channel, "no.such.Service"))).code() is grpc.StatusCode.NOT_FOUND

    run(case())


async def check(channel: grpc.aio.Channel, service: str) -> None:
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def reflected(channel: Any, version: str = "v1") -> FileDescriptorSet:
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    async with asyncio.timeout(10):
        stream = call()
        await stream.write(reflection_pb2.ServerReflectionRequest(list_services="*"))
        listed = await stream.read()
        names = [service.name for service in listed.list_services_response.service]
        assert names == ["intentgate.v1.IntentService"]
        await stream.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=names[0]))
        described = await stream.read()
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
    found = FileDescriptorSet()
    for file in described.file_descriptor_response.file_descriptor_proto:
        found.file.add().ParseFromString(file)
    return found


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_is_the_descriptor_set(version: str, harness: Harness, run: Any) -> None:
    async def case() -> FileDescriptorSet:
        async with harness.serve(fulfilling(answered)) as server, harness.channel(server, REPORTS) as channel:
            return await reflected(channel, version)

    want = FileDescriptorSet.FromString(descriptor_set(["intentgate.v1.IntentService"]))
    by_name = {file.name: file.SerializeToString(deterministic=True) for file in run(case()).file}
    assert by_name == {file.name: file.SerializeToString(deterministic=True) for file in want.file}


def test_deadline_and_cancellation_reach_the_method(harness: Harness, run: Any) -> None:
    async def case() -> None:
        async with harness.serve(beside(fulfilling(answered))) as server, harness.channel(server, REPORTS) as channel:
            probe = probe_service_pb2_grpc.ProbeServiceStub(channel)
            wait = probe_service_pb2.WaitRequest(id="late", time=Duration(seconds=100))
            assert (await ended(probe.Wait(wait, timeout=0.2))).code() is grpc.StatusCode.DEADLINE_EXCEEDED
            wait.id = "cancelled"
            call = probe.Wait(wait)
            await waited(probe, "cancelled", probe_service_pb2.WaitedResponse.END_WAITING)
            call.cancel()
            for name in ("late", "cancelled"):
                await waited(probe, name, probe_service_pb2.WaitedResponse.END_CANCELLED)

    run(case())
    late, cancelled = (line["code"] for line in harness.lines() if line["method"].endswith("/Wait"))
    assert late in ("DeadlineExceeded", "Canceled")  # the caller's clock may be the first to strike
    assert cancelled == "Canceled"


@pytest.mark.parametrize(("left", "code"), [(0, "DEADLINE_EXCEEDED"), (0.1, "CANCELLED"), (None, "CANCELLED")])
def test_who_gave_up_after_the_deadline_was_late(left: float | None, code: str) -> None:
    context: Any = SimpleNamespace(time_remaining=lambda: left)
    assert _given_up(context).name == code


async def waited(probe: Any, name: str, end: int) -> None:
    while (await probe.Waited(probe_service_pb2.WaitedRequest(id=name), timeout=10)).end != end:
        await asyncio.sleep(0.01)


def test_stops_when_calls_are_done(harness: Harness, run: Any) -> None:
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slow(_request: object, _context: object) -> Any:
        begun.set()
        await finish.wait()
        return RESPONSE

    async def case() -> None:
        async with contextlib.AsyncExitStack() as stack:
            server = await stack.enter_async_context(harness.serve(fulfilling(slow)))
            channel = await stack.enter_async_context(harness.channel(server, REPORTS))
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            call = asyncio.ensure_future(fulfil(channel))
            await begun.wait()
            stopping = asyncio.ensure_future(server.stop())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            assert await watch.read() is grpc.aio.EOF
            async with harness.channel(server, REPORTS) as late:
                assert (await ended(fulfil(late))).code() is grpc.StatusCode.UNAVAILABLE
            assert not stopping.done()
            finish.set()
            assert await call == RESPONSE
            await stopping

    run(case())


def test_stops_without_losing_calls_of_those_who_wait_for_answers(
    harness: Harness, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intentgate.server._REST", 0.05)
    codes: list[str] = []

    async def asking(channel: grpc.aio.Channel) -> None:
        while "UNAVAILABLE" not in codes[-4:]:
            try:
                await fulfil(channel)
                codes.append("OK")
            except grpc.aio.AioRpcError as error:
                codes.append(error.code().name)

    async def case() -> None:
        async with contextlib.AsyncExitStack() as stack:
            server = await stack.enter_async_context(harness.serve(fulfilling(answered)))
            channels = [await stack.enter_async_context(harness.channel(server, REPORTS)) for _ in range(3)]
            callers = [asyncio.ensure_future(asking(channel)) for channel in channels]
            while len(codes) < 30:
                await asyncio.sleep(0.01)
            await server.stop()
            await asyncio.gather(*callers)

    run(case())
    assert set(codes) == {"OK", "UNAVAILABLE"}


def test_cuts_off_what_does_not_end(harness: Harness, run: Any) -> None:
    begun = asyncio.Event()

    async def endless(_request: object, _context: object) -> Any:
        begun.set()
        await asyncio.Event().wait()

    async def case() -> None:
        async with harness.serve(fulfilling(endless), drain=0.1) as server, harness.channel(server, REPORTS) as channel:
            call = asyncio.ensure_future(fulfil(channel))
            await begun.wait()
            with pytest.raises(CutOffError, match="cut off: not done within"):
                await server.stop()
            assert (await ended(call)).code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

    run(case())


def test_cuts_off_what_takes_no_notice(harness: Harness, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intentgate.server._UNWINDING", 0.01)
    begun, finish = asyncio.Event(), asyncio.Event()

    async def stubborn(_request: object, _context: object) -> Any:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await finish.wait()
        await finish.wait()

    async def case() -> None:
        async with harness.channel(server := await harness.serving(fulfilling(stubborn), drain=0.1), REPORTS) as channel:
            call = asyncio.ensure_future(fulfil(channel))
            await begun.wait()
            with pytest.raises(CutOffError):
                await server.stop()
            finish.set()
            await ended(call)

    run(case())


def test_stop_waits_for_what_callers_wait_for_no_longer(harness: Harness, run: Any) -> None:
    begun, finish, done = threading.Event(), threading.Event(), []

    def plain(_request: object, _context: object) -> Any:
        begun.set()
        assert finish.wait(10)
        done.append("plain")
        return RESPONSE

    once = Once()

    async def shared(_request: object, _context: object) -> Any:
        return await once(intent_service_pb2.FulfillResponse, in_time)

    async def in_time() -> Any:
        begun.set()
        await asyncio.to_thread(finish.wait, 10)
        done.append("once")
        return RESPONSE

    async def case(method: Any) -> None:
        begun.clear()
        finish.clear()
        server = await harness.serving(fulfilling(method))
        async with harness.channel(server, GATEWAY) as channel:
            call = asyncio.ensure_future(fulfil(channel, metadata=outgoing_metadata(CALLER, ref("1.a"))))
            await asyncio.to_thread(begun.wait, 10)
            call.cancel()
            while not harness.lines():
                await asyncio.sleep(0.01)
            stopping = asyncio.ensure_future(server.stop())
            await asyncio.wait((stopping,), timeout=0.1)
            assert not stopping.done()
            finish.set()
            await stopping
        assert harness.lines().pop()["code"] == "Canceled"
        harness.records.clear()

    run(case(plain))
    run(case(shared))
    assert done == ["plain", "once"]


def test_stop_gives_up_what_callers_wait_for_no_longer(harness: Harness, run: Any) -> None:
    begun, finish = threading.Event(), threading.Event()

    def plain(_request: object, _context: object) -> Any:
        begun.set()
        assert finish.wait(10)

    async def case() -> None:
        server = await harness.serving(fulfilling(plain), drain=0.1)
        async with harness.channel(server, REPORTS) as channel:
            call = asyncio.ensure_future(fulfil(channel))
            await asyncio.to_thread(begun.wait, 10)
            call.cancel()
            while not harness.lines():
                await asyncio.sleep(0.01)
            with pytest.raises(CutOffError):
                await server.stop()
            finish.set()

    run(case())


class Streams:
    """One method of each kind."""

    @staticmethod
    async def many(request: bytes, _context: object) -> AsyncIterator[bytes]:
        for _ in range(2):
            yield request + current_call().peer.names[0].encode()

    @staticmethod
    async def written(request: bytes, context: Any) -> None:
        await context.write(request)

    @staticmethod
    def plain(_request: bytes, _context: object) -> Iterator[bytes]:
        yield b""

    @staticmethod
    async def count(requests: AsyncIterator[bytes], _context: object) -> bytes:
        return b"%d" % len([request async for request in requests])

    @classmethod
    def register(cls, server: grpc.aio.Server) -> None:
        handlers: dict[str, Any] = {
            "Many": grpc.unary_stream_rpc_method_handler(cls.many),
            "Written": grpc.unary_stream_rpc_method_handler(cls.written),
            "Plain": grpc.unary_stream_rpc_method_handler(cls.plain),
            "Count": grpc.stream_unary_rpc_method_handler(cls.count),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s.S", handlers),))
        server.add_registered_method_handlers("s.S", handlers)


def test_streams(harness: Harness, run: Any) -> None:
    async def case() -> None:
        async with harness.serve(Streams.register) as server, harness.channel(server, REPORTS) as channel:
            many = [m async for m in channel.unary_stream("/s.S/Many")(b"1 ", timeout=10)]
            assert many == [b"1 " + REPORTS.encode()] * 2
            assert [m async for m in channel.unary_stream("/s.S/Written")(b"1", timeout=10)] == [b"1"]
            assert await channel.stream_unary("/s.S/Count")(iter([b"a", b"b"]), timeout=10) == b"2"
            with pytest.raises(grpc.aio.AioRpcError, match="internal error"):
                await channel.unary_stream("/s.S/Plain")(b"", timeout=10).read()
        async with harness.serve(Streams.register) as server, harness.channel(server, "dns:stranger") as channel:
            with pytest.raises(grpc.aio.AioRpcError, match="not allowed"):
                await channel.stream_unary("/s.S/Count")(iter([]), timeout=10)

    run(case())
    assert "service s.S is not described; import the _pb2" in harness.lines("Service cannot be reflected")[0]["error"]
    with pytest.raises(ValueError, match="is not described"):
        descriptor_set(services(Streams.register))


def test_connections_of_age_end_without_losing_calls(harness: Harness, run: Any) -> None:
    peers: set[str] = set()

    async def note(_request: object, context: Any) -> Any:
        peers.add(context.peer())
        return RESPONSE

    async def case() -> None:
        async with (
            harness.serve(fulfilling(note), max_connection_age=0.2) as server,
            harness.channel(server, REPORTS) as channel,
        ):
            while len(peers) < 3:
                await asyncio.gather(*(fulfil(channel) for _ in range(10)))

    run(case())
    assert {line["code"] for line in harness.lines()} == {"OK"}


def test_a_port_is_one_servers(harness: Harness, run: Any) -> None:
    async def case() -> None:
        async with harness.serve(fulfilling(answered)) as server:
            with pytest.raises(OSError, match="cannot listen on"):
                await harness.serve(fulfilling(answered), listen=server.address).__aenter__()

    run(case())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"allowed": [], "asserting": []}, "nobody could call"),
        ({"allowed": ["reports.internal"]}, "unknown kind"),
        ({"asserting": ["dns:*.internal"]}, "wildcards"),
        ({"register": lambda _server: None}, "registered nothing"),
    ],
)
def test_configuration_with_gaps(changes: dict[str, Any], problem: str, harness: Harness, run: Any) -> None:
    async def case() -> None:
        with pytest.raises(ValueError, match=problem):
            await harness.serve(**({"register": fulfilling(answered)} | changes)).__aenter__()

    run(case())


def test_large_and_unicode(harness: Harness, run: Any) -> None:
    async def echo(request: intent_service_pb2.FulfillRequest, _context: object) -> Any:
        return intent_service_pb2.FulfillResponse(reply=reply_pb2.Reply(texts=[request.webhook_json.decode()]))

    async def case() -> None:
        async with harness.serve(fulfilling(echo)) as server, harness.channel(server, REPORTS) as channel:
            text = "🦆ß中" * 100_000
            request = intent_service_pb2.FulfillRequest(webhook_json=text.encode())
            answer = await intent_service_pb2_grpc.IntentServiceStub(channel).Fulfill(request, timeout=10)
            assert answer.reply.texts == [text]
            request.webhook_json = b"x" * (5 << 20)
            error = await ended(intent_service_pb2_grpc.IntentServiceStub(channel).Fulfill(request, timeout=10))
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    run(case())
