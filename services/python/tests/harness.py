"""A server with callers, in a folder of its own."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from authority import Authority, Issued
from intentgate import Config, Server
from intentgate.descriptors import Register
from intentgate.v1 import caller_pb2, intent_service_pb2, intent_service_pb2_grpc, platform_pb2

GATEWAY, REPORTS = "dns:gateway.internal", "dns:reports.internal"
CALLER = caller_pb2.Caller(
    platform=platform_pb2.PLATFORM_ES,
    project_id=caller_pb2.Caller.Value(value="shop", proof=caller_pb2.Caller.PROOF_ID_TOKEN),
)


def ref(request_id: str) -> caller_pb2.CallRef:
    return caller_pb2.CallRef(session="projects/shop/agent/sessions/1", turn_id="t", request_id=request_id)


class Harness(logging.Handler):
    """Makes servers and their callers, and keeps what the servers log."""

    def __init__(self, authority: Authority, folder: Path, logger: logging.Logger) -> None:
        super().__init__(logging.DEBUG)
        self.authority, self.folder, self.logger = authority, folder, logger
        self.records: list[logging.LogRecord] = []
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def lines(self, message: str = "Call") -> list[dict[str, Any]]:
        return [vars(record)["data"] for record in self.records if record.getMessage() == message]

    def config(self, register: Register, **changes: Any) -> Config:  # fields of Config
        settings: dict[str, Any] = {
            "name": "test",
            "listen": "127.0.0.1:0",
            "allowed": [REPORTS],
            "asserting": [GATEWAY],
            "logger": self.logger,
            "drain": 10,
        }
        if "files" not in changes:
            settings["files"] = self.authority.files(self.folder / "server", "dns:service.internal")
        return Config(register=register, **(settings | changes))

    @asynccontextmanager
    async def serve(self, register: Register, **changes: Any) -> AsyncIterator[Server]:
        async with Server(self.config(register, **changes)) as server:
            yield server

    async def serving(self, register: Register, **changes: Any) -> Server:
        """Returns a server that the test stops."""
        server = Server(self.config(register, **changes))
        await server.start()
        return server

    def channel(
        self,
        server: Server,
        *names: str,
        issued: Issued | None = None,
        ca: bytes | None = None,
        certificate: bool = True,
    ) -> Any:
        issued = issued or self.authority.issue(*names)
        pair = (issued.key_pem, issued.cert_pem) if certificate else (None, None)
        credentials = grpc.ssl_channel_credentials(ca or self.authority.pem, *pair)
        options = [("grpc.ssl_target_name_override", "service.internal"), ("grpc.use_local_subchannel_pool", 1)]
        return grpc.aio.secure_channel(server.address, credentials, options=options)


class Fulfil(intent_service_pb2_grpc.IntentServiceServicer):
    def Fulfill(self, request: Any, context: Any) -> Any:
        raise NotImplementedError


def fulfilling(answer: Any) -> Register:  # a function or a coroutine function
    """Returns what registers a service that answers by a function of the request and the context."""
    service = Fulfil()
    vars(service)["Fulfill"] = answer
    return lambda server: intent_service_pb2_grpc.add_IntentServiceServicer_to_server(service, server)


REQUEST = intent_service_pb2.FulfillRequest()
RESPONSE = intent_service_pb2.FulfillResponse()


async def fulfil(channel: grpc.aio.Channel, **options: Any) -> intent_service_pb2.FulfillResponse:
    options.setdefault("timeout", 10)
    stub = intent_service_pb2_grpc.IntentServiceStub(channel)
    return await stub.Fulfill(REQUEST, **options)
