"""The log: one line each, a constant message and data, as text or JSON."""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

# Time is told in nanoseconds, in the lines for programs, and as people write it in those for people.
_BILLION = 1_000_000_000

_PLAIN = re.compile(r'[^\s"=\x00-\x1f\x7f]+')


class Log:
    """Writes lines about one service to a logger, with their data in the attribute `data` of the record."""

    def __init__(self, logger: logging.Logger, service: str) -> None:
        """Writes to a logger."""
        self._logger, self._service = logger, service

    def info(self, message: str, **data: object) -> None:
        """Writes of business."""
        self.write(logging.INFO, message, data)

    def warning(self, message: str, **data: object) -> None:
        """Writes of something to look at."""
        self.write(logging.WARNING, message, data)

    def write(self, level: int, message: str, data: Mapping[str, object], *, error: BaseException | None = None) -> None:
        """Writes a line.

        Args:
            level: of the logging module.
            message: constant, capitalised.
            data: strings, numbers, lists of strings, Durations, and groups of these.
            error: whose stack goes along.
        """
        self._logger.log(level, message, extra={"data": {"service": self._service, **data}}, exc_info=error)


class Duration(int):
    """A time in nanoseconds."""

    def __str__(self) -> str:
        """Returns it in the largest unit that it fills."""
        for unit, size in (("s", _BILLION), ("ms", 1_000_000), ("µs", 1_000)):
            if self >= size:
                return f"{self / size:.6g}{unit}"
        return f"{int(self)}ns"


class Formatter(logging.Formatter):
    """Writes a record, of this library or of anybody else's, as one line of text (logfmt) or of JSON."""

    def __init__(self, *, as_json: bool = False) -> None:
        """Writes text, or JSON."""
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        data = getattr(record, "data", None)
        fields: dict[str, Any] = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z",
            "level": {"WARNING": "WARN", "CRITICAL": "ERROR"}.get(record.levelname, record.levelname),
            "msg": record.getMessage(),
            **(data if isinstance(data, Mapping) else {}),  # others may mean something else by it
        }
        if record.exc_info:
            fields["stack"] = self.formatException(record.exc_info)
        if self._as_json:
            return json.dumps(fields, ensure_ascii=False, default=str)
        return " ".join(f"{key}={_quoted(value)}" for key, value in _flat(fields))


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            yield prefix + key, f"[{' '.join(map(str, value))}]"
        else:
            yield prefix + key, str(value)


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
