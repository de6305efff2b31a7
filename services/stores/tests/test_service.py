import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc.error_details_pb2 import BadRequest, LocalizedMessage
from google.type.date_pb2 import Date
from google.type.latlng_pb2 import LatLng

from intentgate import StatusError
from intentgate.v1.reply_pb2 import Reply
from shop.stores.v1 import store_service_pb2 as pb
from stores import service
from stores.branches import Branches


@pytest.fixture
def stores() -> Iterator[service.Stores]:
    branches = Branches()
    yield service.Stores(branches, lambda: datetime(2026, 11, 22, 12))  # noqa: DTZ001 # a Sunday, in the shop's zone
    branches.close()


def ask(stores: service.Stores, request: Any) -> Any:
    method = type(request).__name__.removesuffix("Request")
    return asyncio.run(getattr(stores, method)(request, None))


def refused(stores: service.Stores, request: Any) -> StatusError:
    with pytest.raises(StatusError) as error:
        ask(stores, request)
    return error.value


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (pb.FindStoreRequest(city="Munich"), "The nearest branch is München Glockenbach, Müllerstraße 30, 1.0 km away."),
        (
            pb.FindStoreRequest(city="munich", language="de-AT"),
            "Die nächste Filiale ist München Glockenbach, Müllerstraße 30, 1,0 km entfernt.",
        ),
        (
            pb.FindStoreRequest(city="Berlin", location=LatLng(latitude=48.131, longitude=11.571)),
            "The nearest branch is München Glockenbach, Müllerstraße 30, 100 m away.",
        ),
        (pb.FindStoreRequest(city="Bremen"), "The nearest branch is Hamburg Altona, Ottenser Hauptstraße 17, 92 km away."),
        (pb.GetOpeningHoursRequest(city="Köln"), "Köln Ehrenfeld is closed on Sunday, 22 November 2026."),
        (
            pb.GetOpeningHoursRequest(city="Köln", weekday=pb.WEEKDAY_SATURDAY),
            "Köln Ehrenfeld is open on Saturdays from 10:00 to 16:00.",
        ),
        (
            pb.GetOpeningHoursRequest(city="Leipzig", weekday=pb.WEEKDAY_TUESDAY, language="de"),
            "Leipzig Südvorstadt ist dienstags von 10 Uhr bis 13 Uhr und von 15 Uhr bis 19 Uhr geöffnet.",
        ),
        (
            pb.GetOpeningHoursRequest(
                city="Köln", weekday=pb.WEEKDAY_SATURDAY, day=Date(year=2026, month=12, day=24), language="de"
            ),
            "Köln Ehrenfeld ist am Donnerstag, 24. Dezember 2026 von 10 Uhr bis 13 Uhr geöffnet, denn es ist Heiligabend.",
        ),
        (
            pb.GetOpeningHoursRequest(city="Köln", day=Date(year=2026, month=12, day=25)),
            "Köln Ehrenfeld is closed on Friday, 25 December 2026: it is Christmas Day.",
        ),
    ],
)
def test_answers(request_: Any, text: str, stores: service.Stores) -> None:
    response = ask(stores, request_)
    assert response.text == text
    assert response.city == response.store.city
    assert response.store.keyholder_phone


def test_hours_for_programs(stores: service.Stores) -> None:
    response = ask(stores, pb.GetOpeningHoursRequest(city="Leipzig", weekday=pb.WEEKDAY_FRIDAY))
    assert [(each.opens.hours, each.closes.hours) for each in response.hours] == [(10, 13), (15, 19)]


def test_holidays(stores: service.Stores) -> None:
    response = ask(stores, pb.ListHolidaysRequest())
    assert response.texts[0] == "Christmas Eve, Thursday, 24 December 2026: open until 13:00 at most."
    assert response.texts[1] == "Christmas Day, Friday, 25 December 2026: closed."
    assert [holiday.day.day for holiday in response.holidays] == [24, 25, 26, 31, 1]
    assert response.holidays[0].hours.closes.hours == 13
    assert not response.holidays[1].HasField("hours")

    day = Date(year=2026, month=11, day=23)
    none = ask(stores, pb.ListHolidaysRequest(period=pb.ListHolidaysRequest.Period(start=day, end=day), language="de"))
    assert (none.texts, len(none.holidays)) == (["Da haben wir wie immer geöffnet."], 0)


@pytest.mark.parametrize(
    ("request_", "code", "field", "words"),
    [
        (pb.FindStoreRequest(), "INVALID_ARGUMENT", "city", "In welchem Ort sind Sie?"),
        (pb.FindStoreRequest(city="Rom"), "NOT_FOUND", "city", "Rom kenne ich nicht. Wir sind in Berlin"),
        (pb.GetOpeningHoursRequest(city="x" * 61), "INVALID_ARGUMENT", "city", "Das habe ich nicht verstanden"),
        (
            pb.GetOpeningHoursRequest(city="Köln", day=Date(year=2026, month=12)),
            "INVALID_ARGUMENT",
            "day",
            "Das habe ich nicht verstanden",
        ),
        (
            pb.GetOpeningHoursRequest(city="Köln", weekday=8),  # type: ignore[arg-type]
            "INVALID_ARGUMENT",
            "weekday",
            "Das habe ich nicht verstanden",
        ),
        (
            pb.ListHolidaysRequest(period=pb.ListHolidaysRequest.Period(start=Date(year=2026, month=1, day=1))),
            "INVALID_ARGUMENT",
            "period.end",
            "Das habe ich nicht verstanden",
        ),
        (
            pb.ListHolidaysRequest(
                period=pb.ListHolidaysRequest.Period(start=Date(year=1, month=1, day=1), end=Date(year=9999, month=12, day=31))
            ),
            "OUT_OF_RANGE",
            "period",
            "höchstens zwei Jahre",
        ),
    ],
)
def test_refusals(request_: Any, code: str, field: str, words: str, stores: service.Stores) -> None:
    error = refused(stores, request_)
    assert error.code.name == code
    by_language = {detail.locale: detail.message for detail in error.details if isinstance(detail, LocalizedMessage)}
    assert words in by_language["de"]
    assert by_language["en"]
    (bad,) = [detail for detail in error.details if isinstance(detail, BadRequest)]
    assert [violation.field for violation in bad.field_violations] == [field]


def test_a_day_that_there_is_not(stores: service.Stores) -> None:
    error = refused(stores, pb.GetOpeningHoursRequest(city="Köln", day=Date(year=2026, month=2, day=29)))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT


def test_an_unknown_town_offers_others(stores: service.Stores) -> None:
    error = refused(stores, pb.FindStoreRequest(city="Rom"))
    assert "Rom" not in error.message  # which is logged
    (reply,) = [detail for detail in error.details if isinstance(detail, Reply)]
    assert list(reply.messages[0].quick_replies.replies) == ["Berlin", "Hamburg", "Köln", "Leipzig", "München"]


def test_main(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["stores", "--descriptors", str(tmp_path / "stores.binpb")])
    assert service.main() == 0
    described = FileDescriptorSet.FromString((tmp_path / "stores.binpb").read_bytes())
    assert described.file[-1].name == "shop/stores/v1/store_service.proto"
