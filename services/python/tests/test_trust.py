from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authority import Authority, Issued
from intentgate.trust import _good_until


def until(issued: Issued, *authorities: Authority, shown: tuple[x509.Certificate, ...] | None = None) -> object:
    leaf = issued.certificate.public_bytes(Encoding.PEM)
    chain = issued.chain if shown is None else shown
    return _good_until(
        leaf,
        b"".join(each.public_bytes(Encoding.PEM) for each in chain),
        tuple(authority.issued.certificate for authority in authorities),
    )


def test_way_to_an_authority(authority: Authority) -> None:
    direct, below = authority.issue("dns:a"), authority.sub().issue("dns:a")
    for issued in (direct, below):
        assert until(issued, authority)
        assert until(issued, Authority.new("other"), authority)
        assert until(issued, Authority.new()) is None  # of the same name
        assert until(issued) is None
    assert until(below, authority, shown=()) is None


def test_the_first_to_expire_counts(authority: Authority) -> None:
    root = authority.issued.certificate.not_valid_after_utc
    assert until(authority.issue("dns:a", valid=timedelta(minutes=1)), authority) < root  # type: ignore[operator]
    assert until(authority.issue("dns:a", valid=timedelta(days=1)), authority) == root


def test_a_program_is_no_authority(authority: Authority) -> None:
    program = authority.issue("dns:b", common_name="b")
    below = Authority(Issued(program.certificate, program.key, (program.certificate,))).issue("dns:a")
    assert until(below, authority) is None
