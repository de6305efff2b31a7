"""OpenTelemetry's interceptor, as the README has it."""

import threading
from typing import Any

import grpc
import pytest
from opentelemetry.instrumentation.grpc import aio_server_interceptor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from harness import CALLER, GATEWAY, RESPONSE, Harness, fulfil, fulfilling, ref
from intentgate import outgoing_metadata, refuse


async def answered(_request: object, _context: object) -> Any:
    return RESPONSE


def answered_in_a_thread(_request: object, _context: object) -> Any:
    assert threading.current_thread() is not threading.main_thread()
    return RESPONSE


async def refused(_request: object, _context: object) -> Any:
    raise refuse(grpc.StatusCode.NOT_FOUND, {"en": "There is none."})


def test_no_span_where_the_gateway_does_not_sample(harness: Harness, run: Any) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def case() -> None:
        interceptors = [aio_server_interceptor(tracer_provider=provider)]  # type: ignore[no-untyped-call]
        async with (
            harness.serve(fulfilling(answered), interceptors=interceptors) as server,
            harness.channel(server, GATEWAY) as channel,
        ):
            await fulfil(channel, metadata=outgoing_metadata(CALLER, ref("1.a")))

    run(case())
    assert not exporter.get_finished_spans()


@pytest.mark.parametrize(("method", "code"), [(answered, 0), (answered_in_a_thread, 0), (refused, 5)])
def test_a_span_a_call_within_the_trace_of_the_gateway(method: Any, code: int, harness: Harness, run: Any) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    said = outgoing_metadata(CALLER, ref("1.a"))
    sampled = [(key, f"{str(value)[:-2]}01" if key == "traceparent" else value) for key, value in said]

    async def case() -> int:
        interceptors = [aio_server_interceptor(tracer_provider=provider)]  # type: ignore[no-untyped-call]
        async with (
            harness.serve(fulfilling(method), interceptors=interceptors) as server,
            harness.channel(server, GATEWAY) as channel,
        ):
            try:
                await fulfil(channel, metadata=sampled)
            except grpc.aio.AioRpcError as error:
                got: int = error.code().value[0]
                return got
        return 0

    assert run(case()) == code
    (span,) = exporter.get_finished_spans()
    assert span.name == "/intentgate.v1.IntentService/Fulfill"
    assert span.parent
    assert f"00-{span.context.trace_id:032x}-{span.parent.span_id:016x}-01" == dict(sampled)["traceparent"]
    assert dict(span.attributes or {})["rpc.grpc.status_code"] == code
