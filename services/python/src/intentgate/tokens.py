"""Verifies the tokens in which the gateway signs for whom it calls: JWTs of the type txntoken+jwt, by ES256.

Here it is judged whether a token is one that the gateway has signed, for these services, and at its time; whether it fits
the call that it came with, intentgate.signed judges. Nothing that a token says of itself is read before its signature holds,
but the name of the key, and no token is ever logged.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from intentgate import strict
from intentgate.keys import Keys, base64url
from intentgate.refusal import denied

_MAX_SIZE = 4 << 10  # bytes; real ones have a fifth of it
_TYPE = "txntoken+jwt"
_PARTS = 3
_HEADER = ("alg", "typ", "kid")
_ONLY = "alg, typ and kid, each once, and nothing else"
_HALF = 32  # bytes of each number of a signature
_SKEW = 30  # seconds that the clocks of a gateway and a service may be apart
_MAX_LIFE = 3 * 60 * 60  # seconds; a mistake in a token's end is not to last for years
_MAX_TIME = 1 << 40  # seconds, in the year 36812
_REMEMBERED = 10_000  # verdicts

_ES256 = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a token says. A text that is not there is empty."""

    iat: int
    """When it was issued, in seconds of Unix time."""
    exp: int
    """When it ends, likewise."""
    iss: str = ""
    """Who issued it."""
    jti: str = ""
    aud: str = ""
    """The trust domain of the services that it is for."""
    sub: str = ""
    """The project, `projects/<number>`, or `projects/<ID>` where no number is known; empty where nothing proves it."""
    req_wl: str = ""
    """A name in the gateway's certificate, `dns:…` or `uri:…`."""
    target: str = ""
    """The full name of the gRPC service."""
    txn: str = ""
    """The request id, in a token that is one turn's, as the two below."""
    session: str = ""
    caller_hash: str = ""
    """Unpadded base64url of the SHA-256 of a caller's bytes."""


_TEXTS = [field.name for field in fields(Claims) if field.name not in ("iat", "exp")]


@dataclass(frozen=True)
class _Verdict:
    """What remains of a token whose signature held."""

    key_id: str
    key: ec.EllipticCurvePublicKey
    claims: Claims


class Verifier:
    """Verifies tokens. The signature of one is verified once, as long as its key is known; its time counts each time."""

    def __init__(self, keys: Keys, trust_domain: str, issuer: str, now: Callable[[], datetime]) -> None:
        """Makes a verifier.

        Args:
            keys: the gateway's.
            trust_domain: whom tokens have to be for.
            issuer: who must have issued them; empty: whoever has the keys.
            now: the clock.
        """
        self._keys, self._trust_domain, self._issuer, self._now = keys, trust_domain, issuer, now
        self._seen: dict[bytes, _Verdict] = {}

    async def verify(self, token: str) -> Claims:
        """Returns what a token says. Where its key is not known it may wait for the keys to be read anew.

        Raises:
            Refusal: it will not do.
        """
        raw = token.encode()
        if len(raw) > _MAX_SIZE:
            raise denied("TOKEN_MALFORMED", saw=f"{len(raw)} bytes", wanted=f"at most {_MAX_SIZE}")
        digest = hashlib.sha256(raw).digest()
        known = self._seen.get(digest)
        if known and known.key is self._keys.get(known.key_id):
            self._judge(known.claims)
            return known.claims
        fresh = await self._prove(token)
        self._judge(fresh.claims)
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()  # most have expired, and the others cost one verification more
        self._seen[digest] = fresh
        return fresh.claims

    async def _prove(self, token: str) -> _Verdict:
        """Verifies the signature."""
        key_id, payload, signature = _parse(token)
        key = await self._keys.find(key_id)
        if key is None:
            raise denied("TOKEN_KEY", saw=f"kid {key_id[:64]!r}", wanted="one of the gateway's keys")
        if not _holds(key, token.rpartition(".")[0].encode(), signature):
            saw = f"a signature that does not hold, by key {key_id[:64]!r}"
            raise denied("TOKEN_SIGNATURE", saw=saw, wanted="one by that key")
        return _Verdict(key_id, key, _claims(payload))

    def _judge(self, claims: Claims) -> None:
        """Compares claims with what is wanted, and with the clock."""
        now = self._now().timestamp()
        if claims.iat > now + _SKEW or now > claims.exp + _SKEW or claims.exp - claims.iat > _MAX_LIFE:
            saw = f"one from {_moment(claims.iat)} until {_moment(claims.exp)}"
            raise denied("TOKEN_EXPIRED", saw=saw, wanted=f"a token of now, {_moment(now)}, that lasts 3h at most")
        if claims.aud != self._trust_domain:
            raise denied("TOKEN_AUDIENCE", saw=f"aud {claims.aud[:256]!r}", wanted=self._trust_domain)
        if self._issuer and claims.iss != self._issuer:
            raise denied("TOKEN_ISSUER", saw=f"iss {claims.iss[:256]!r}", wanted=self._issuer)


