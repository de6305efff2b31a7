"""Whether a token fits the call that it came with."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from intentgate import names
from intentgate.caller import METADATA_CALLER, METADATA_TOKEN, Call, Peer
from intentgate.refusal import denied, malformed
from intentgate.tokens import Claims, Verifier
from intentgate.v1 import caller_pb2


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Whose signatures are believed: a caller counts only with a token that the gateway has signed."""

    keys: str | Path
    """Where the gateway's public keys are: a file, or a URL with https://. They are read again as they change."""
    trust_domain: str
    """Whom tokens are for, as the gateway's configuration says."""
    issuer: str = ""
    """Who must have issued them; empty: whoever has the keys."""
    ca: str | Path = ""
    """The file of the authorities by which that URL's server is judged; empty: those of the callers."""
    forwarders: Sequence[str] = ()
    """The services that may pass a caller on, each with the gRPC service that the gateway calls it by:
    `dns:orders.internal=shop.orders.v1.OrderService`. They need stand in no other list."""

    def check(self) -> "tuple[Forwarder, ...]":
        """Returns the forwarders.

        Raises:
            ValueError: all that is wrong or missing.
        """
        problems, forwarders = [], []
        if not self.keys:
            problems.append("tokens without keys: want the file or the URL of the gateway's public keys (--jwks)")
        if not self.trust_domain:
            problems.append(
                "tokens without trust_domain: want that of the gateway's caller_tokens, such as shop.internal (--trust-domain)"
            )
        for text in self.forwarders:
            try:
                forwarders.append(Forwarder.parse(text))
            except ValueError as problem:
                problems.append(str(problem))
        if problems:
            raise ValueError("; ".join(problems))
        return tuple(forwarders)


@dataclass(frozen=True)
class Forwarder:
    """A service that passes callers on."""

    peer: str
    """A name in its client certificate."""
    target: str
    """The full name of the gRPC service that the gateway calls it by: tokens for it are taken from the peer."""

    @classmethod
    def parse(cls, text: str) -> "Forwarder":
        """Reads `dns:orders.internal=shop.orders.v1.OrderService`.

        Raises:
            ValueError: it says what to write.
        """
        peer, _, target = text.rpartition("=")
        if not peer or not target or "/" in target:
            raise ValueError(
                f"forwarder {text!r}: want the name of a peer and the gRPC service that the gateway calls it by, "
                "such as dns:orders.internal=shop.orders.v1.OrderService"
            )
        try:
            return cls(names.parse(peer), target)
        except ValueError as problem:
            raise ValueError(f"forwarder {text!r}: {problem}") from None


class SignedCallers:
    """Refuses callers that no token vouches for."""

    def __init__(self, verifier: Verifier, forwarders: Iterable[Forwarder]) -> None:
        """Takes tokens from whom they were made for, and from forwarders."""
        self._verifier, self._forwarders = verifier, tuple(forwarders)

    def _targets(self, peer: Peer) -> list[str]:
        """Returns the services that a peer may pass callers on for."""
        return [each.target for each in self._forwarders if names.listed(peer.names, frozenset((each.peer,)))]

    def forwards(self, peer: Peer, metadata: Mapping[str, object]) -> bool:
        """Tells whether a peer passes a caller on, and may as far as lists go."""
        return METADATA_CALLER in metadata and bool(self._targets(peer))

    async def judge(self, call: Call, metadata: Mapping[str, str | bytes], service: str, *, asserting: bool) -> None:
        """Judges a call.

        Args:
            call: as its metadata have it, and its peer.
            metadata: the keys that are ours, each of which came once.
            service: that is called.
            asserting: whether the peer is on that list.

        Raises:
            Refusal: no token vouches for the caller.
        """
        token = metadata.get(METADATA_TOKEN)
        if call.caller is None:
            if token is not None:
                raise malformed("incomplete", saw=f"{METADATA_TOKEN!r} alone", wanted="a caller that it is for")
            return
        if token is None:
            wanted = "one that the gateway has signed: caller_tokens in its configuration"
            raise denied("TOKEN_MISSING", saw=f"no {METADATA_TOKEN!r}", wanted=wanted)
        claims = await self._verifier.verify(_text(token))
        self._from_peer(claims, call.peer, service, asserting=asserting)
        _bound(claims, call, _bytes(metadata[METADATA_CALLER]))
        _subject(claims, call)

    def _from_peer(self, claims: Claims, peer: Peer, service: str, *, asserting: bool) -> None:
        """Wants the token from whom it was made for, or from a forwarder."""
        if asserting and _names(claims.req_wl, peer):
            if claims.target != service:
                raise denied("TOKEN_TARGET", saw=f"target {claims.target[:256]!r}", wanted=service)
            return
        targets = self._targets(peer)
        if not targets:
            saw = f"a token that was made for {claims.req_wl[:256]!r}"
            raise denied("TOKEN_PEER", saw=saw, wanted="it from that peer, or from a forwarder")
        if claims.target not in targets:
            wanted = f"one of {targets}, from this forwarder"
            raise denied("TOKEN_TARGET", saw=f"target {claims.target[:256]!r}", wanted=wanted)
        if not claims.caller_hash:
            wanted = "one that is bound to a caller, from a forwarder: per_turn: ALWAYS in the gateway's configuration"
            raise denied("TOKEN_CALLER", saw="a token for many turns", wanted=wanted)


def _names(workload: str, peer: Peer) -> bool:
    try:
        return names.listed(peer.names, names.parse_all((workload,)))
    except ValueError:
        return False


def _bound(claims: Claims, call: Call, caller: bytes) -> None:
    """Wants the caller and the turn that the token was made for, where it says so."""
    digest = urlsafe_b64encode(hashlib.sha256(caller).digest()).rstrip(b"=").decode()
    if claims.caller_hash and claims.caller_hash != digest:
        raise denied("TOKEN_CALLER", saw=f"a caller with the hash {digest}", wanted=repr(claims.caller_hash[:256]))
    if claims.txn and claims.txn != call.request_id:
        raise denied("TOKEN_TURN", saw=f"request id {call.request_id!r}", wanted=repr(claims.txn[:256]))
    if claims.session and claims.session != (call.ref.session if call.ref else ""):
        raise denied("TOKEN_TURN", saw="another session", wanted="that of the token")


def _subject(claims: Claims, call: Call) -> None:
    """Wants the caller's project in the token, where anything proves it."""
    proven, projects = False, []
    for part in ("project_number", "project_id"):
        if call.caller and call.caller.HasField(part):
            value: caller_pb2.Caller.Value = getattr(call.caller, part)
            projects.append(f"projects/{value.value}")
            proven = proven or value.proof != caller_pb2.Caller.PROOF_STATED
    if claims.sub not in projects and (claims.sub or proven):
        raise denied("TOKEN_SUBJECT", saw=f"sub {claims.sub[:256]!r}", wanted=f"one of {projects}")


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")
