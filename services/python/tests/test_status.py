import grpc
import pytest

from intentgate import StatusError, in_language, refuse

TEXTS = {"en": "English", "de": "Deutsch", "pt-BR": "Português"}


@pytest.mark.parametrize(
    ("language", "want"),
    [
        ("de", "Deutsch"),
        ("de-AT", "Deutsch"),
        ("de_AT", "Deutsch"),
        ("deDE", "Deutsch"),
        ("DE", "Deutsch"),
        ("pt-br", "Português"),
        ("pt", "English"),
        ("den", "English"),
        ("", "English"),
        ("fr", "English"),
    ],
)
def test_in_language(language: str, want: str) -> None:
    assert in_language(TEXTS, language) == want


def test_message_for_developers() -> None:
    code = grpc.StatusCode.NOT_FOUND
    assert refuse(code, {"de": "Nein", "en": "No"}).message == "No"
    assert refuse(code, {"de": "Nein"}).message == "Nein"
    assert refuse(code, {"de": "Nein"}, message="none").message == "none"
    assert refuse(code).trailing_metadata() == ()


def test_ok_is_no_error() -> None:
    with pytest.raises(ValueError, match="return a response"):
        StatusError(grpc.StatusCode.OK)
