"""Whom a server believes, and about what."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from google.protobuf.message import DecodeError, Message

from intentgate import names, rules
from intentgate.caller import LIMITS, METADATA_CALL, METADATA_CALLER, METADATA_REQUEST_ID, PASSED_ON, PREFIX, Call, Peer
from intentgate.refusal import denied, malformed
from intentgate.signed import SignedCallers
from intentgate.v1 import caller_pb2, platform_pb2

# The services that every server has, which whoever may call at all may ask.
_OPEN = {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}


@dataclass(frozen=True)
class Policy:
    """Decides which calls a server accepts, by the names in the peer's verified certificate. Without names: none.

    Metadata is believed because of who sent it, and where tokens are asked for, of who has signed them.
    """

    allowed: frozenset[str] = frozenset()
    """Peers that may call on their own account, without any metadata whose key begins with PREFIX."""
    asserting: frozenset[str] = frozenset()
    """Peers that may besides say for which agent they call: the gateway, and services that pass a caller on."""
    signed: SignedCallers | None = None
    """Where it is there, callers count only with a token of the gateway's. Health and reflection need none."""
    methods: Mapping[str, rules.Method] | None = None
    """Where they are there, who may call what. Health and reflection obey the lists alone."""

    async def judge(self, peer: Peer, metadata: Iterable[tuple[str, str | bytes]], method: str) -> Call:
        """Returns the call of a peer whose certificate was verified.

        Args:
            peer: who calls.
            metadata: all that came with the call.
            method: in full, such as /shop.orders.v1.OrderService/TrackOrder.

        Raises:
            Refusal: it is not accepted.
        """
        name = method.removeprefix("/")
        service = name.partition("/")[0]
        received = list(metadata)
        ours = [(key, value) for key, value in received if key.startswith(PREFIX)]
        asserting = names.listed(peer.names, self.asserting)
        by_key = dict(ours)
        if asserting or (self.signed and self.signed.forwards(peer, by_key)):
            call = replace(_decode(ours), peer=peer, received=_passed_on(received))
            if self.signed and service not in _OPEN:
                await self.signed.judge(call, by_key, service, asserting=asserting)
        else:
            call = self._direct(peer, ours)
        if self.methods is not None and service not in _OPEN:
            rules.judge(self.methods, name, call)
        return call

    def _direct(self, peer: Peer, ours: Sequence[tuple[str, str | bytes]]) -> Call:
        saw = f"a certificate with the names {list(peer.names)}"
        if not names.listed(peer.names, self.allowed):
            raise denied("not_allowed", saw=saw, wanted=f"one of {sorted(self.allowed | self.asserting)}")
        if ours:
            wanted = f"such metadata only from one of {sorted(self.asserting)}"
            raise denied("may_not_assert", saw=f"metadata {ours[0][0]!r} from {saw}", wanted=wanted)
        return Call(peer)


def _passed_on(received: Iterable[tuple[str, str | bytes]]) -> tuple[tuple[str, str | bytes], ...]:
    first: dict[str, str | bytes] = {}
    for key, value in received:
        if key in PASSED_ON:
            first.setdefault(key, value)
    return tuple(first.items())


def _decode(ours: Sequence[tuple[str, str | bytes]]) -> Call:
    """Reads what an asserting peer says. The three keys come together, or none does and the call is a direct one.

    A key of ours that is not known here is a newer gateway's, and tolerated.
    """
    for key, count in Counter(key for key, _ in ours).items():
        if count > 1:
            raise malformed("duplicate_key", saw=f"{key!r} {count} times", wanted="each key once")
    said = {key: value.encode() if isinstance(value, str) else value for key, value in ours if key in LIMITS}
    if not said:
        return Call()
    for key, value in said.items():
        if len(value) > LIMITS[key]:
            raise malformed("too_large", saw=f"{len(value)} bytes of {key!r}", wanted=f"at most {LIMITS[key]}")
    if len(said) < len(LIMITS):
        raise malformed("incomplete", saw=f"only {sorted(said)}", wanted="all three keys or none")
    caller, ref = caller_pb2.Caller(), caller_pb2.CallRef()
    _parse(caller, said, METADATA_CALLER)
    _parse(ref, said, METADATA_CALL)
    if caller.platform == platform_pb2.PLATFORM_UNSPECIFIED:
        raise malformed(
            "undecodable", saw=f"{METADATA_CALLER!r} without a platform", wanted="a caller that says at least its platform"
        )
    request_id = said[METADATA_REQUEST_ID].decode(errors="replace")
    if not request_id or request_id != ref.request_id:
        saw = f"{request_id!r}, and {ref.request_id!r} in the call reference"
        raise malformed("request_id_differs", saw=saw, wanted="the same text in both")
    return Call(caller=caller, ref=ref, request_id=request_id)


def _parse(message: Message, said: dict[str, bytes], key: str) -> None:
    try:
        message.ParseFromString(said[key])
    except DecodeError as error:
        raise malformed("undecodable", saw=f"{key!r}: {error}", wanted=f"an {message.DESCRIPTOR.full_name}") from error
