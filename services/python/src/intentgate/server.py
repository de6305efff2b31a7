"""A gRPC server that speaks mutual TLS and nothing else."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from intentgate import names, rules
from intentgate.chain import Chain
from intentgate.descriptors import Register, file_of, services
from intentgate.identity import Files, Identity, read_authorities
from intentgate.keys import Keys
from intentgate.line import Log
from intentgate.methods import Methods
from intentgate.policy import Policy
from intentgate.signed import SignedCallers, Tokens
from intentgate.status import StatusError
from intentgate.tokens import Verifier
from intentgate.trust import Trust

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", 4 << 20),  # a webhook's body is a quarter of that at most
    ("grpc.max_metadata_size", 32 << 10),
    ("grpc.absolute_max_metadata_size", 32 << 10),
    ("grpc.max_concurrent_streams", 1024),
    ("grpc.server_handshake_timeout_ms", 10_000),
    # How often a caller may ping without being told to calm down. Callers do it every five minutes; the network may bring
    # two pings closer together.
    ("grpc.http2.min_ping_interval_without_data_ms", 60_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Another process on the same port would take some of the calls, whoever it is.
    ("grpc.so_reuseport", 0),
)

_REST = 0.1  # seconds, many round trips to a caller
_UNWINDING = 1.0  # seconds that methods may take to end once they are cancelled


@dataclass(kw_only=True)
class Config:
    """What a server is made of."""

    name: str
    """The service's name in the log, such as stores."""
    register: Register
    """Registers the service's methods."""
    files: Files
    """The server's own certificate and the authorities of its callers."""
    listen: str = ":8443"
    """The address to listen on; port 0 takes any free one."""
    allowed: Sequence[str] = ()
    """The callers that call for themselves, each `dns:<name>` or `uri:<id>`, compared exactly with the names of their
    certificates. Nobody is allowed by default."""
    asserting: Sequence[str] = ()
    """The callers that are believed when they say on whose behalf they call: the gateway. `allowed` need not repeat them."""
    tokens: Tokens | None = None
    """Has callers count only with a token that the gateway has signed. Health and reflection need none."""
    methods: Mapping[str, rules.Method] | None = None
    """Who may call what, by a method's full name such as `shop.orders.v1.OrderService/CancelOrder`, or by
    `shop.orders.v1.OrderService/*` for all of a service that are not named themselves. What is not there nobody may call.
    None: whoever may call may call everything. Health and reflection obey `allowed` and `asserting` alone."""
    drain: float = 30
    """Seconds that calls in flight may take to end once the server is told to stop."""
    max_connection_age: float = 30 * 60
    """Seconds that a connection lasts, give or take a tenth. Then the caller is told to connect anew."""
    interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
    """Stand between the rules about callers and the methods, the outermost first: OpenTelemetry's, for example."""
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("intentgate"))
    """Takes one line a call, and what else there is to tell."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    """The clock that certificates are compared with."""

    def policy(self) -> Policy:
        """Returns the rules about callers.

        Raises:
            ValueError: a bad name, or none at all; tokens with a gap.
        """
        forwarders = self.tokens.check() if self.tokens else ()
        if not self.allowed and not self.asserting and not forwarders:
            raise ValueError(
                "nobody could call: allowed and asserting are both empty; "
                "name the gateway's certificate in asserting (--assert), such as dns:gateway.internal"
            )
        return Policy(names.parse_all(self.allowed), names.parse_all(self.asserting), methods=self.methods)


class CutOffError(Exception):
    """Calls in flight did not end in time when the server stopped."""


class Server:
    """Answers calls from start to stop. It belongs to one event loop."""

    def __init__(self, config: Config) -> None:
        """Checks the configuration, reads the certificates and opens the port.

        Raises:
            ValueError: something is wrong with them.
            OSError: the port cannot be opened.
        """
        self._config = config
        self._log = Log(config.logger, config.name)
        policy = config.policy()
        self._identity = Identity(config.files, self._log, config.now)
        self._watched: list[Callable[[], Coroutine[object, object, None]]] = [self._identity.watch]
        if config.tokens:
            policy = replace(policy, signed=self._signed(config.tokens))
        trust = Trust(lambda: self._identity.authorities, config.now)
        self._chain = Chain(policy, trust, self._log)
        self._methods = Methods()
        self._server = grpc.aio.server(
            interceptors=[self._chain, *config.interceptors, self._methods],
            options=[
                *_OPTIONS,
                ("grpc.max_connection_age_ms", round(config.max_connection_age * 1000)),
                ("grpc.max_connection_age_grace_ms", round(config.drain * 1000)),
            ],
        )
        served = services(config.register, self._server)
        rules.check(config.methods or {}, policy.allowed | policy.asserting, served)
        for service in served:
            try:
                file_of(service)
            except ValueError as problem:
                self._log.warning("Service cannot be reflected", error=str(problem))
        self._health = _Health(served)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        _add_reflection(served, self._server)
        host, _, port = config.listen.rpartition(":")
        try:
            bound = self._server.add_secure_port(f"{host or '[::]'}:{port}", self._identity.server_credentials())
        except RuntimeError as error:
            raise OSError(f"cannot listen on {config.listen}: {error}") from error
        self.address = f"{host or 'localhost'}:{bound}"
        """Where the server listens."""
        self._watching: list[asyncio.Task[None]] = []

    def _signed(self, tokens: Tokens) -> SignedCallers:
        """Returns what judges tokens, and notes what is to be watched for it."""
        if tokens.ca:
            read_authorities(tokens.ca)
        keys = Keys(
            str(tokens.keys),
            lambda: read_authorities(tokens.ca) if tokens.ca else self._identity.authorities,
            self._log,
        )
        self._watched.append(keys.watch)
        return SignedCallers(Verifier(keys, tokens.trust_domain, tokens.issuer, self._config.now), tokens.check())

    async def start(self) -> None:
        """Begins to answer."""
        await self._server.start()
        self._watching = [asyncio.create_task(watch()) for watch in self._watched]
        self._log.info("Listening", address=self.address)

    async def stop(self) -> None:
        """Says NOT_SERVING, takes no more calls, and returns when those in flight are done, and what they left behind.

        Raises:
            CutOffError: they were not done in time.
        """
        drain = self._config.drain
        self._log.info("Draining", limit=f"{drain:g}s")
        self._health.stopped.set()
        # Once gRPC is told to stop it drops, as CANCELLED, whatever comes in before callers have read that they are to go away.
        # So they get notice: the gateway, like all who watch health, sends nothing on this connection any more. And no answer
        # goes out around that moment: those who wait for one send nothing, and read first that they are to go away.
        self._chain.answering.clear()
        await asyncio.sleep(_REST)
        end = time.monotonic() + drain
        stopping = asyncio.create_task(self._server.stop(drain))
        await asyncio.wait((stopping,), timeout=_REST)
        self._chain.answering.set()
        # A method may take no notice that it is cancelled, and gRPC would wait for it for ever.
        stopped, _ = await asyncio.wait((stopping,), timeout=drain + _UNWINDING)
        cut_off = not stopped or (drain > 0 and time.monotonic() >= end)
        if self._chain.left_behind:
            _, going_on = await asyncio.wait(self._chain.left_behind, timeout=max(end - time.monotonic(), 0))
            cut_off = cut_off or bool(going_on)
        for watching in self._watching:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        self._methods.close()
        if cut_off:
            raise CutOffError(f"calls in flight were cut off: not done within {drain:g}s")

    async def __aenter__(self) -> Self:
        """Starts the server."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stops the server."""
        await self.stop()


class _Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc] # grpcio-health-checking has no types
    """Says that services are well until the server stops, and ends the streams of those who watch then."""

    def __init__(self, served: Iterable[str]) -> None:
        self._served = {"", *served}
        self.stopped = asyncio.Event()

    def _status(self) -> health_pb2.HealthCheckResponse:
        kinds = health_pb2.HealthCheckResponse
        return kinds(status=kinds.NOT_SERVING if self.stopped.is_set() else kinds.SERVING)

    async def Check(self, request: health_pb2.HealthCheckRequest, context: object) -> health_pb2.HealthCheckResponse:
        if request.service not in self._served:
            raise StatusError(grpc.StatusCode.NOT_FOUND, "unknown service")
        return self._status()

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: object
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        known = request.service in self._served
        unknown = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        yield self._status() if known else unknown
        await self.stopped.wait()
        if known:
            yield self._status()


def _add_reflection(served: Collection[str], server: grpc.aio.Server) -> None:
    """Serves reflection as v1alpha, which is what grpcio-reflection has, and as v1, which has the same messages."""
    reflection.enable_server_reflection(served, server)
    servicer = reflection.aio.ReflectionServicer(served)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": handler}),)
    )
