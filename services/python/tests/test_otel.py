"""OpenTelemetry's interceptor, as the README has it."""

from typing import Any

from opentelemetry.instrumentation.grpc import aio_server_interceptor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from harness import CALLER, GATEWAY, RESPONSE, Harness, fulfil, fulfilling, ref
from intentgate import outgoing_metadata


async def answered(_request: object, _context: object) -> Any:
    return RESPONSE


def test_a_span_a_call_within_the_trace_of_the_gateway(harness: Harness, run: Any) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    said = outgoing_metadata(CALLER, ref("1.a"))
    sampled = [(key, f"{str(value)[:-2]}01" if key == "traceparent" else value) for key, value in said]

    async def case() -> None:
        interceptors = [aio_server_interceptor(tracer_provider=provider)]  # type: ignore[no-untyped-call]
        async with (
            harness.serve(fulfilling(answered), interceptors=interceptors) as server,
            harness.channel(server, GATEWAY) as channel,
        ):
            await fulfil(channel, metadata=sampled)

    run(case())
    (span,) = exporter.get_finished_spans()
    assert span.name == "/intentgate.v1.IntentService/Fulfill"
    assert f"{span.context.trace_id:032x}" in dict(sampled)["traceparent"]
