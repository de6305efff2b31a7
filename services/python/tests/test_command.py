"""The command line, in a process of its own."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodOptions

from authority import Authority
from harness import CALLER, GATEWAY, REPORTS, Harness, fulfil, ref
from intentgate import Files, outgoing_metadata
from intentgate.conformance.v1 import probe_service_pb2, probe_service_pb2_grpc
from intentgate.v1 import annotations_pb2, intent_service_pb2, intent_service_pb2_grpc
from signing import DOMAIN, SERVICE, Signing, write_jwks

MAIN = [sys.executable, str(Path(__file__).parent / "service_main.py")]


ALL = ["--cert", "a", "--key", "b", "--ca", "c", "--assert", GATEWAY]


def run_it(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MAIN, *arguments], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603


def paths(files: Files) -> list[str]:
    return ["--cert", str(files.cert), "--key", str(files.key), "--ca", str(files.ca)]


def test_help_teaches() -> None:
    told = run_it("--help")
    assert told.returncode == 0
    for text in (
        "slow --cert slow.pem",
        "--assert dns:gateway.internal",
        "--descriptors FILE",
        "--probe",
        "--forward NAME=SERVICE",
        "--policy FILE",
    ):
        assert text in told.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "--cert, --key, --ca is missing"),
        (["--cert", "a", "--key", "b", "--ca", "c"], "nobody could call"),
        (["--assert", "gateway"], "unknown kind"),
        (["--log-format", "xml"], "invalid choice"),
        (["orders"], "unrecognized arguments: orders"),
        ([*ALL, "--jwks", "jwks.json"], "--trust-domain"),
        ([*ALL, "--trust-domain", "shop.internal"], "--jwks"),
        (["--forward", "dns:orders.internal"], "such as dns:orders.internal=shop.orders.v1.OrderService"),
        (["--policy", "missing.json"], "missing.json: No such file"),
        (["--policy", __file__], "want such as"),
    ],
)
def test_wrong_command_line(arguments: list[str], problem: str) -> None:
    told = run_it(*arguments)
    assert (told.returncode, told.stdout) == (2, "")
    assert problem in told.stderr


def test_bad_files() -> None:
    told = run_it("--cert", "a.pem", "--key", "a.key", "--ca", "ca.pem", "--assert", GATEWAY)
    assert told.returncode == 1
    assert told.stderr.startswith("slow: a.pem: there is no such file")


def test_policy_that_fits_no_service(authority: Authority, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"methods": {"shop.orders.v1.OrderService/*": {}}}')
    told = run_it(*paths(authority.files(tmp_path, "dns:a")), "--assert", GATEWAY, "--policy", str(policy))
    assert told.returncode == 1
    assert "no such service is registered; there are ['intentgate.v1.IntentService']" in told.stderr


def test_descriptors(tmp_path: Path) -> None:
    told = run_it("--descriptors", str(tmp_path / "slow.binpb"), "--probe")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    described = FileDescriptorSet.FromString((tmp_path / "slow.binpb").read_bytes())
    names = [file.name for file in described.file]
    assert {"intentgate/v1/intent_service.proto", "google/protobuf/descriptor.proto"} < set(names)
    for place, file in enumerate(described.file):
        assert set(file.dependency) <= set(names[:place])  # imports first
    (probe,) = [file for file in described.file if file.name.endswith("probe_service.proto")]
    options: MethodOptions = probe.service[0].method[0].options
    assert options.Extensions[annotations_pb2.intent].tag == ["intentgate-probe"]


class Process:
    """The service, running."""

    def __init__(self, harness: Harness, *arguments: str) -> None:
        self.harness, self.arguments = harness, arguments

    async def __aenter__(self) -> Self:
        files = self.harness.authority.files(self.harness.folder / "server", "dns:service.internal")
        names = ["--assert", GATEWAY, "--allow", REPORTS]
        self.process = await asyncio.create_subprocess_exec(
            *MAIN,
            *paths(files),
            *names,
            "--listen",
            "127.0.0.1:0",
            "--log-format",
            "json",
            *self.arguments,
            stderr=subprocess.PIPE,
        )
        self.address = (await self.line("Listening"))["address"]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def line(self, message: str) -> dict[str, Any]:
        assert self.process.stderr
        async for text in self.process.stderr:
            line: dict[str, Any] = json.loads(text)
            if line["msg"] == message:
                return line
        raise AssertionError(f"the log ended without {message!r}")

    def channel(self) -> Any:
        return self.harness.channel(SimpleNamespace(address=self.address), REPORTS)  # type: ignore[arg-type]


def waiting_for(file: Path, channel: grpc.aio.Channel) -> asyncio.Future[Any]:
    stub = intent_service_pb2_grpc.IntentServiceStub(channel)
    request = intent_service_pb2.FulfillRequest(webhook_json=bytes(file))
    return asyncio.ensure_future(stub.Fulfill(request, timeout=20))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_gracefully(number: signal.Signals, harness: Harness, run: Any) -> None:
    async def case() -> None:
        async with Process(harness) as service, service.channel() as channel:
            await fulfil(channel)
            assert (await service.line("Call"))["code"] == "OK"
            file = harness.folder / "go"
            call = waiting_for(file, channel)
            await fulfil(channel)  # the one before has been sent by now
            service.process.send_signal(number)
            await service.line("Draining")
            file.touch()
            await call
            assert (await service.line("Call"))["code"] == "OK"
            assert await service.process.wait() == 0

    run(case())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_it_at_once(number: signal.Signals, harness: Harness, run: Any) -> None:
    async def case() -> None:
        async with Process(harness) as service, service.channel() as channel:
            call = waiting_for(harness.folder / "never", channel)
            await fulfil(channel)
            service.process.send_signal(number)
            await service.line("Draining")
            service.process.send_signal(number)
            assert await service.process.wait() == -number
            with pytest.raises(grpc.aio.AioRpcError):
                await call

    run(case())


def test_tokens_and_policy_by_flags(harness: Harness, run: Any) -> None:
    key, policy = Signing(), harness.folder / "policy.json"
    policy.write_text(json.dumps({"methods": {f"{SERVICE}/*": {"asserted": {"project": ["ID_TOKEN"]}}}}))
    flags = ["--jwks", write_jwks(harness.folder / "jwks.json", key), "--trust-domain", DOMAIN, "--issuer", "x"]
    flags += [
        "--forward",
        f"{REPORTS}={SERVICE}",
        "--policy",
        str(policy),
        "--jwks-ca",
        str(harness.folder / "server" / "ca.pem"),
    ]
    metadata = outgoing_metadata(CALLER, ref("1.x"))

    async def case() -> None:
        async with Process(harness, *flags) as service, service.channel() as channel:
            await fulfil(channel, metadata=(*metadata, ("intentgate-token", key.token(metadata))))
            assert (await service.line("Call"))["peer"] == [REPORTS]  # a forwarder's
            for more, reason in ((key.token(metadata, iss="y"), "TOKEN_ISSUER"), (None, "CALLER_NOT_LISTED")):
                with pytest.raises(grpc.aio.AioRpcError):
                    await fulfil(channel, metadata=(*metadata, ("intentgate-token", more)) if more else ())
                assert (await service.line("Call"))["refusal"]["reason"] == reason

    run(case())


def test_probe_is_served_on_demand_only(harness: Harness, run: Any) -> None:
    async def code(*arguments: str) -> str:
        async with Process(harness, *arguments) as service, service.channel() as channel:
            try:
                request = probe_service_pb2.EchoRequest(signed=-(2**63), unsigned=2**64 - 1, text="🦆")
                answer = await probe_service_pb2_grpc.ProbeServiceStub(channel).Echo(request, timeout=10)
            except grpc.aio.AioRpcError as error:
                return error.code().name
            assert answer.request == request
            assert (list(answer.peer), answer.direct) == ([REPORTS], True)
            assert 0 < answer.time_left.ToSeconds() <= 10
            return "OK"

    assert run(code()) == "UNIMPLEMENTED"
    assert run(code("--probe")) == "OK"
