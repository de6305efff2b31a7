"""Where the keys of tokens come from, and when they are read."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from authority import Authority
from intentgate.identity import Authorities, read_authorities
from intentgate.keys import Keys, base64url, parse_keys
from intentgate.line import Log
from keyserver import KeyServer, serving_keys
from signing import Signing, b64, jwks, write_jwks

LOG = Log(logging.getLogger("test.keys"), "test")
SOURCE = "Could not read the keys of callers' tokens"


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> Iterator[KeyServer]:
    with serving_keys(authority, tmp_path / "keys") as server:
        yield server


@pytest.fixture
def trusted(authority: Authority, tmp_path: Path) -> Authorities:
    (tmp_path / "ca.pem").write_bytes("# Zertifizierungsstelle für Prüfungen\n".encode() + authority.pem)
    return read_authorities(tmp_path / "ca.pem")


def kid(key: Signing) -> str:
    return key.jwk["kid"]


def test_keys_of_a_file(tmp_path: Path) -> None:
    old, new = Signing(), Signing()
    keys = Keys(write_jwks(tmp_path / "jwks.json", old, new), pytest.fail, LOG)
    assert keys.get(kid(old)) == old.key.public_key()
    assert keys.get(kid(new)) == new.key.public_key()
    assert keys.get("") is None


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"", "no JWK set"),
        (b"[]", "no JWK set: there is no list"),
        (b'{"keys": {}}', "no JWK set: there is no list"),
        (b'{"keys": [], "keys": []}', "'keys' is there twice"),
        (b'{"keys": []}', "no key of the curve"),
        (jwks(*[Signing()] * 2), "two keys are called"),
        (b" " * (64 << 10) + jwks(Signing()), "more than 64 KiB"),
        (b"[" * 60_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_good(document: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(document)
    with pytest.raises(ValueError, match=problem) as error:
        Keys(str(file), pytest.fail, LOG)
    assert str(file) in str(error.value)


GOOD = Signing()


def other_curve() -> dict[str, str]:
    numbers = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    return {"kty": "EC", "crv": "P-384", "kid": "k", "x": b64(numbers.x.to_bytes(48)), "y": b64(numbers.y.to_bytes(48))}


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "RSA"},
        {"kty": "oct", "k": "AAAA"},
        {"crv": "P-384"},
        other_curve(),
        {"kid": ""},
        {"kid": 1},
        {"use": "enc"},
        {"alg": "HS256"},
        {"d": "AAAA"},  # a private key, which is nobody's to publish
        {"x": b64(bytes(32))},  # no point of the curve
        {"x": b64(bytes(31))},
        {"kid": "longer", "x": b64(b"\0" + base64url(GOOD.jwk["x"])), "y": GOOD.jwk["y"]},
        {"x": 7},
        {"y": None},
    ],
    ids=str,
)
def test_keys_of_other_kinds_are_passed_over(change: dict[str, Any]) -> None:
    good, other = Signing(), Signing()
    document = json.dumps({"keys": ["none", 1, other.jwk | change, good.jwk]}).encode()
    assert parse_keys(document).keys() == {kid(good)}


@pytest.mark.parametrize("url", ["http://localhost/jwks.json", "file:///jwks.json", "https://", "https://user@localhost/x"])
def test_other_places_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"want a file, or a URL such as https://"):
        Keys(url, pytest.fail, LOG)


def test_keys_of_a_url(server: KeyServer, trusted: Authorities, run: Any) -> None:
    """A key that is not known is asked for, every ten seconds at most; what is there stays."""
    old, new, clock = Signing(), Signing(), [100.0]
    server.document = jwks(old)
    keys = Keys(server.url, lambda: trusted, LOG, lambda: clock[0])

    async def case() -> None:
        assert await keys.find(kid(new)) is None
        first = await keys.find(kid(old))
        assert first == old.key.public_key()
        server.document = jwks(new, old)
        clock[0] += 9.9
        assert await keys.find(kid(new)) is None
        assert server.asked == 1
        clock[0] += 0.2
        found = await asyncio.gather(*(keys.find(kid(new)) for _ in range(5)))
        assert found == [new.key.public_key()] * 5
        assert server.asked == 2
        assert keys.get(kid(old)) is first  # by which verdicts know it
        await keys.find(kid(old))
        assert server.asked == 2

    run(case())


def spoil_status(server: KeyServer) -> None:
    server.status = 404


def empty(server: KeyServer) -> None:
    server.status = 204


def redirect(server: KeyServer) -> None:
    server.status = 302


def grow(server: KeyServer) -> None:
    server.document = b" " * (64 << 10) + server.document


def spoil(server: KeyServer) -> None:
    server.document = b"<html>"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (spoil_status, "HTTP status 404"),
        (redirect, "HTTP status 302"),
        (grow, "more than 64 KiB"),
        (spoil, "no JWK set"),
        (empty, "HTTP status 204"),
    ],
)
def test_what_cannot_be_read_changes_nothing(
    change: Any, problem: str, server: KeyServer, trusted: Authorities, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    key, clock = Signing(), [0.0]
    server.document = jwks(key)
    keys = Keys(server.url, lambda: trusted, LOG, lambda: clock[0])

    async def case() -> None:
        assert await keys.find(kid(key))
        change(server)
        clock[0] += 10
        assert await keys.find("another") is None
        assert server.asked == 2
        assert await keys.find(kid(key))

    run(case())
    (record,) = caplog.records
    assert record.getMessage() == SOURCE
    data = vars(record)["data"]
    assert problem in data.pop("error")
    assert data == {"service": "test", "source": server.url, "keys": 1}


@pytest.mark.parametrize("case", ["another authority", "another name"])
def test_the_server_of_keys_is_judged(
    case: str, authority: Authority, tmp_path: Path, trusted: Authorities, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    key = Signing()
    other = Authority.new() if case == "another authority" else authority
    name = "dns:localhost" if case == "another authority" else "dns:gateway.internal"
    with serving_keys(other, tmp_path / "other", name) as server:
        server.document = jwks(key)
        assert run(Keys(server.url, lambda: trusted, LOG).find(kid(key))) is None
        assert server.asked == 0
    assert "CERTIFICATE_VERIFY_FAILED" in vars(caplog.records[0])["data"]["error"]


def test_a_server_that_says_nothing_holds_up_nobody(
    server: KeyServer, trusted: Authorities, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intentgate.keys._FETCH_TIMEOUT", 0.2)
    key = Signing()
    server.document = jwks(key)
    server.go.clear()
    ticks = [0]

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.01)
            ticks[0] += 1

    async def case() -> None:
        ticking = asyncio.create_task(tick())
        keys = Keys(server.url, lambda: trusted, LOG)
        assert await keys.find(kid(key)) is None
        assert ticks[0] >= 3  # others went on
        ticking.cancel()

    run(case())


def test_nobody_waits_for_keys_that_never_come(trusted: Authorities, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intentgate.keys._FETCH_TIMEOUT", 0.05)
    end = threading.Event()
    monkeypatch.setattr(Keys, "_fetch", lambda _: end.wait(30) and b"")

    async def case() -> None:
        keys = Keys("https://localhost/", lambda: trusted, LOG)
        async with asyncio.timeout(10):
            assert await asyncio.gather(*(keys.find("any") for _ in range(3))) == [None] * 3

    try:
        run(case())
    finally:
        end.set()


def test_whoever_asks_may_give_up_and_others_still_learn(server: KeyServer, trusted: Authorities, run: Any) -> None:
    key = Signing()
    server.document = jwks(key)
    server.go.clear()

    async def case() -> None:
        keys = Keys(server.url, lambda: trusted, LOG)
        one, other = (asyncio.ensure_future(keys.find(kid(key))) for _ in range(2))
        while not server.asked:
            await asyncio.sleep(0.001)
        one.cancel()
        await asyncio.sleep(0)
        server.go.set()
        assert await other
        assert one.cancelled()
        assert server.asked == 1

    run(case())


def test_a_url_is_read_again(server: KeyServer, trusted: Authorities, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intentgate.keys._REFRESH", 0.01)
    old, new = Signing(), Signing()
    server.status = 500
    keys = Keys(server.url, lambda: trusted, LOG)

    async def until(key: Signing) -> None:
        server.document = jwks(key)
        while keys.get(kid(key)) is None:
            await asyncio.sleep(0.001)

    async def case() -> None:
        watching = asyncio.create_task(keys.watch())
        while not server.asked:
            await asyncio.sleep(0.001)
        server.status = 200
        await until(old)
        await until(new)
        assert keys.get(kid(old)) is None
        watching.cancel()

    run(case())


def test_a_file_is_read_again(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("intentgate.keys._AGAIN", 0.001)
    old, new, file = Signing(), Signing(), tmp_path / "jwks.json"
    keys = Keys(write_jwks(file, old), pytest.fail, LOG)

    async def case() -> None:
        watching = asyncio.create_task(keys.watch())
        file.write_bytes(b"{")
        while not caplog.records:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert keys.get(kid(old))
        write_jwks(file, new)
        while keys.get(kid(new)) is None:
            await asyncio.sleep(0.001)
        assert keys.get(kid(old)) is None
        file.unlink()
        while len(caplog.records) < 2:
            await asyncio.sleep(0.001)
        assert keys.get(kid(new))
        watching.cancel()

    run(case())
    assert [record.getMessage() for record in caplog.records] == [SOURCE] * 2  # each fault once
