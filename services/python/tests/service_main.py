"""A service that answers once there is a file, for tests of the command line."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc

from intentgate import main
from intentgate.v1 import intent_service_pb2, intent_service_pb2_grpc


class Service(intent_service_pb2_grpc.IntentServiceServicer):
    async def Fulfill(self, request: Any, context: Any) -> Any:
        while request.webhook_json and not Path(request.webhook_json.decode()).exists():
            await asyncio.sleep(0.01)
        return intent_service_pb2.FulfillResponse()


def register(server: grpc.aio.Server) -> None:
    intent_service_pb2_grpc.add_IntentServiceServicer_to_server(Service(), server)


if __name__ == "__main__":
    sys.exit(main("slow", register))
