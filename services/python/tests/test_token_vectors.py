"""What a service makes of tokens and of its policy, as data that all languages play."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2

from intentgate import Peer, names, outgoing_metadata, parse_methods, rules, tokens
from intentgate.caller import Call
from intentgate.keys import Keys
from intentgate.line import Log
from intentgate.policy import Policy
from intentgate.refusal import Refusal
from intentgate.signed import Forwarder, SignedCallers
from intentgate.tokens import Verifier
from intentgate.v1 import caller_pb2
from test_vectors import value

VECTORS = json.loads(Path(__file__, "../../../caller/testdata/tokens.json").resolve().read_text())
LOG = Log(logging.getLogger("test.silent"), "test")

# What is played below. A vector with more to it is not played as it is meant.
KNOWN = {
    "tokens": {
        "name",
        "now",
        "issuer",
        "allowed",
        "asserting",
        "forward",
        "peer",
        "method",
        "metadata",
        "code",
        "reason",
        "call",
    },
    "policies": {"name", "policy", "allowed", "asserting", "peer", "caller", "method", "code", "reason", "call"},
    "policy_files": {"name", "text", "registered", "peers", "good"},
}


def rows(part: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", VECTORS[part], ids=lambda row: row["name"])


def test_no_kind_of_vector_is_left_out() -> None:
    assert VECTORS.keys() == {"about", "trust_domain", "jwks", *KNOWN}
    for part, known in KNOWN.items():
        assert len(VECTORS[part]) > 10
        for row in VECTORS[part]:
            assert row.keys() <= known, row["name"]
    for row in VECTORS["tokens"] + VECTORS["policies"]:
        assert hasattr(grpc.StatusCode, row["code"])
        assert row.get("call", "") in ("", "direct", "asserted")
        assert (row["code"] == "OK") == ("reason" not in row) == ("call" in row), row["name"]


def keys_of(folder: Path) -> Keys:
    file = folder / "jwks.json"
    file.write_text(json.dumps(VECTORS["jwks"]))
    return Keys(str(file), pytest.fail, LOG)


def policy_of(row: dict[str, Any], keys: Keys, now: Callable[[], datetime]) -> Policy:
    verifier = Verifier(keys, VECTORS["trust_domain"], row.get("issuer", ""), now)
    signed = SignedCallers(verifier, map(Forwarder.parse, row.get("forward", ())))
    return Policy(names.parse_all(row.get("allowed", ())), names.parse_all(row["asserting"]), signed)


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What became of each signature that was verified."""
    held: list[bool] = []
    real = tokens._holds  # noqa: SLF001 # to be counted

    def counted(*arguments: Any) -> bool:
        held.append(real(*arguments))
        return held[-1]

    monkeypatch.setattr(tokens, "_holds", counted)
    return held


async def play(policy: Policy, row: dict[str, Any], metadata: list[tuple[str, str | bytes]]) -> Call | None:
    """Makes a call, and holds its end against what is wanted."""
    judged = policy.judge(Peer(tuple(row["peer"])), metadata, row["method"])
    if row["code"] != "OK":
        with pytest.raises(Refusal) as refused:
            await judged
        refusal = refused.value
        assert (refusal.code.name, refusal.reason) == (row["code"], row["reason"])
        assert refusal.saw
        assert refusal.wanted
        told = [detail for detail in refusal.status().details if isinstance(detail, error_details_pb2.ErrorInfo)]
        if row["reason"].isupper():
            assert told == [error_details_pb2.ErrorInfo(domain="intentgate", reason=row["reason"])]
        else:
            assert not told
        return None
    call = await judged
    assert ("direct" if call.direct else "asserted") == row["call"]
    return call


@rows("tokens")
def test_tokens(row: dict[str, Any], tmp_path: Path, run: Any) -> None:
    policy = policy_of(row, keys_of(tmp_path), lambda: datetime.fromtimestamp(row["now"], UTC))
    for _ in range(2):  # the second time the verdict is remembered
        run(play(policy, row, [value(entry) for entry in row.get("metadata", ())]))


@rows("tokens")
def test_whoever_asks_for_no_tokens_takes_any(row: dict[str, Any], run: Any) -> None:
    if row["peer"] == ["dns:gateway.internal"] and row["code"] == "PERMISSION_DENIED":
        policy = Policy(asserting=frozenset(row["peer"]))
        run(play(policy, row | {"code": "OK", "call": "asserted"}, [value(entry) for entry in row["metadata"]]))


@rows("policies")
def test_policies(row: dict[str, Any], run: Any) -> None:
    metadata: Any = ()
    if "caller" in row:
        caller = json_format.ParseDict(row["caller"], caller_pb2.Caller())
        metadata = outgoing_metadata(caller, caller_pb2.CallRef(request_id="1.x"))
    policy = Policy(
        names.parse_all(row.get("allowed", ())),
        names.parse_all(row["asserting"]),
        methods=parse_methods(json.dumps(row["policy"]).encode()),
    )
    run(play(policy, row, list(metadata)))


@rows("policy_files")
def test_policy_files(row: dict[str, Any]) -> None:
    def starts() -> None:
        rules.check(parse_methods(row["text"].encode()), names.parse_all(row["peers"]), row["registered"])

    if row["good"]:
        starts()
        return
    with pytest.raises(ValueError, match=r"^policy: "):
        starts()


def test_a_policy_that_is_too_large() -> None:
    with pytest.raises(ValueError, match="more than 1048576 bytes"):
        parse_methods(b'{"methods": {}}' + b" " * (1 << 20))


def test_a_verdict_ends_with_its_token_and_with_its_key(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch, proofs: list[bool]
) -> None:
    monkeypatch.setattr("intentgate.keys._AGAIN", 0.001)
    row = VECTORS["tokens"][0]
    now, keys = [row["now"]], keys_of(tmp_path)
    policy = policy_of(row, keys, lambda: datetime.fromtimestamp(now[0], UTC))
    metadata = [value(entry) for entry in row["metadata"]]
    refused = {"code": "PERMISSION_DENIED"}

    async def case() -> None:
        for _ in range(3):
            await play(policy, row, metadata)
        now[0] += 3600
        await play(policy, row | refused | {"reason": "TOKEN_EXPIRED"}, metadata)
        assert proofs == [True]
        now[0] = row["now"]
        (tmp_path / "jwks.json").write_text(json.dumps({"keys": VECTORS["jwks"]["keys"][:1]}))
        watching = asyncio.create_task(keys.watch())
        while keys.get(VECTORS["jwks"]["keys"][1]["kid"]):
            await asyncio.sleep(0.001)
        await play(policy, row | refused | {"reason": "TOKEN_KEY"}, metadata)
        watching.cancel()

    run(case())


def test_what_is_remembered_is_bounded(tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch, proofs: list[bool]) -> None:
    monkeypatch.setattr("intentgate.tokens._REMEMBERED", 2)
    one, two, three = (
        row for row in VECTORS["tokens"] if row["name"] in ("for many turns", "for one turn", "claims of a newer gateway")
    )
    policy = policy_of(one, keys_of(tmp_path), lambda: datetime.fromtimestamp(one["now"], UTC))

    async def case() -> None:
        for row, count in ((one, 1), (two, 2), (one, 2), (two, 2), (three, 3), (three, 3), (one, 4)):
            await play(policy, row, [value(entry) for entry in row["metadata"]])
            assert len(proofs) == count

    run(case())
