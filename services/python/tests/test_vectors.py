"""The contract of the hop between the gateway and services, as data that all languages play."""

import asyncio
import hashlib
import json
import re
import socket
import ssl
from base64 import b64decode, urlsafe_b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from authority import SERVER, Authority, Issued, write
from harness import REQUEST, RESPONSE, Harness, fulfil, fulfilling
from intentgate import Call, Peer, RequestKey, current_call, outgoing_metadata, request_id
from intentgate.policy import Policy
from intentgate.refusal import Refusal
from intentgate.v1 import caller_pb2

VECTORS = json.loads(Path(__file__, "../../../caller/testdata/vectors.json").resolve().read_text())


def rows(part: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", VECTORS[part], ids=lambda row: row["name"])


def value(entry: dict[str, str]) -> tuple[str, str | bytes]:
    return entry["key"], b64decode(entry["base64"]) if "base64" in entry else entry["text"]


@rows("outgoing")
def test_outgoing(row: dict[str, Any]) -> None:
    caller = json_format.ParseDict(row["caller"], caller_pb2.Caller())
    ref = json_format.ParseDict(row["call"], caller_pb2.CallRef())
    got = dict(outgoing_metadata(caller, ref))
    trace = got.pop("traceparent")
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", str(trace))
    assert got == dict(map(value, row["metadata"]))
    assert dict(outgoing_metadata(caller, ref))["traceparent"] != trace


@rows("request_ids")
def test_request_id(row: dict[str, Any]) -> None:
    fields = {key: text for key, text in row.items() if key not in ("name", "hashed", "request_id")}
    form = tuple((each["name"], each["json"].encode()) for each in fields.pop("form_values", None) or [])
    request = b64decode(fields.pop("request", None) or "")
    assert request_id(RequestKey(**fields, form_values=form, request=request)) == row["request_id"]
    hashed = hashlib.sha256(bytes.fromhex(row["hashed"])).digest()
    assert "1." + urlsafe_b64encode(hashed).decode().rstrip("=") == row["request_id"]


@rows("acceptance")
def test_acceptance(row: dict[str, Any], harness: Harness, run: Any) -> None:
    if not row["allowed"] and not row["asserting"]:  # a server does not even start
        with pytest.raises(ValueError, match="nobody could call"):
            harness.config(fulfilling(None), allowed=[], asserting=[]).policy()
        with pytest.raises(Refusal) as refused:
            run(Policy().judge(Peer(tuple(row["peer"]["sans"])), (), ""))
        assert (refused.value.code.name, refused.value.reason) == (row["code"], row["reason"])
        return
    run(accepted(row, harness))


async def accepted(row: dict[str, Any], harness: Harness) -> None:
    calls: list[Call] = []

    async def note(_request: object, _context: object) -> Any:
        calls.append(current_call())
        return RESPONSE

    peer = row["peer"]
    authority = harness.authority
    options: dict[str, Any] = {}
    match peer.get("certificate"):
        case "unknown_authority":
            authority = Authority.new()
        case "expired":
            options["valid"] = -timedelta(hours=1)
        case "server_only":
            options["usages"] = (SERVER,)
    issued = authority.issue(*peer["sans"], common_name=peer.get("common_name", ""), **options)

    async with harness.serve(fulfilling(note), allowed=row["allowed"], asserting=row["asserting"]) as server:
        if peer.get("tls") == "1.2":
            await over_tls_1_2(harness, server.address, issued)
            return
        certificate = peer.get("certificate") != "none"
        async with harness.channel(server, issued=issued, certificate=certificate) as channel:
            try:
                await fulfil(channel, metadata=[value(entry) for entry in row["metadata"]])
                code, told = "OK", None
            except grpc.aio.AioRpcError as error:
                code, told = error.code().name, error.details()
    if row["code"] == "HANDSHAKE":
        assert (code, calls, harness.lines()) == ("UNAVAILABLE", [], [])
        return
    assert code == row["code"], told
    if row["code"] != "OK":
        assert not calls
        assert told in ("caller is not allowed", "caller metadata is malformed")  # the peer is told little, the log all
        assert harness.lines()[0]["refusal"]["reason"] == row["reason"]
        return
    (call,) = calls
    assert call.peer.names == tuple(peer["sans"])
    assert call.direct == (row["call"] == "direct")
    sent: dict[str, Any] = dict(map(value, row["metadata"]))
    if call.direct:
        assert call == Call(call.peer)
    else:
        assert call.caller == caller_pb2.Caller.FromString(sent["intentgate-caller-bin"])
        assert call.ref == caller_pb2.CallRef.FromString(sent["intentgate-call-bin"])
        assert call.request_id == call.ref.request_id == sent["intentgate-request-id"]


async def over_tls_1_2(harness: Harness, address: str, issued: Issued) -> None:
    """Calls over TLS 1.2. gRPC cannot be told to refuse the handshake, so that the call is refused instead."""
    files = write(harness.folder / "client", issued, harness.authority.pem)
    context = ssl.create_default_context(cafile=files.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key)
    context.set_alpn_protocols(["h2"])
    await asyncio.to_thread(call_by_hand, context, address)
    (line,) = harness.lines()
    assert (line["code"], line["refusal"]["reason"]) == ("Unauthenticated", "no_certificate")
    assert "TLSv1.2" in line["refusal"]["saw"]


def call_by_hand(context: ssl.SSLContext, address: str) -> None:
    """Makes a call in HTTP/2 frames, and returns when it is answered."""

    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload

    def literal(text: str) -> bytes:
        return bytes((len(text),)) + text.encode()

    headers = {
        ":method": "POST",
        ":scheme": "https",
        ":path": "/intentgate.v1.IntentService/Fulfill",
        ":authority": "service.internal",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    block = b"".join(b"\0" + literal(name) + literal(text) for name, text in headers.items())
    message = b"\0" + len(REQUEST.SerializeToString()).to_bytes(4, "big") + REQUEST.SerializeToString()
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="service.internal") as secure,
    ):
        assert secure.version() == "TLSv1.2"
        secure.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
        secure.sendall(frame(1, 4, 1, block) + frame(0, 1, 1, message))
        with secure.makefile("rb") as answer:
            while True:
                head = answer.read(9)
                answer.read(int.from_bytes(head[:3], "big"))
                if head[3] == 1 and head[4] & 1:  # HEADERS that end the stream
                    return
