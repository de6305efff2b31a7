import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

const name = "@intentgate/service";

/**
 * Makes a span and a measurement of each unary call, by the names of OpenTelemetry's conventions. They go where the process has
 * set up an OpenTelemetry SDK, and nowhere without one. The trace is continued, since only a caller on the lists gets here.
 */
export function telemetry(): Interceptor {
  const tracer = trace.getTracer(name);
  const duration = metrics.getMeter(name).createHistogram("rpc.server.duration", { unit: "ms" });
  return (next) => (request) => {
    if (request.stream) return next(request);
    const parent = propagation.extract(context.active(), request.header, {
      get: (header, key) => header.get(key) ?? undefined,
      keys: (header) => [...header.keys()],
    });
    const { typeName } = request.service;
    const method = request.method.name;
    const attributes = { "rpc.system": "grpc", "rpc.service": typeName, "rpc.method": method };
    const start = performance.now();
    return tracer.startActiveSpan(`${typeName}/${method}`, { kind: SpanKind.SERVER, attributes }, parent, async (span) => {
      let code: Code | 0 = 0;
      try {
        return await next(request);
      } catch (error) {
        code = ConnectError.from(error).code;
        span.setStatus({ code: SpanStatusCode.ERROR, message: Code[code] });
        throw error;
      } finally {
        span.setAttribute("rpc.grpc.status_code", code).end();
        duration.record(performance.now() - start, { ...attributes, "rpc.grpc.status_code": code });
      }
    });
  };
}
