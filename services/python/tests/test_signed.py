"""Callers that the gateway has signed, over mutual TLS, and passed on from one service to the next."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from harness import CALLER, GATEWAY, REPORTS, REQUEST, RESPONSE, Harness, fulfil, fulfilling, ref
from intentgate import Call, Channel, Method, Proofs, Server, Tokens, calling, current_call, forward, outgoing_metadata
from intentgate.v1 import caller_pb2, intent_service_pb2_grpc
from keyserver import serving_keys
from signing import DOMAIN, SERVICE, Signing, b64, jwks, write_jwks

CHECKOUT, OTHER = "dns:checkout.internal", "dns:other.internal"
FULFILL = f"{SERVICE}/Fulfill"

Metadata = list[tuple[str, str | bytes]]


async def answered(_request: object, _context: object) -> Any:
    return RESPONSE


def asserted(request_id: str = "1.x", token: str = "") -> Metadata:
    metadata = list(outgoing_metadata(CALLER, ref(request_id)))
    return [*metadata, ("intentgate-token", token)] if token else metadata


async def reason(channel: grpc.aio.Channel, metadata: Metadata) -> str:
    """Returns the reason that a call is refused for, or OK."""
    try:
        await fulfil(channel, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
        told = error_details_pb2.ErrorInfo()
        assert status.details[0].Unpack(told)
        public = f"{error.code().name}: {error.details()}: {told.domain}: "
        return public.removeprefix("PERMISSION_DENIED: caller is not allowed: intentgate: ") + told.reason
    return "OK"


@pytest.fixture
def key() -> Signing:
    return Signing()


@pytest.fixture
def tokens(key: Signing, tmp_path: Path) -> Tokens:
    return Tokens(keys=write_jwks(tmp_path / "jwks.json", key), trust_domain=DOMAIN)


def another_key(_key: Signing) -> str:
    return Signing().token(asserted())


def another_keys_signature(key: Signing) -> str:
    header = {"alg": "ES256", "typ": "txntoken+jwt", "kid": key.jwk["kid"]}
    return Signing().token(asserted(), header=header)


def unsigned(key: Signing) -> str:
    header = {"alg": "none", "typ": "txntoken+jwt", "kid": key.jwk["kid"]}
    return key.token(asserted(), header=header).rpartition(".")[0] + "."


def algorithm_of_a_secret(key: Signing) -> str:
    return key.token(asserted(), header={"alg": "HS256", "typ": "txntoken+jwt", "kid": key.jwk["kid"]})


def key_of_its_own(key: Signing) -> str:
    stranger = Signing()
    header = {"alg": "ES256", "typ": "txntoken+jwt", "kid": key.jwk["kid"], "jwk": stranger.jwk}
    return stranger.token(asserted(), header=header)


REFUSED: dict[str, tuple[Callable[[Signing], str], str]] = {
    "none": (lambda _: "", "TOKEN_MISSING"),
    "no token": (lambda _: "token", "TOKEN_MALFORMED"),
    "too long": (lambda key: key.token(asserted(), more="x" * 4096), "TOKEN_MALFORMED"),
    "another key": (another_key, "TOKEN_KEY"),
    "another key's signature": (another_keys_signature, "TOKEN_SIGNATURE"),
    "unsigned": (unsigned, "TOKEN_ALGORITHM"),
    "algorithm of a secret": (algorithm_of_a_secret, "TOKEN_ALGORITHM"),
    "key of its own": (key_of_its_own, "TOKEN_MALFORMED"),
    "expired": (lambda key: key.token(asserted(), iat=int(time.time()) - 100, exp=int(time.time()) - 40), "TOKEN_EXPIRED"),
    "another trust domain": (lambda key: key.token(asserted(), aud="bank.internal"), "TOKEN_AUDIENCE"),
    "another service": (lambda key: key.token(asserted(), target="shop.orders.v1.OrderService"), "TOKEN_TARGET"),
    "of another connection": (lambda key: key.token(asserted(), req_wl=OTHER), "TOKEN_PEER"),
    "another caller": (lambda key: key.token(asserted(), caller_hash=b64(bytes(32))), "TOKEN_CALLER"),
    "replay": (lambda key: key.token(asserted("1.y")), "TOKEN_TURN"),
    "another project": (lambda key: key.token(asserted(), sub="projects/bank"), "TOKEN_SUBJECT"),
}


def test_tokens_over_mutual_tls(harness: Harness, run: Any, key: Signing, tokens: Tokens) -> None:
    calls: list[Call] = []

    async def note(_request: object, _context: object) -> Any:
        calls.append(current_call())
        return RESPONSE

    async def case() -> None:
        async with harness.serve(fulfilling(note), tokens=tokens, asserting=[GATEWAY, OTHER]) as server:
            good = key.token(asserted())
            async with harness.channel(server, GATEWAY) as channel:
                assert await reason(channel, asserted(token=good)) == "OK"
                assert await reason(channel, asserted(token=key.token(sub="projects/shop"))) == "OK"
                assert await reason(channel, []) == "OK"  # the gateway, for itself
                for name, (make, wanted) in REFUSED.items():
                    assert await reason(channel, asserted(token=make(key))) == wanted, name
                await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), metadata=asserted())
                reflected = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
                    iter([reflection_pb2.ServerReflectionRequest(list_services="")]), metadata=asserted()
                )
                assert [answer async for answer in reflected]
            async with harness.channel(server, OTHER) as channel:
                assert await reason(channel, asserted(token=good)) == "TOKEN_PEER"  # stolen
                assert await reason(channel, []) == "OK"

    run(case())
    assert [call.direct for call in calls] == [False, False, True, True]
    told = [line["refusal"] for line in harness.lines() if "refusal" in line]
    assert [each["reason"] for each in told] == [wanted for _, wanted in REFUSED.values()] + ["TOKEN_PEER"]
    assert all(each["saw"] and each["wanted"] for each in told)
    assert told[0] == {
        "reason": "TOKEN_MISSING",
        "saw": "no 'intentgate-token'",
        "wanted": "one that the gateway has signed: caller_tokens in its configuration",
    }
    assert not any("eyJ" in str(record.__dict__) for record in harness.records)  # no token is logged


def passing_on(harness: Harness, server: Server, names: str) -> Any:
    """Returns a method that calls the next service for its caller."""
    files = harness.authority.files(harness.folder / "checkout", names)

    async def answer(_request: object, _context: object) -> Any:
        async with Channel(server.address, files, server_name="service.internal") as channel:
            stub = intent_service_pb2_grpc.IntentServiceStub(channel)
            return await stub.Fulfill(REQUEST, metadata=forward(current_call()), timeout=10)

    return answer


@pytest.mark.parametrize(
    ("entry", "bound_to", "wanted"),
    [
        (f"{CHECKOUT}={SERVICE}", asserted(), "OK"),
        (f"{CHECKOUT}={SERVICE}", None, "TOKEN_CALLER"),
        (f"{CHECKOUT}=shop.orders.v1.OrderService", asserted(), "TOKEN_TARGET"),
        (f"{OTHER}={SERVICE}", asserted(), "not_allowed"),
    ],
)
def test_a_caller_is_passed_on(  # by two servers
    entry: str, bound_to: Metadata | None, wanted: str, harness: Harness, run: Any, key: Signing, tokens: Tokens
) -> None:
    calls: list[Call] = []

    async def note(_request: object, _context: object) -> Any:
        calls.append(current_call())
        return RESPONSE

    async def case() -> str:
        forwarding = Tokens(keys=tokens.keys, trust_domain=DOMAIN, forwarders=[entry])
        async with harness.serve(fulfilling(note), tokens=forwarding, name="stock") as stock:
            checkout = passing_on(harness, stock, CHECKOUT)
            async with (
                harness.serve(fulfilling(checkout), tokens=tokens) as server,
                harness.channel(server, GATEWAY) as channel,
            ):
                token = key.token(bound_to, sub="projects/shop")
                try:
                    await fulfil(channel, metadata=[*asserted(token=token), ("intentgate-later", "x"), ("cookie", "x")])
                except grpc.aio.AioRpcError as error:
                    return error.code().name
                return "OK"

    assert run(case()) == ("OK" if wanted == "OK" else "INTERNAL")
    (line,) = [line for line in harness.lines() if line["service"] == "stock"]
    assert line["peer"] == [CHECKOUT]
    if wanted == "OK":
        (call,) = calls
        assert (call.caller, call.ref, call.request_id) == (CALLER, ref("1.x"), "1.x")
    else:
        assert line["refusal"]["reason"] == wanted


def test_a_peer_that_is_no_forwarder_passes_nobody_on(harness: Harness, run: Any, key: Signing, tokens: Tokens) -> None:
    async def case() -> None:
        async with (
            harness.serve(fulfilling(answered), tokens=tokens, asserting=[GATEWAY, CHECKOUT]) as server,
            harness.channel(server, CHECKOUT) as channel,
        ):
            assert await reason(channel, asserted(token=key.token(asserted()))) == "TOKEN_PEER"

    run(case())


def test_a_forwarder_alone_may_not_call_for_itself(harness: Harness, run: Any, tokens: Tokens) -> None:
    async def case() -> None:
        forwarding = Tokens(keys=tokens.keys, trust_domain=DOMAIN, forwarders=[f"{CHECKOUT}={SERVICE}"])
        async with (
            harness.serve(fulfilling(answered), tokens=forwarding, allowed=[], asserting=[]) as server,
            harness.channel(server, CHECKOUT) as channel,
        ):
            with pytest.raises(grpc.aio.AioRpcError):
                await fulfil(channel)
            assert await reason(channel, asserted()) == "TOKEN_MISSING"

    run(case())
    assert harness.lines()[0]["refusal"]["reason"] == "not_allowed"


def test_what_is_passed_on_is_what_came(harness: Harness, run: Any) -> None:
    forwarded: list[Any] = []

    async def note(_request: object, _context: object) -> Any:
        forwarded.append(forward(current_call()))
        return RESPONSE

    newer = CALLER.SerializeToString() + b"\x92\x3f\x01x"  # with a field that nobody here knows
    sent = [("intentgate-caller-bin", newer), *asserted()[1:], ("intentgate-token", "a.b.c")]

    async def case() -> None:
        async with harness.serve(fulfilling(note)) as server, harness.channel(server, GATEWAY) as channel:
            await fulfil(channel, metadata=[*sent, ("intentgate-later", "x"), ("cookie", "x")])

    run(case())
    assert dict(forwarded[0]) == dict(sent)
    assert len(forwarded[0]) == len(sent) == 5


def test_passing_on_without_a_server() -> None:
    with calling(Call(caller=CALLER, ref=ref("1.x"), request_id="1.x")):
        assert dict(forward(current_call())).keys() == dict(asserted()).keys()
    with pytest.raises(ValueError, match="call the next service as yourself"):
        forward(Call())


@pytest.mark.parametrize("source", ["file", "url"])
def test_keys_change_while_the_server_runs(
    source: str, harness: Harness, run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("_AGAIN", "_REFRESH", "_ASK_AGAIN"):
        monkeypatch.setattr(f"intentgate.keys.{name}", 0.02)
    old, new = Signing(), Signing()

    async def change(publish: Callable[..., Any], keys: str) -> None:
        # No keys, by a URL: the server starts, and says why it refuses.
        publish(*([old] if source == "file" else []))
        tokens = Tokens(keys=keys, trust_domain=DOMAIN, ca=harness.authority.files(tmp_path / "ca", "dns:any").ca)
        async with harness.serve(fulfilling(answered), tokens=tokens) as server, harness.channel(server, GATEWAY) as channel:

            async def both() -> tuple[str, str]:
                one, other = [await reason(channel, asserted(token=key.token(asserted()))) for key in (old, new)]
                return one, other

            async def until(one: str, other: str) -> None:
                while await both() != (one, other):
                    await asyncio.sleep(0.01)

            if source == "url":
                assert await both() == ("TOKEN_KEY", "TOKEN_KEY")
                assert harness.lines("Could not read the keys of callers' tokens")[0]["keys"] == 0
                publish(old)
            await until("OK", "TOKEN_KEY")
            publish(old, new)
            await until("OK", "OK")
            publish(new)
            await until("TOKEN_KEY", "OK")

    if source == "file":
        file = tmp_path / "jwks.json"
        write_jwks(file, old)
        run(change(lambda *keys: write_jwks(file, *keys), str(file)))
    else:
        with serving_keys(harness.authority, tmp_path / "keys") as server:
            run(change(lambda *keys: vars(server).__setitem__("document", jwks(*keys)), server.url))
    assert harness.lines("Read the keys of callers' tokens")[-1]["keys"] == 1


def test_keys_of_a_server_are_judged_by_the_authorities_of_callers(
    harness: Harness, run: Any, key: Signing, tmp_path: Path
) -> None:
    async def case(url: str) -> None:
        tokens = Tokens(keys=url, trust_domain=DOMAIN)
        async with harness.serve(fulfilling(answered), tokens=tokens) as server, harness.channel(server, GATEWAY) as channel:
            assert await reason(channel, asserted(token=key.token(asserted()))) == "OK"

    with serving_keys(harness.authority, tmp_path / "keys") as server:
        server.document = jwks(key)
        run(case(server.url))


def test_other_calls_go_on_while_keys_are_fetched(harness: Harness, run: Any, key: Signing, tmp_path: Path) -> None:
    async def case(keys: Any) -> None:
        tokens = Tokens(keys=keys.url, trust_domain=DOMAIN)
        async with harness.serve(fulfilling(answered), tokens=tokens) as server, harness.channel(server, GATEWAY) as channel:
            waiting = asyncio.ensure_future(reason(channel, asserted(token=key.token(asserted()))))
            while not keys.asked:
                await asyncio.sleep(0.001)
            assert await reason(channel, []) == "OK"
            assert not waiting.done()
            keys.go.set()
            assert await waiting == "OK"

    with serving_keys(harness.authority, tmp_path / "keys") as server:
        server.document = jwks(key)
        server.go.clear()
        run(case(server))


def test_methods_say_who_may_call(harness: Harness, run: Any, key: Signing, tokens: Tokens) -> None:
    stated = caller_pb2.Caller(platform=CALLER.platform)
    stated.project_id.value, stated.project_id.proof = "shop", caller_pb2.Caller.PROOF_STATED
    methods = {FULFILL: Method(callers=[REPORTS], asserted=Proofs(project=["ID_TOKEN"]))}

    async def case() -> None:
        async with harness.serve(fulfilling(answered), tokens=tokens, methods=methods) as server:
            async with harness.channel(server, GATEWAY) as channel:
                assert await reason(channel, asserted(token=key.token(asserted()))) == "OK"
                metadata = list(outgoing_metadata(stated, ref("1.x")))
                assert await reason(channel, [*metadata, ("intentgate-token", key.token(metadata))]) == "PROOF_MISSING"
                assert await reason(channel, []) == "CALLER_NOT_LISTED"
                await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            async with harness.channel(server, REPORTS) as channel:
                assert await reason(channel, []) == "OK"
        async with harness.serve(fulfilling(answered), methods={}) as server, harness.channel(server, GATEWAY) as channel:
            assert await reason(channel, asserted()) == "METHOD_NOT_LISTED"

    run(case())


@pytest.mark.parametrize(
    ("methods", "problem"),
    [
        ({f"{SERVICE}/Fulfil": Method()}, r"has no such method; want \* or one of \['Fulfill'\]"),
        ({"intentgate.v1.IntentServices/*": Method()}, r"there are \['intentgate.v1.IntentService'\]"),
        ({"grpc.health.v1.Health/*": Method()}, "no such service is registered"),
        ({FULFILL: Method(callers=["dns:stranger"])}, "name it in --allow, too"),
        ({FULFILL: Method(callers=[CHECKOUT])}, "name it in --allow, too"),  # a forwarder calls for others alone
        ({FULFILL: Method(callers=REPORTS)}, "unknown kind"),
        ({FULFILL: Method(asserted=Proofs(agent=["PASSWORD"]))}, "agent: 'PASSWORD'; want one of"),
        ({FULFILL: Method(asserted=Proofs(agent=[]))}, "agent lists nothing"),
    ],
)  # fmt: skip
def test_policies_that_fit_no_server(methods: Any, problem: str, harness: Harness, tokens: Tokens, run: Any) -> None:
    forwarding = Tokens(keys=tokens.keys, trust_domain=DOMAIN, forwarders=[f"{CHECKOUT}={SERVICE}"])

    async def case() -> None:
        with pytest.raises(ValueError, match=problem):
            Server(harness.config(fulfilling(answered), tokens=forwarding, methods=methods))

    run(case())


@pytest.mark.parametrize(
    ("tokens", "problem"),
    [
        (Tokens(keys="", trust_domain=""), "tokens without keys.*; tokens without trust_domain"),
        (Tokens(keys="x", trust_domain="x", forwarders=["orders", "dns:a=b/c"]), "forwarder 'orders'.*; forwarder 'dns:a=b/c'"),
        (Tokens(keys="x", trust_domain="x", forwarders=["orders=b"]), "forwarder 'orders=b'.*unknown kind"),
        (Tokens(keys="missing.json", trust_domain="x"), "keys of callers' tokens: missing.json: No such file"),
        (Tokens(keys="http://localhost/x", trust_domain="x"), "want a file, or a URL such as https://"),
        (Tokens(keys="https://localhost/x", trust_domain="x", ca="missing.pem"), "missing.pem: there is no such file"),
    ],
    ids=str,
)
def test_tokens_that_cannot_be_asked_for(tokens: Tokens, problem: str, harness: Harness, run: Any) -> None:
    async def case() -> None:
        with pytest.raises(ValueError, match=problem):
            Server(harness.config(fulfilling(answered), tokens=tokens))

    run(case())
