"""An authority that issues certificates for tests."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from intentgate import Files

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def cert_pem(self) -> bytes:
        return b"".join(each.public_bytes(Encoding.PEM) for each in (self.certificate, *self.chain))

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Authority:
    issued: Issued

    @classmethod
    def new(cls, name: str = "test") -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(Issued(_sign(_name(name), key.public_key(), _name(name), key, authority=True), key))

    @property
    def pem(self) -> bytes:
        return self.issued.certificate.public_bytes(Encoding.PEM)

    def sub(self, name: str = "sub") -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(_name(name), key.public_key(), self.issued.certificate.subject, self.issued.key, authority=True)
        return Authority(Issued(certificate, key, (certificate,)))

    def issue(
        self,
        *names: str,
        common_name: str = "",
        usages: tuple[x509.ObjectIdentifier, ...] = (CLIENT, SERVER),
        valid: timedelta = timedelta(hours=1),
    ) -> Issued:
        """Issues a certificate with names written `dns:…` and so on. It begins to be valid two hours ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(
            _name(common_name) if common_name else x509.Name([]),
            key.public_key(),
            self.issued.certificate.subject,
            self.issued.key,
            names=names,
            usages=usages,
            valid=valid,
        )
        return Issued(certificate, key, self.issued.chain)

    def files(self, folder: Path, *names: str, ca: bytes | None = None) -> Files:
        """Writes a new certificate with its key, and this authority, into a folder."""
        return write(folder, self.issue(*names), ca or self.pem)


def write(folder: Path, issued: Issued, ca: bytes) -> Files:
    folder.mkdir(exist_ok=True)
    files = Files(folder / "tls.pem", folder / "tls.key", folder / "ca.pem")
    for path, content in ((files.cert, issued.cert_pem), (files.key, issued.key_pem), (files.ca, ca)):
        Path(path).write_bytes(content)
    return files


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _sign(
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
    names: tuple[str, ...] = (),
    usages: tuple[x509.ObjectIdentifier, ...] = (),
    valid: timedelta = timedelta(hours=1),
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=2))
        .not_valid_after(now + valid)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(key, hashes.SHA256())


def _general(name: str) -> x509.GeneralName:
    kind, _, value = name.partition(":")
    match kind:
        case "dns":
            return x509.DNSName(value)
        case "uri":
            return x509.UniformResourceIdentifier(value)
        case "email":
            return x509.RFC822Name(value)
        case _:
            return x509.IPAddress(ipaddress.ip_address(value))
