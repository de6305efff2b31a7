"""One end of the hop between the gateway and its services: what it shows and whom it believes.

Everything comes from PEM files that are read again when they change. Opening fails where a file is missing or wrong, and says
which and why; once open there is always something valid to work with, since a bad new file is logged and changes nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from intentgate.line import Log

_AGAIN = 1.0  # seconds between two readings; files are small, and this works where no file system tells of changes
_MAX_FILE = 4 << 20  # far above any bundle of certificates

_T = TypeVar("_T")


@dataclass(frozen=True)
class Files:
    """The PEM files of one end of the hop. Each may be replaced at any time, best by a rename."""

    cert: str | Path
    """The own certificate, followed by its intermediates."""
    key: str | Path
    """The certificate's private key, not encrypted."""
    ca: str | Path
    """The authorities whose certificates are accepted from peers."""


@dataclass(frozen=True)
class Pair:
    """A certificate with its intermediates, and its private key, in PEM."""

    cert: bytes
    key: bytes


@dataclass(frozen=True)
class Authorities:
    """The authorities that peers' certificates are judged by."""

    pem: bytes
    certificates: tuple[x509.Certificate, ...]


class _Reloading(Generic[_T]):
    """A value that is made from files, and replaced whole or not at all."""

    def __init__(self, paths: tuple[Path, ...], make: Callable[..., _T]) -> None:
        self.paths, self._make = paths, make
        self._contents = self._read()
        self.value = self._made(self._contents)

    def reload(self) -> bool:
        """Reads the files, and tells whether the value is new. Where they are no good it stays."""
        contents = self._read()
        if contents == self._contents:
            return False
        self.value = self._made(contents)
        self._contents = contents
        return True

    def _made(self, contents: tuple[bytes, ...]) -> _T:
        try:
            return self._make(*contents)
        except ValueError:
            raise
        except Exception as error:  # cryptography knows more ways in which a file is no good
            raise ValueError(f"{', '.join(map(str, self.paths))}: {type(error).__name__}: {error}") from error

    def _read(self) -> tuple[bytes, ...]:
        return tuple(map(_read_file, self.paths))


class Identity:
    """One end of the hop."""

    def __init__(self, files: Files, log: Log, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Reads the files.

        Raises:
            ValueError: all that is wrong with them.
        """
        self._log = log
        cert, key, ca = Path(files.cert), Path(files.key), Path(files.ca)
        problems = []
        try:
            self._pair = _Reloading((cert, key), lambda c, k: _pair(cert, key, c, k, now()))
        except ValueError as problem:
            problems.append(str(problem))
        try:
            self._authorities = _Reloading((ca,), lambda pem: _authorities(ca, pem))
        except ValueError as problem:
            problems.append(str(problem))
        if problems:
            raise ValueError("; ".join(problems))
        self._faults: dict[tuple[Path, ...], str] = {}

    @property
    def pair(self) -> Pair:
        """The current certificate and key."""
        return self._pair.value

    @property
    def authorities(self) -> Authorities:
        """The current authorities; another object once they are others."""
        return self._authorities.value

    def reload(self) -> bool:
        """Reads the files now, and tells whether something in force is new. What is wrong is logged, once."""
        return any([self._reload(self._pair), self._reload(self._authorities)])

    def _reload(self, part: _Reloading[Pair] | _Reloading[Authorities]) -> bool:
        files = [str(path) for path in part.paths]
        try:
            changed = part.reload()
        except ValueError as problem:
            if self._faults.get(part.paths) != str(problem):
                self._faults[part.paths] = str(problem)
                self._log.warning("Kept what is in force because the new files are no good", files=files, error=str(problem))
            return False
        fault = self._faults.pop(part.paths, None)
        if changed:
            self._log.info("Files reloaded", files=files)
        elif fault:
            self._log.info("Files are good again", files=files)
        return changed

    async def watch(self) -> None:
        """Reloads every second, until it is cancelled."""
        while True:
            await asyncio.sleep(_AGAIN)
            await asyncio.to_thread(self.reload)

    def server_credentials(self) -> grpc.ServerCredentials:
        """Returns credentials that demand and verify a client certificate, each connection with the files current then."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(), self._configuration, require_client_authentication=True
        )

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        pair = self.pair
        return grpc.ssl_server_certificate_configuration([(pair.key, pair.cert)], self.authorities.pem)

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Returns credentials of a channel, with the files current now."""
        pair = self.pair
        return grpc.ssl_channel_credentials(self.authorities.pem, pair.key, pair.cert)


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; let this process's user read the file") from None
    if len(data) > _MAX_FILE:
        raise ValueError(f"{path}: more than {_MAX_FILE} bytes are too many for a PEM file; is it the right one?")
    return data


def _certificates(path: Path, pem: bytes) -> list[x509.Certificate]:
    """Reads the certificates of a file, at least one. A file that is being written in place ends within a block."""
    if pem.count(b"-----BEGIN ") != pem.count(b"-----END "):
        raise ValueError(f"{path}: a PEM block is cut off; write the file anew")
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        if b"PRIVATE KEY-----" in pem:
            raise ValueError(f"{path}: holds a private key where a certificate is wanted; are the two files swapped?")
        raise ValueError(f"{path}: no PEM certificate in the file; it has to hold a line -----BEGIN CERTIFICATE-----")
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ValueError(f"{path}: is no certificate: {error}") from error


def _pair(cert_path: Path, key_path: Path, cert: bytes, key: bytes, now: datetime) -> Pair:
    leaf = _certificates(cert_path, cert)[0]
    if b"PRIVATE KEY-----" not in key:
        if b"-----BEGIN CERTIFICATE-----" in key:
            raise ValueError(f"{key_path}: holds a certificate where a private key is wanted; are the two files swapped?")
        raise ValueError(f"{key_path}: no PEM private key in the file")
    try:
        private = load_pem_private_key(key, password=None)
    except TypeError:
        raise ValueError(
            f"{key_path}: the key is protected by a password; store it without one, for example with openssl pkey"
        ) from None
    except ValueError as error:
        raise ValueError(f"{key_path}: is no private key: {error}") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise ValueError(
            f"{key_path} is not the key of the first certificate in {cert_path}; put the two that belong together there"
        )
    if now > leaf.not_valid_after_utc:
        raise ValueError(
            f"{cert_path}: the certificate of {leaf.subject.rfc4514_string()} has expired on "
            f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}; renew it"
        )
    return Pair(cert, key)


def _authorities(path: Path, pem: bytes) -> Authorities:
    certificates = _certificates(path, pem)
    for number, certificate in enumerate(certificates, 1):
        if not is_authority(certificate):
            raise ValueError(
                f"{path}: certificate {number} ({certificate.subject.rfc4514_string()}) is no authority; "
                "put the one there that signed it"
            )
    return Authorities(pem, tuple(certificates))


def read_authorities(path: str | Path) -> Authorities:
    """Reads the authorities of a file.

    Raises:
        ValueError: it is no good.
    """
    return _authorities(Path(path), _read_file(Path(path)))


def is_authority(certificate: x509.Certificate) -> bool:
    """Tells whether a certificate may sign others. Version 1 knows no such constraints."""
    if certificate.version is x509.Version.v1:
        return True
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
