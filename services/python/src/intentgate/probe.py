"""What the conformance kit asks of a service beside what can be seen from outside. It is served in test mode only."""

import asyncio
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from intentgate.caller import current_call
from intentgate.conformance.v1 import probe_service_pb2 as pb
from intentgate.conformance.v1 import probe_service_pb2_grpc as pb_grpc
from intentgate.descriptors import Register
from intentgate.once import Once
from intentgate.status import refuse

_Context = grpc.aio.ServicerContext[Any, Any]
_Codes = {code.value[0]: code for code in grpc.StatusCode}


def beside(register: Register) -> Register:
    """Returns what registers the probe beside the services of register."""

    def both(server: grpc.aio.Server) -> None:
        register(server)
        pb_grpc.add_ProbeServiceServicer_to_server(Probe(), server)

    return both


class Probe(pb_grpc.ProbeServiceServicer):
    """Implements intentgate.conformance.v1.ProbeService, whose comments say what its methods do."""

    def __init__(self) -> None:
        """Begins with no waits and no count."""
        self._once = Once()
        self._count = 0
        self._waits: dict[str, pb.WaitedResponse.End.ValueType] = {}

    async def Echo(self, request: pb.EchoRequest, context: _Context) -> pb.EchoResponse:
        """Answers what it was asked, and what the library made of the call."""
        call = current_call()
        response = pb.EchoResponse(
            request=request,
            peer=call.peer.names,
            direct=call.direct,
            caller=call.caller,
            ref=call.ref,
            request_id=call.request_id,
        )
        left = context.time_remaining()
        if left is not None:
            response.time_left.FromNanoseconds(round(left * 1e9))
        return response

    async def Refuse(self, request: pb.RefuseRequest, context: _Context) -> pb.RefuseResponse:
        """Ends with the status that it is asked for."""
        if request.crash:
            raise RuntimeError(request.message)
        raise refuse(
            _Codes[request.code],
            request.localized,
            message=request.message,
            violations={violation.field: violation.description for violation in request.violations},
            reply=request.reply if request.HasField("reply") else None,
        )

    async def Wait(self, request: pb.WaitRequest, context: _Context) -> pb.WaitResponse:
        """Answers after a while."""
        self._waits[request.id] = pb.WaitedResponse.END_WAITING
        try:
            await asyncio.sleep(_seconds(request.time))
        except asyncio.CancelledError:
            self._waits[request.id] = pb.WaitedResponse.END_CANCELLED
            raise
        self._waits[request.id] = pb.WaitedResponse.END_COMPLETED
        return pb.WaitResponse()

    async def Waited(self, request: pb.WaitedRequest, context: _Context) -> pb.WaitedResponse:
        """Tells how a wait has ended."""
        return pb.WaitedResponse(end=self._waits.get(request.id, pb.WaitedResponse.END_UNSPECIFIED))

    async def Once(self, request: pb.OnceRequest, context: _Context) -> pb.OnceResponse:
        """Counts up by one, once for each idempotency key."""
        return await self._once(pb.OnceResponse, self._counted)

    async def _counted(self) -> pb.OnceResponse:
        self._count += 1
        return pb.OnceResponse(count=self._count)


def _seconds(time: Duration) -> float:
    return time.ToNanoseconds() / 1e9
