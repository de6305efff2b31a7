"""Statuses as answers: what a user hears of a method that cannot do what it was asked."""

from collections.abc import Iterable, Mapping

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from intentgate.v1 import reply_pb2

DETAILS_KEY = "grpc-status-details-bin"
"""The key of the trailing metadata that carries a google.rpc.Status."""


class StatusError(Exception):
    """A method ends with this status. Raise it, best as refuse makes it."""

    def __init__(self, code: grpc.StatusCode, message: str = "", details: Iterable[Message] = ()) -> None:
        """Makes a status.

        Args:
            code: not OK.
            message: for developers.
            details: messages that go along, such as those of google.rpc.error_details_pb2.
        """
        super().__init__(message)
        if code is grpc.StatusCode.OK:
            raise ValueError("StatusError with the code OK: return a response instead")
        self.code, self.message, self.details = code, message, tuple(details)

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        """Returns the metadata that carries the details."""
        if not self.details:
            return ()
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        for detail in self.details:
            packed = Any()
            packed.Pack(detail)
            status.details.append(packed)
        return ((DETAILS_KEY, status.SerializeToString()),)


def refuse(
    code: grpc.StatusCode,
    say: Mapping[str, str] | None = None,
    *,
    message: str = "",
    violations: Mapping[str, str] | None = None,
    reply: reply_pb2.Reply | None = None,
    details: Iterable[Message] = (),
) -> StatusError:
    """Returns a status that says in its details what a user hears, to be raised.

        raise refuse(StatusCode.NOT_FOUND, {"en": "There is no such order.", "de": "Diese Bestellung gibt es nicht."})

    Args:
        code: not OK.
        say: what the user hears, by language; the gateway takes the one of the turn.
        message: for developers, in logs and in the caller's error; the English words, or the first, where it is empty. Give one
            where those repeat what the user has said.
        violations: what is wrong with which field of the request, for developers: the agent asks for these again.
        reply: what else becomes of the conversation, such as alternatives to choose from.
        details: any others.
    """
    say = say or {}
    all_details: list[Message] = [
        error_details_pb2.LocalizedMessage(locale=language, message=text) for language, text in sorted(say.items())
    ]
    if violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
            for field, description in violations.items()
        ]
        all_details.append(error_details_pb2.BadRequest(field_violations=fields))
    if reply is not None:
        all_details.append(reply)
    return StatusError(code, message or say.get("en") or next(iter(say.values()), ""), [*all_details, *details])


def in_language(texts: Mapping[str, str], language: str) -> str:
    """Returns the text of a language, of which Dialogflow writes the tag in many ways, such as de, de-AT or deDE.

    Args:
        texts: by language, at least one; the first is for all other languages.
        language: the turn's.
    """
    by_tag = {tag.lower(): text for tag, text in texts.items()}
    wanted = language.lower().replace("_", "-")
    primary = wanted.partition("-")[0]
    for tag in (wanted, primary, primary[:2] if len(primary) == len("dede") else ""):
        if tag in by_tag:
            return by_tag[tag]
    return next(iter(texts.values()))
