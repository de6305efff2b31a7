"""Who called: the call that is being answered, and how it is passed on."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeAlias

from intentgate.v1 import caller_pb2, platform_pb2

PREFIX = "intentgate-"
"""Every key of the metadata that begins with it is ours, known or not."""
METADATA_CALLER = PREFIX + "caller-bin"
"""Holds an intentgate.v1.Caller."""
METADATA_CALL = PREFIX + "call-bin"
"""Holds an intentgate.v1.CallRef."""
METADATA_REQUEST_ID = PREFIX + "request-id"
"""Holds the text of CallRef.request_id once more, for those who read no protobuf."""
METADATA_TOKEN = PREFIX + "token"
"""Holds what the gateway has signed about the call."""
_TRACE = "traceparent"
PASSED_ON = (METADATA_CALLER, METADATA_CALL, METADATA_REQUEST_ID, METADATA_TOKEN, _TRACE)
"""The keys that forward passes on, and no others."""

Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]

LIMITS = {METADATA_CALLER: 8 << 10, METADATA_CALL: 4 << 10, METADATA_REQUEST_ID: 256}
"""The keys that make up an asserted caller, with the longest values in bytes. Real ones are a tenth of that."""


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
    received: Metadata = field(default=(), repr=False, compare=False)
    """What forward passes on, as a server has received it."""

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


def outgoing_metadata(caller: caller_pb2.Caller, ref: caller_pb2.CallRef) -> Metadata:
    """Returns the whole metadata of a call that is made for an agent, with a trace of its own.

    It is for services that stand in the other service's list of asserting callers. The request id has to be that call's own:
    make one with request_id, or pass on the same only where the two calls are tried again together.

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
        if len(value) > LIMITS[key]:
            raise ValueError(f"outgoing call: {key} is {len(value)} bytes long, at most {LIMITS[key]} are taken")
    trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
    return (*said.items(), (_TRACE, trace))


def forward(call: Call) -> Metadata:
    """Returns the whole metadata of a call of another service on behalf of the same caller.

        stock = await stub.Reserve(request, metadata=forward(current_call()))

    They are the caller, the call reference, the request id, the token and the trace of the call as they came, and nothing else.
    The other service has to list this one as a forwarder, or as asserting where it asks for no tokens.

    Raises:
        ValueError: the call is a direct one, which is on nobody's behalf.
    """
    if call.caller is None or call.ref is None:
        raise ValueError("forward: the call is made for no caller; call the next service as yourself")
    return call.received or outgoing_metadata(call.caller, call.ref)  # a test has made it, and nobody received it
