from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from harness import CALLER, GATEWAY, Harness, ref
from intentgate import outgoing_metadata
from intentgate.conformance.v1 import probe_service_pb2 as pb
from intentgate.conformance.v1 import probe_service_pb2_grpc as pb_grpc
from intentgate.probe import Probe
from intentgate.v1.reply_pb2 import Reply


def register(server: grpc.aio.Server) -> None:
    pb_grpc.add_ProbeServiceServicer_to_server(Probe(), server)


def test_probe(harness: Harness, run: Any) -> None:
    async def case() -> None:
        async with harness.serve(register) as server, harness.channel(server, GATEWAY) as channel:
            probe = pb_grpc.ProbeServiceStub(channel)
            said = outgoing_metadata(CALLER, ref("1.a"))
            unknown = b"\xfa\x3f\x01a"  # field 1023
            request = pb.EchoRequest.FromString(pb.EchoRequest(fixed=2**64 - 1, data=b"\0").SerializeToString() + unknown)
            echo = await probe.Echo(request, metadata=said)
            assert echo.request.SerializeToString() == request.SerializeToString()
            assert (echo.caller, echo.ref, echo.request_id, echo.direct) == (CALLER, ref("1.a"), "1.a", False)
            assert not echo.HasField("time_left")

            for _ in range(2):
                assert (await probe.Once(pb.OnceRequest(), metadata=said)).count == 1
            for count in (2, 3):
                assert (await probe.Once(pb.OnceRequest())).count == count

            assert (await probe.Waited(pb.WaitedRequest(id="none"))).end == pb.WaitedResponse.END_UNSPECIFIED
            await probe.Wait(pb.WaitRequest(id="a", time=Duration(nanos=1000)))
            assert (await probe.Waited(pb.WaitedRequest(id="a"))).end == pb.WaitedResponse.END_COMPLETED

            refusal = pb.RefuseRequest(
                code=9,
                message="no",
                localized={"en": "No", "de": "Nein"},
                violations=[pb.RefuseRequest.Violation(field="f", description="d")],
                reply=Reply(texts=["or"]),
            )
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await probe.Refuse(refusal)
            got = status_pb2.Status.FromString(dict(error.value.trailing_metadata())["grpc-status-details-bin"])
            assert (error.value.code(), got.code, got.message) == (grpc.StatusCode.FAILED_PRECONDITION, 9, "no")
            message = error_details_pb2.LocalizedMessage()
            assert got.details[0].Unpack(message)
            assert (message.locale, message.message) == ("de", "Nein")
            assert [detail.type_url.rpartition(".")[2] for detail in got.details] == [
                "LocalizedMessage",
                "LocalizedMessage",
                "BadRequest",
                "Reply",
            ]
            with pytest.raises(grpc.aio.AioRpcError, match="internal error"):
                await probe.Refuse(pb.RefuseRequest(crash=True, message="boom"))

    run(case())
