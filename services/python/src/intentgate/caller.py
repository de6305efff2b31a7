"""Who called: the call that is being answered, and whom a service believes about it."""

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import grpc
from google.protobuf.message import DecodeError, Message

from intentgate import names
from intentgate.v1 import caller_pb2, platform_pb2

PREFIX = "intentgate-"
"""Every key of the metadata that begins with it is ours, known or not."""
METADATA_CALLER = PREFIX + "caller-bin"
"""Holds an intentgate.v1.Caller."""
METADATA_CALL = PREFIX + "call-bin"
"""Holds an intentgate.v1.CallRef."""
METADATA_REQUEST_ID = PREFIX + "request-id"
"""Holds the text of CallRef.request_id once more, for those who read no protobuf."""

# The keys that make up an asserted caller, with the longest values in bytes. Real ones are a tenth of that.
_LIMITS = {METADATA_CALLER: 8 << 10, METADATA_CALL: 4 << 10, METADATA_REQUEST_ID: 256}


@dataclass(frozen=True)
class Peer:
    """A program that proved its identity with a client certificate."""

    names: tuple[str, ...] = ()
    """The certificate's names as `dns:…`, `uri:…`, `email:…`, `ip:…`."""
    certificate: bytes = b""
    """The certificate in PEM."""


@dataclass(frozen=True)
class Call:
    """A call that a server accepted. Its messages must not be changed."""

    peer: Peer = Peer()  # it is frozen
    """The program at the other end of the connection."""
    caller: caller_pb2.Caller | None = None
    """The Dialogflow agent that the call is made for; None in a direct call of the peer."""
    ref: caller_pb2.CallRef | None = None
    """The turn that the call belongs to, as the agent states it; None in a direct call."""
    request_id: str = ""
    """The idempotency key, equal in each try of one call; empty in a direct call."""

    @property
    def direct(self) -> bool:
        """Whether the peer calls on its own account, and not for a Dialogflow agent."""
        return self.caller is None


_current: ContextVar[Call] = ContextVar("intentgate.call")


def current_call() -> Call:
    """Returns the call that is being answered.

    Raises:
        LookupError: there is none, since this runs outside the methods of a Server; treat it as a refusal.
    """
    return _current.get()


@contextmanager
def calling(call: Call) -> Iterator[None]:
    """Makes a call the current one: a server does, and tests of methods that run without one."""
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)


class Refusal(Exception):  # noqa: N818 # it is how a call ends, as a rule nobody's error
    """A call is not accepted. The peer is told little; the text, which is for the log, says what was seen and wanted."""

    def __init__(self, code: grpc.StatusCode, reason: str, *, saw: str, wanted: str) -> None:
        """Makes a refusal.

        Args:
            code: UNAUTHENTICATED, PERMISSION_DENIED or INVALID_ARGUMENT.
            reason: one of a stable set, such as not_allowed, to count by.
            saw: what was seen.
            wanted: what was wanted.
        """
        super().__init__(f"caller refused ({reason}): saw {saw}, wanted {wanted}")
        self.code, self.reason, self.saw, self.wanted = code, reason, saw, wanted

    @property
    def public(self) -> str:
        """What the peer is told."""
        return {
            grpc.StatusCode.UNAUTHENTICATED: "a client certificate is required",
            grpc.StatusCode.PERMISSION_DENIED: "caller is not allowed",
        }.get(self.code, "caller metadata is malformed")


