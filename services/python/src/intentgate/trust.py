"""Judges at each call what a handshake judged once.

A connection may outlive the authority that its certificate came from, or the certificate's own dates, and gRPC offers no means
to close one: so its calls are refused.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from intentgate import names
from intentgate.caller import Peer
from intentgate.identity import Authorities, is_authority
from intentgate.refusal import Refusal

_REMEMBERED = 1024  # verdicts; a service has a handful of callers
_LONGEST_CHAIN = 6  # certificates


class Trust:
    """Remembers the verdicts on peers, of which there are few."""

    def __init__(self, authorities: Callable[[], Authorities], now: Callable[[], datetime]) -> None:
        """Judges by what authorities returns at each call, and by a clock."""
        self._authorities, self._now = authorities, now
        self._judged_by: Authorities | None = None
        self._until: dict[tuple[bytes, bytes], datetime | None] = {}

    def peer(self, auth_context: Mapping[str, Iterable[bytes]]) -> Peer:
        """Returns the peer of a connection.

        Raises:
            Refusal: the connection is no TLS 1.3, or a handshake would refuse the certificate now.
        """
        leaf = _first(auth_context, "x509_pem_cert")
        if not leaf:
            raise _nobody("a connection without a verified certificate")
        version = _first(auth_context, "ssl_tls_version")
        if version != b"TLSv1.3":  # gRPC cannot be told to refuse the handshake
            raise _nobody(f"a connection of {version.decode() or 'an unknown version of TLS'}")
        peer = Peer(names.of_peer(auth_context), leaf)
        authorities = self._authorities()
        if authorities is not self._judged_by or len(self._until) >= _REMEMBERED:
            self._judged_by = authorities
            self._until.clear()
        key = leaf, _first(auth_context, "x509_pem_cert_chain")
        if key not in self._until:
            self._until[key] = _good_until(*key, authorities.certificates)
        until = self._until[key]
        if until is None:
            raise _nobody(f"a certificate with the names {list(peer.names)} of an authority that is accepted no longer")
        if self._now() > until:
            raise _nobody(f"a certificate with the names {list(peer.names)} that, or whose authority, has expired on {until}")
        return peer


def _first(auth_context: Mapping[str, Iterable[bytes]], key: str) -> bytes:
    return next(iter(auth_context.get(key, ())), b"")


def _nobody(saw: str) -> Refusal:
    wanted = "a TLS 1.3 connection with a verified client certificate"
    return Refusal(grpc.StatusCode.UNAUTHENTICATED, "no_certificate", saw=saw, wanted=wanted)


def _good_until(leaf: bytes, chain: bytes, authorities: tuple[x509.Certificate, ...]) -> datetime | None:
    """Returns when the first certificate on the way from a leaf to one of the authorities expires, or None: there is no way.

    That the certificates were good for what they were used for has been judged by the handshake.
    """
    certificate = x509.load_pem_x509_certificate(leaf)
    shown = [other for other in x509.load_pem_x509_certificates(chain) if is_authority(other)] if chain else []
    until = certificate.not_valid_after_utc
    for _ in range(_LONGEST_CHAIN):
        if root := _issuer(certificate, authorities):
            return min(until, root.not_valid_after_utc)
        above = _issuer(certificate, shown)
        if above is None:
            return None
        shown.remove(above)
        until = min(until, above.not_valid_after_utc)
        certificate = above
    return None


def _issuer(certificate: x509.Certificate, candidates: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """Returns the one that has signed a certificate; of several, since authorities are renewed, the one that lasts longest."""
    signers = [candidate for candidate in candidates if _signed(certificate, candidate)]
    return max(signers, key=lambda signer: signer.not_valid_after_utc, default=None)


def _signed(certificate: x509.Certificate, candidate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(candidate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
