"""The idempotency key of a call, as the gateway makes it."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass

_LEFT_OUT = b"\xff" * 8  # stands where the length of a part stands, and is the length of none


@dataclass(frozen=True, kw_only=True)
class RequestKey:
    """All that makes a call the same call when it is tried again.

    It holds no certificate and no token: they may be renewed between two tries.
    """

    platform: str
    """ES or CX."""
    project_id: str = ""
    agent: str = ""
    environment: str = ""
    session: str = ""
    turn_id: str | None = None
    """Dialogflow's id of the turn, perhaps empty; None leaves it out."""
    page: str = ""
    form_values: tuple[tuple[str, bytes], ...] = ()
    """The parameters of a CX form in its order, each with its value's JSON as it was written."""
    event: str = ""
    method: str = ""
    """The full method, such as /intentgate.v1.IntentService/Fulfill."""
    request: bytes = b""
    """The request message, marshalled deterministically, with Turn.id and webhook_json cleared."""


def request_id(key: RequestKey) -> str:
    """Returns `1.` and the SHA-256 of the key in base64url without padding.

    What is hashed are the fields in their order, each as its length in bytes, 8 bytes big-endian, and its bytes; the form
    values are one field of such parts.
    """
    form = b"".join(_part(name.encode()) + _part(value) for name, value in key.form_values)
    hashed = b"".join(
        (
            *(_part(text.encode()) for text in (key.platform, key.project_id, key.agent, key.environment, key.session)),
            _LEFT_OUT if key.turn_id is None else _part(key.turn_id.encode()),
            _part(key.page.encode()),
            _part(form),
            _part(key.event.encode()),
            _part(key.method.encode()),
            _part(key.request),
        )
    )
    return "1." + urlsafe_b64encode(hashlib.sha256(hashed).digest()).rstrip(b"=").decode()


def _part(value: bytes) -> bytes:
    return len(value).to_bytes(8, "big") + value
