"""JSON of which nobody can make two things: each name once, and nothing that only some readers take."""

import json
from typing import Any, NoReturn


def parse(document: bytes) -> Any:  # noqa: ANN401 # of any JSON
    """Reads JSON in UTF-8.

    Raises:
        ValueError: it is none, or a name is there twice in one object.
    """
    try:
        value = _DECODER.decode(document.decode())
        json.dumps(value, ensure_ascii=False).encode()  # fails on halves of characters
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members:
        if name in found:
            raise ValueError(f"{name[:64]!r} is there twice")
        found[name] = value
    return found


def _never(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_never)
