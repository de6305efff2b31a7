import assert from "node:assert/strict";
import { test } from "node:test";
import { ProbeService } from "@intentgate/service/gen/intentgate/conformance/v1/probe_service_pb.js";
import { type Context, createContextKey, metrics, propagation, trace } from "@opentelemetry/api";
import { start } from "./world.js";

test("a call is a span of the gateway's trace, and a measurement", async (t) => {
  const parent = createContextKey("traceparent");
  const seen: unknown[] = [];
  const span = {
    setStatus: (status: unknown) => seen.push(status),
    setAttribute(name: string, value: unknown) {
      seen.push([name, value]);
      return span;
    },
    end: () => seen.push("end"),
  };
  const startActiveSpan = (name: string, _: unknown, context: Context, run: (span: unknown) => unknown) => {
    seen.push([name, context.getValue(parent)]);
    return run(span);
  };
  trace.setGlobalTracerProvider({ getTracer: () => ({ startActiveSpan, startSpan: () => span }) as never });
  propagation.setGlobalPropagator({
    inject: () => {},
    extract: (context, carrier, getter) => context.setValue(parent, getter.get(carrier, "traceparent")),
    fields: () => ["traceparent"],
  });
  const record = (_: number, attributes: Record<string, unknown>) => seen.push(attributes);
  metrics.setGlobalMeterProvider({ getMeter: () => ({ createHistogram: () => ({ record }) }) as never });
  t.after(() => {
    trace.disable();
    propagation.disable();
    metrics.disable();
  });

  const world = await start(t, { probe: true });
  const probe = world.channel("dns:office.internal").client(ProbeService);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await probe.echo({}, { headers: { traceparent } });
  const name = "intentgate.conformance.v1.ProbeService";
  const attributes = { "rpc.system": "grpc", "rpc.service": name };
  assert.deepEqual(seen.splice(0), [
    [`${name}/Echo`, traceparent],
    ["rpc.grpc.status_code", 0],
    "end",
    { ...attributes, "rpc.method": "Echo", "rpc.grpc.status_code": 0 },
  ]);

  await assert.rejects(probe.refuse({ code: 5 }));
  assert.deepEqual(seen.splice(1), [
    { code: 2, message: "NotFound" },
    ["rpc.grpc.status_code", 5],
    "end",
    { ...attributes, "rpc.method": "Refuse", "rpc.grpc.status_code": 5 },
  ]);
});