@dataclass(frozen=True)
class Policy:
    """Decides which calls a server accepts, by the names in the peer's verified certificate. Without names: none.

    Metadata is believed because of who sent it and for no other reason.
    """

    allowed: frozenset[str] = frozenset()
    """Peers that may call on their own account, without any metadata whose key begins with PREFIX."""
    asserting: frozenset[str] = frozenset()
    """Peers that may besides say for which agent they call: the gateway, and services that pass a caller on."""

    def judge(self, peer: Peer, metadata: Iterable[tuple[str, str | bytes]]) -> Call:
        """Returns the call of a peer whose certificate was verified.

        Raises:
            Refusal: it is not accepted.
        """
        ours = [(key, value) for key, value in metadata if key.startswith(PREFIX)]
        if names.listed(peer.names, self.asserting):
            return replace(_decode(ours), peer=peer)
        saw = f"a certificate with the names {list(peer.names)}"
        if not names.listed(peer.names, self.allowed):
            wanted = f"one of {sorted(self.allowed | self.asserting)}"
            raise Refusal(grpc.StatusCode.PERMISSION_DENIED, "not_allowed", saw=saw, wanted=wanted)
        if ours:
            wanted = f"such metadata only from one of {sorted(self.asserting)}"
            raise Refusal(
                grpc.StatusCode.PERMISSION_DENIED, "may_not_assert", saw=f"metadata {ours[0][0]!r} from {saw}", wanted=wanted
            )
        return Call(peer)


def _decode(ours: Sequence[tuple[str, str | bytes]]) -> Call:
    """Reads what an asserting peer says. The three keys come together, or none does and the call is a direct one.

    A key of ours that is not known here is a newer gateway's, and tolerated.
    """
    for key, count in Counter(key for key, _ in ours).items():
        if count > 1:
            raise _malformed("duplicate_key", saw=f"{key!r} {count} times", wanted="each key once")
    said = {key: value.encode() if isinstance(value, str) else value for key, value in ours if key in _LIMITS}
    if not said:
        return Call()
    for key, value in said.items():
        if len(value) > _LIMITS[key]:
            raise _malformed("too_large", saw=f"{len(value)} bytes of {key!r}", wanted=f"at most {_LIMITS[key]}")
    if len(said) < len(_LIMITS):
        raise _malformed("incomplete", saw=f"only {sorted(said)}", wanted="all three keys or none")
    caller, ref = caller_pb2.Caller(), caller_pb2.CallRef()
    _parse(caller, said, METADATA_CALLER)
    _parse(ref, said, METADATA_CALL)
    if caller.platform == platform_pb2.PLATFORM_UNSPECIFIED:
        raise _malformed(
            "undecodable", saw=f"{METADATA_CALLER!r} without a platform", wanted="a caller that says at least its platform"
        )
    request_id = said[METADATA_REQUEST_ID].decode(errors="replace")
    if not request_id or request_id != ref.request_id:
        saw = f"{request_id!r}, and {ref.request_id!r} in the call reference"
        raise _malformed("request_id_differs", saw=saw, wanted="the same text in both")
    return Call(caller=caller, ref=ref, request_id=request_id)


def _parse(message: Message, said: dict[str, bytes], key: str) -> None:
    try:
        message.ParseFromString(said[key])
    except DecodeError as error:
        raise _malformed("undecodable", saw=f"{key!r}: {error}", wanted=f"an {message.DESCRIPTOR.full_name}") from error


def _malformed(reason: str, *, saw: str, wanted: str) -> Refusal:
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, reason, saw=saw, wanted=wanted)


def outgoing_metadata(caller: caller_pb2.Caller, ref: caller_pb2.CallRef) -> tuple[tuple[str, str | bytes], ...]:
    """Returns the whole metadata of a call that is made for an agent, with a trace of its own.

    It is for services that pass a caller on, and stand in the other service's list of asserting callers. The request id has
    to be that call's own: make one with request_id, or pass on the same only where the two calls are tried again together.

    Raises:
        ValueError: the caller has no platform, the reference no request id, or one of them is too large.
    """
    if caller.platform == platform_pb2.PLATFORM_UNSPECIFIED:
        raise ValueError("outgoing call: the caller has no platform")
    if not ref.request_id:
        raise ValueError("outgoing call: the reference has no request_id; make one with request_id")
    said: dict[str, str | bytes] = {
        METADATA_CALLER: caller.SerializeToString(deterministic=True),
        METADATA_CALL: ref.SerializeToString(deterministic=True),
        METADATA_REQUEST_ID: ref.request_id,
    }
    for key, value in said.items():
        if len(value) > _LIMITS[key]:
            raise ValueError(f"outgoing call: {key} is {len(value)} bytes long, at most {_LIMITS[key]} are taken")
    trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
    return (*said.items(), ("traceparent", trace))
