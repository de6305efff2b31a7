import pytest

from intentgate import names


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("dns:gateway.internal", "dns:gateway.internal"),
        ("dns:Gate_way-1.INTERNAL", "dns:gate_way-1.internal"),
        ("uri:spiffe://shop/Gateway", "uri:spiffe://shop/Gateway"),
    ],
)
def test_good(text: str, want: str) -> None:
    assert names.parse(text) == want


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "unknown kind"),
        ("gateway.internal", "unknown kind"),
        ("DNS:gateway.internal", "unknown kind"),
        ("ip:10.0.0.1", "unknown kind"),
        ("dns:", "nothing follows"),
        ("dns:*.internal", "wildcards"),
        ("dns:gateway internal", "not allowed"),
        ("dns:gäteway", "not allowed"),
        ("uri:gateway.internal", "no scheme"),
    ],
)
def test_bad(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        names.parse(text)


def test_all_problems_together() -> None:
    with pytest.raises(ValueError, match=r"'a'.*'b'"):
        names.parse_all(["a", "dns:good", "b"])
