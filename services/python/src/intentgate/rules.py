"""Who may call which method, and for which callers."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from intentgate import names, strict
from intentgate.caller import Call
from intentgate.refusal import denied
from intentgate.v1 import caller_pb2

MAX_POLICY = 1 << 20
"""The size in bytes of the largest policy that is read."""

_PREFIX = "PROOF_"
_PROOFS = [name.removeprefix(_PREFIX) for name, number in caller_pb2.Caller.Proof.items() if number]
# The parts of a caller; a project is known by its ID or by its number.
_PARTS = {
    "project": ("project_id", "project_number"),
    "location": ("location",),
    "agent": ("agent",),
    "environment": ("environment",),
}


@dataclass(frozen=True, kw_only=True)
class Proofs:
    """In which ways parts of a caller must be known: STATED, CERTIFICATE, ID_TOKEN or SECRET, one of which is enough.

    None does not ask for the part.
    """

    project: Sequence[str] | None = None
    """Of its ID or its number."""
    location: Sequence[str] | None = None
    agent: Sequence[str] | None = None
    environment: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Method:
    """Who may call a method."""

    callers: Sequence[str] = ()
    """The peers that may call for themselves, as they stand in Config.allowed or asserting."""
    asserted: Proofs | None = None
    """Which callers the method may be called for; None: for none."""


def parse_methods(document: bytes) -> dict[str, Method]:
    """Reads a policy.

    It is `{"methods": {"shop.orders.v1.OrderService/TrackOrder": {"callers": ["uri:spiffe://shop.internal/crm"], "asserted":
    {"project": ["ID_TOKEN", "SECRET"]}}}}`; `shop.orders.v1.OrderService/*` is all of a service that is not named itself.

    Raises:
        ValueError: it is none; a member is not known, or there twice; it is too large.
    """
    if len(document) > MAX_POLICY:
        raise ValueError(f"policy: more than {MAX_POLICY} bytes; want at most that")
    try:
        methods = _members(strict.parse(document), "the policy", ("methods",)).get("methods")
        if methods is not None:
            return {name: _method(value, name) for name, value in _members(methods, "methods").items()}
    except ValueError as problem:
        example = '{"methods": {"shop.orders.v1.OrderService/*": {"asserted": {}}}}'
        raise ValueError(f"policy: {problem}; want such as {example}") from None
    raise ValueError('policy: "methods" is missing; want at least {"methods": {}}, by which nobody may call anything')


def _method(value: Any, name: str) -> Method:  # noqa: ANN401 # of any JSON
    said = _members(value, repr(name), [each.name for each in fields(Method)])
    asserted = said.get("asserted")
    if asserted is None:
        return Method(callers=_texts(said, "callers") or ())
    parts = _members(asserted, f"{name!r}: asserted", _PARTS)
    return Method(callers=_texts(said, "callers") or (), asserted=Proofs(**{part: _texts(parts, part) for part in parts}))


def _members(value: Any, what: str, known: Iterable[str] | None = None) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no object")  # noqa: TRY004 # of a document, not of an argument
    if known is not None and (unknown := value.keys() - set(known)):
        raise ValueError(f"{what} has the members {sorted(unknown)}, where only {list(known)} are known")
    if None in value.values():
        raise ValueError(f"{what} has a member that is null, which says neither none nor any; leave it out")
    return value


def _texts(said: dict[str, Any], name: str) -> tuple[str, ...] | None:
    value = said.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{name} is {json.dumps(value)[:64]}, and no list of texts")
    return tuple(value)


def check(methods: Mapping[str, Method], peers: Collection[str], registered: Mapping[str, Sequence[str]]) -> None:
    """Holds a policy against a server.

    Args:
        methods: by name.
        peers: that are on any list.
        registered: the names of methods by that of their service.

    Raises:
        ValueError: all that is wrong: methods that are not registered, peers that are on no list, ways of proof that are none.
    """
    problems = []
    for name, rule in sorted(methods.items()):
        service, _, method = name.partition("/")
        if service not in registered:
            problems.append(f"{name!r}: no such service is registered; there are {sorted(registered)}")
        elif method != "*" and method not in registered[service]:
            problems.append(f"{name!r}: {service} has no such method; want * or one of {sorted(registered[service])}")
        problems += [f"{name!r}: {problem}" for problem in (*_wrong_callers(rule, peers), *_wrong_proofs(rule))]
    if problems:
        raise ValueError("; ".join(f"policy: {problem}" for problem in problems))


def _wrong_callers(rule: Method, peers: Collection[str]) -> Iterable[str]:
    for text in rule.callers:
        try:
            if names.parse(text) not in peers:
                yield f"{text!r} may not call at all; name it in --allow, too"
        except ValueError as problem:
            yield str(problem)


def _wrong_proofs(rule: Method) -> Iterable[str]:
    for part in _PARTS if rule.asserted else ():
        proofs = getattr(rule.asserted, part)
        if proofs is not None and not proofs:
            yield f"{part} lists nothing; want one of {_PROOFS}, or no such member"
        yield from (f"{part}: {proof!r}; want one of {_PROOFS}" for proof in proofs or () if proof not in _PROOFS)


def judge(methods: Mapping[str, Method], name: str, call: Call) -> None:
    """Judges a call of a method, such as shop.orders.v1.OrderService/TrackOrder, that is accepted otherwise.

    Raises:
        Refusal: the method is not for this caller.
    """
    rule = methods.get(name) or methods.get(f"{name.partition('/')[0]}/*")
    if rule is None:
        raise denied("METHOD_NOT_LISTED", saw=repr(name[:256]), wanted="one that the policy names")
    if call.caller is None:
        if not names.listed(call.peer.names, names.parse_all(rule.callers)):
            raise denied("CALLER_NOT_LISTED", saw=f"{list(call.peer.names)}, for itself", wanted=f"one of {list(rule.callers)}")
        return
    if rule.asserted is None:
        raise denied("CALLER_NOT_LISTED", saw="a call for an agent", wanted=f"one of {list(rule.callers)}, for itself")
    for part, members in _PARTS.items():
        wanted = getattr(rule.asserted, part)
        if wanted is None:
            continue
        caller: Any = call.caller
        known = [_proof(getattr(caller, member).proof) for member in members if caller.HasField(member)]
        if not set(known) & set(wanted):
            raise denied("PROOF_MISSING", saw=f"a {part} by {known}", wanted=f"one by one of {list(wanted)}")


def _proof(number: int) -> str:
    """Returns the name of a way of proof; of one that a newer gateway knows its number."""
    kind: Any = caller_pb2.Caller.Proof
    return str(kind.Name(number)).removeprefix(_PREFIX) if number in kind.values() else str(number)
