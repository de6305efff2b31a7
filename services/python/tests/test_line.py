import json
import logging
import re

import grpc
import pytest

from intentgate import Formatter
from intentgate.chain import code_name
from intentgate.line import Duration, Log


def lines(*, as_json: bool, error: BaseException | None = None) -> str:
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    logger = logging.Logger("test")  # noqa: LOG001 # nobody else's
    handler = Keep()
    handler.setFormatter(Formatter(as_json=as_json))
    logger.addHandler(handler)
    data = {"duration": Duration(1_500_000), "peer": ["dns:a", "uri:b"], "caller": {"platform": "ES"}, "error": 'a "b"\nc'}
    Log(logger, "stores").write(logging.WARNING, "Call", data, error=error)
    (line,) = written
    assert "\n" not in line
    return line


def test_text() -> None:
    _, rest = lines(as_json=False).split(" ", 1)
    assert rest == (
        'level=WARN msg=Call service=stores duration=1.5ms peer="[dns:a uri:b]" caller.platform=ES error="a \\"b\\"\\nc"'
    )


def test_json() -> None:
    line = json.loads(lines(as_json=True))
    assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "WARN",
        "msg": "Call",
        "service": "stores",
        "duration": 1_500_000,
        "peer": ["dns:a", "uri:b"],
        "caller": {"platform": "ES"},
        "error": 'a "b"\nc',
    }


@pytest.mark.parametrize("as_json", [True, False])
def test_stack(as_json: bool) -> None:  # noqa: FBT001
    with pytest.raises(RuntimeError) as error:
        raise RuntimeError("out of stock")
    assert "RuntimeError: out of stock" in lines(as_json=as_json, error=error.value)


@pytest.mark.parametrize(("nanoseconds", "want"), [(7, "7ns"), (1500, "1.5µs"), (2_000_000, "2ms"), (30_000_000_000, "30s")])
def test_duration(nanoseconds: int, want: str) -> None:
    assert str(Duration(nanoseconds)) == want


def test_code_names_are_those_of_all_languages() -> None:
    assert [code_name(code) for code in grpc.StatusCode][:3] == ["OK", "Canceled", "Unknown"]
    assert code_name(grpc.StatusCode.FAILED_PRECONDITION) == "FailedPrecondition"


def test_data_of_others_is_theirs() -> None:
    record = logging.makeLogRecord({"msg": "Pinged", "levelname": "INFO", "data": b"ping"})
    assert Formatter().format(record).endswith("level=INFO msg=Pinged")