def _holds(key: ec.EllipticCurvePublicKey, signed: bytes, signature: bytes) -> bool:
    if len(signature) != 2 * _HALF:
        return False
    numbers = int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:])
    try:
        key.verify(encode_dss_signature(*numbers), signed, _ES256)
    except InvalidSignature:
        return False
    return True


def _moment(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):  # after the year 9999
        return str(seconds)


def _parse(token: str) -> tuple[str, bytes, bytes]:
    """Returns the name of the key that a token is signed with, its claims unread, and its signature."""
    wanted = "a JWT: three parts in base64url"
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise denied("TOKEN_MALFORMED", saw=f"{len(parts)} parts", wanted=wanted)
    try:
        header, payload, signature = map(base64url, parts)
    except ValueError:
        raise denied("TOKEN_MALFORMED", saw="a part that is not base64url", wanted=wanted) from None
    try:
        said = _members(header)
        algorithm, kind, key_id = (_text(said, name) for name in _HEADER)
    except ValueError:
        raise denied("TOKEN_MALFORMED", saw="a header that cannot be read", wanted=_ONLY) from None
    # A token must not bring its own key, nor demand what nobody here knows.
    if more := said.keys() - set(_HEADER):
        raise denied("TOKEN_MALFORMED", saw=f"a header with {len(more)} names more", wanted=_ONLY)
    # Nothing of the token chooses how it is verified: what is not ES256 does not exist, `none` included.
    if (algorithm, kind) != ("ES256", _TYPE):
        saw = f"alg {algorithm[:32]!r} and typ {kind[:32]!r}"
        raise denied("TOKEN_ALGORITHM", saw=saw, wanted=f"alg ES256 and typ {_TYPE}")
    return key_id, payload, signature


def _claims(payload: bytes) -> Claims:
    """Reads what a token says, once its signature holds. Names that are not known here are a newer gateway's."""
    try:
        said = _members(payload)
        texts = {name: _text(said, name) for name in _TEXTS}
        issued, expires = (_whole(said, name) for name in ("iat", "exp"))
    except ValueError:
        wanted = "a JSON object, each name once, times in whole seconds"
        raise denied("TOKEN_MALFORMED", saw="claims that cannot be read", wanted=wanted) from None
    if min(issued, expires) <= 0 or max(issued, expires) > _MAX_TIME:
        raise denied("TOKEN_MALFORMED", saw=f"iat {issued}, exp {expires}", wanted="iat and exp, in seconds since 1970")
    return Claims(iat=issued, exp=expires, **texts)


def _members(document: bytes) -> dict[str, object]:
    value = strict.parse(document)
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004 # of a document, not of an argument
    return value


def _text(said: dict[str, object], name: str) -> str:
    value = said.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError("no text")  # noqa: TRY004 # of a document, not of an argument
    return value


def _whole(said: dict[str, object], name: str) -> int:
    value = said.get(name)
    if value is None:
        return 0
    if type(value) is not int:  # which True is not, either
        raise ValueError("no whole number")
    return value
