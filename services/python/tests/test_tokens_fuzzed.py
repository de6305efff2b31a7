"""What strangers may write: random bytes, and good ones with some of them changed."""

import json
import logging
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from intentgate import parse_methods, strict
from intentgate.keys import Keys, base64url, parse_keys
from intentgate.line import Log
from intentgate.refusal import Refusal
from intentgate.signed import Forwarder
from intentgate.tokens import Claims, Verifier, _claims
from signing import DOMAIN, Signing, b64, jwks, write_jwks

TIME = 0.3  # seconds for each of them
REASONS = {"TOKEN_MALFORMED", "TOKEN_ALGORITHM", "TOKEN_KEY", "TOKEN_SIGNATURE"}


def spoilt(good: bytes) -> Iterator[bytes]:
    """Yields random bytes and spoilt good ones for a while; the same ones in each run."""
    chance = random.Random(20261122)  # noqa: S311 # to be the same
    alphabets = bytes(range(256)), b'{}[]:,."\\ue0+-_=ABCabc019 tfn\n\x00\xff', good
    end, count = time.monotonic() + TIME, 0
    while time.monotonic() < end:
        count += 1
        if chance.random() < 0.1:
            yield bytes(chance.choices(chance.choice(alphabets), k=chance.randrange(200)))
            continue
        made = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(made) + 1)
            match chance.randrange(3):
                case 0:
                    made[at:at] = bytes(chance.choices(chance.choice(alphabets), k=chance.randrange(1, 4)))
                case 1:
                    del made[at : at + chance.randrange(1, 8)]
                case _:
                    made[at : at + 1] = bytes(chance.choices(chance.choice(alphabets)))
        yield bytes(made)
    assert count > 100


def test_tokens(tmp_path: Path, run: Any) -> None:
    key = Signing()
    good = key.token()
    keys = Keys(write_jwks(tmp_path / "jwks.json", key), pytest.fail, Log(logging.getLogger("test.silent"), "test"))
    verifier = Verifier(keys, DOMAIN, "", lambda: datetime.now(UTC))

    async def case() -> None:
        assert (await verifier.verify(good)).aud == DOMAIN
        for raw in spoilt(good.encode()):
            text = raw.decode("latin-1")  # as gRPC has it of what is no UTF-8
            if text == good:
                continue
            with pytest.raises(Refusal) as refused:
                await verifier.verify(text)
            assert refused.value.reason in REASONS
            assert refused.value.status().details

    run(case())


def test_claims() -> None:
    good = b'{"iat": 1795000000, "exp": 1795000060, "aud": "shop.internal", "more": [{"a": null}], "txn": "\\u00e9"}'
    assert _claims(good).txn == "é"
    for document in spoilt(good):
        try:
            claims = _claims(document)
        except Refusal:
            continue
        assert isinstance(claims, Claims)
        assert type(claims.iat) is type(claims.exp) is int
        assert all(isinstance(value, str) for name, value in vars(claims).items() if name not in ("iat", "exp"))


@pytest.mark.parametrize(
    ("parse", "good"),
    [
        (strict.parse, json.dumps({"a": [1, 2.5, None, True, {"b": "é"}]}).encode()),
        (parse_methods, b'{"methods": {"a.B/C": {"callers": ["dns:a"], "asserted": {"project": ["SECRET"]}}}}'),
        (parse_keys, jwks(Signing())),
        (lambda raw: base64url(raw.decode("latin-1")), b64(b"what is in it").encode()),
        (lambda raw: Forwarder.parse(raw.decode("latin-1")), b"dns:orders.internal=shop.orders.v1.OrderService"),
    ],
    ids=["strict", "policy", "keys", "base64url", "forwarder"],
)
def test_parsers_fail_as_they_say(parse: Any, good: bytes) -> None:
    parse(good)
    for raw in spoilt(good):
        try:
            parse(raw)
        except ValueError:
            continue


@pytest.mark.parametrize(
    "document",
    [
        b"", b"\xff", b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"NaN", b"[Infinity]", b'"\\ud800"', b'{"a":1,"a":1}',
        b'[{"a":{"b":1,"b":2}}]',
        b"{} {}", b"[" * 100_000,
    ],
    ids=lambda document: repr(document[:20]),
)  # fmt: skip
def test_what_is_no_strict_json(document: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        strict.parse(document)


@pytest.mark.parametrize("text", ["A", "AA=", "AA==", "AB", "A+AA", "A/AA", "AA\n", " AA", "ÄÄ", None, b"AA"])
def test_what_is_no_base64url(text: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        base64url(text)
