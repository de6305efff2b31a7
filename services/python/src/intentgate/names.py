"""Names of peers: subject alternative names of their certificates, written `dns:<name>` or `uri:<id>`."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

_BAD_IN_DNS = re.compile(r"[^a-z0-9._-]")

# The kinds of names, and where gRPC's authentication context keeps those of a verified certificate.
_KINDS = {"dns": "peer_dns", "uri": "peer_uri", "email": "peer_email", "ip": "peer_ip"}


def parse(text: str) -> str:
    """Reads a name of a list of callers and returns it as certificates are compared with it.

    There are no wildcards: a name is one peer's. The case of DNS names does not count.

    Raises:
        ValueError: the text is no such name; it says what to write.
    """
    kind, _, value = text.partition(":")
    if kind not in ("dns", "uri"):
        raise ValueError(f"name {text!r}: unknown kind; write dns:<name> or uri:<id>")
    if not value:
        raise ValueError(f"name {text!r}: nothing follows {kind}:; write what the certificate says")
    if kind == "dns":
        value = value.lower()
        if "*" in value:
            raise ValueError(f"name {text!r}: wildcards are not taken; list each name")
        if bad := _BAD_IN_DNS.search(value):
            raise ValueError(f"name {text!r}: {bad[0]!r} is not allowed in a DNS name; write it as the certificate does")
        return f"dns:{value}"
    if not urlsplit(value).scheme:
        raise ValueError(f"name {text!r}: no scheme; write for example uri:spiffe://example.org/gateway")
    return text


def parse_all(texts: Iterable[str]) -> frozenset[str]:
    """Reads a list of names.

    Raises:
        ValueError: all that is wrong with it.
    """
    names, problems = set(), []
    for text in texts:
        try:
            names.add(parse(text))
        except ValueError as problem:
            problems.append(str(problem))
    if problems:
        raise ValueError("; ".join(problems))
    return frozenset(names)


def of_peer(auth_context: Mapping[str, Iterable[bytes]]) -> tuple[str, ...]:
    """Returns the names in the certificate that a handshake verified, by kind and in the certificate's order."""
    return tuple(
        f"{kind}:{value.decode(errors='replace')}" for kind, key in _KINDS.items() for value in auth_context.get(key, ())
    )


def listed(names: Iterable[str], allowed: frozenset[str]) -> bool:
    """Tells whether one of a certificate's names is in a list. The common name is never looked at."""
    return any(_comparable(name) in allowed for name in names)


def _comparable(name: str) -> str:
    return name.lower() if name.startswith("dns:") else name
