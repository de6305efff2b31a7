import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from authority import Authority, write
from intentgate import Files
from intentgate.identity import Identity
from intentgate.line import Log


def silent() -> Log:
    return Log(logging.getLogger("test.silent"), "test")


def protected(files: Files, authority: Authority) -> None:
    encryption = BestAvailableEncryption(b"secret")
    Path(files.key).write_bytes(authority.issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def swapped(files: Files, _authority: Authority) -> None:
    cert, key = Path(files.cert).read_bytes(), Path(files.key).read_bytes()
    Path(files.cert).write_bytes(key)
    Path(files.key).write_bytes(cert)


def folder(files: Files, _authority: Authority) -> None:
    Path(files.key).unlink()
    Path(files.key).mkdir()


def cut_off(files: Files, _authority: Authority) -> None:
    Path(files.cert).write_bytes(Path(files.cert).read_bytes()[:-20])


CASES: dict[str, tuple[Any, str]] = {
    "missing": (lambda files, _: Path(files.ca).unlink(), "ca.pem: there is no such file"),
    "folder": (folder, "tls.key: Is a directory"),
    "empty": (lambda files, _: Path(files.cert).write_bytes(b""), "tls.pem: no PEM certificate"),
    "DER": (lambda files, a: Path(files.ca).write_bytes(a.issued.certificate.public_bytes(Encoding.DER)), "no PEM certificate"),
    "huge": (lambda files, _: Path(files.ca).write_bytes(b"x" * (5 << 20)), "too many for a PEM file"),
    "garbage": (
        lambda files, _: Path(files.ca).write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        "ca.pem: is no certificate",
    ),
    "no key": (lambda files, _: Path(files.key).write_text("key"), "tls.key: no PEM private key"),
    "bad key": (
        lambda files, _: Path(files.key).write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        "tls.key: is no private key",
    ),
    "unknown kind of key": (
        lambda files, _: Path(files.key).write_text(
            "-----BEGIN PRIVATE KEY-----\nMA4CAQAwBQYDKgMEBAKquw==\n-----END PRIVATE KEY-----\n"
        ),
        "tls.key: UnsupportedAlgorithm: Unknown key type",
    ),
    "protected": (protected, "protected by a password"),
    "swapped": (swapped, "private key where a certificate is wanted"),
    "cut off": (cut_off, "cut off"),
    "another key": (lambda files, a: Path(files.key).write_bytes(a.issue("dns:a").key_pem), "is not the key of"),
    "no authority": (lambda files, a: Path(files.ca).write_bytes(a.issue("dns:a").cert_pem), "is no authority"),
    "expired": (
        lambda files, a: write(Path(files.ca).parent, a.issue("dns:a", valid=-timedelta(hours=1)), a.pem),
        "has expired on",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_files(case: str, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spoil, problem = CASES[case]
    files = authority.files(tmp_path, "dns:service.internal")
    identity = Identity(files, silent())
    before = identity.pair, identity.authorities
    spoil(files, authority)
    with pytest.raises(ValueError, match=problem):
        Identity(files, silent())
    # What is in force stays, and the log says why, once.
    for _ in range(2):
        assert not identity.reload()
    assert (identity.pair, identity.authorities) == before
    assert [record.getMessage() for record in caplog.records] == ["Kept what is in force because the new files are no good"]
    assert problem.split(":")[-1].strip() in vars(caplog.records[0])["data"]["error"]


def test_all_problems_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a: there is no such file.*; .*c: there is no such file"):
        Identity(Files(tmp_path / "a", tmp_path / "b", tmp_path / "c"), silent())


def test_good_again(authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    files = authority.files(tmp_path, "dns:service.internal")
    good = Path(files.cert).read_bytes()
    identity = Identity(files, silent())
    Path(files.cert).write_text("no")
    assert not identity.reload()
    Path(files.cert).write_bytes(good)
    assert not identity.reload()
    assert caplog.records[-1].getMessage() == "Files are good again"


def test_links_swapped_as_kubernetes_does(authority: Authority, tmp_path: Path) -> None:
    for version in ("1", "2"):
        authority.files(tmp_path / version, "dns:service.internal")
    (tmp_path / "..data").symlink_to("1")
    for name in ("tls.pem", "tls.key", "ca.pem"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    files = Files(tmp_path / "tls.pem", tmp_path / "tls.key", tmp_path / "ca.pem")
    identity = Identity(files, silent())
    before = identity.pair
    (tmp_path / "..new").symlink_to("2")
    os.replace(tmp_path / "..new", tmp_path / "..data")  # noqa: PTH105 # the call that it is about
    assert identity.reload()
    assert identity.pair != before
    assert not identity.reload()


def test_clock_is_that_of_the_configuration(authority: Authority, tmp_path: Path) -> None:
    files = authority.files(tmp_path, "dns:service.internal")
    with pytest.raises(ValueError, match="has expired"):
        Identity(files, silent(), lambda: datetime.now(UTC) + timedelta(days=1))
