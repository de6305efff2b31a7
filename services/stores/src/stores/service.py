"""The service: what can be asked about branches."""

import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import grpc
import protovalidate
from google.protobuf.message import Message
from google.type.date_pb2 import Date
from google.type.latlng_pb2 import LatLng
from google.type.timeofday_pb2 import TimeOfDay

from intentgate import main as run
from intentgate import refuse
from intentgate.v1.reply_pb2 import Reply
from shop.stores.v1 import store_service_pb2 as pb
from shop.stores.v1 import store_service_pb2_grpc as pb_grpc
from stores import texts
from stores.branches import Branch, Branches, Place

_ZONE = ZoneInfo("Europe/Berlin")  # of all branches
_SOON = timedelta(days=91)
_LONGEST = timedelta(days=731)


class Stores(pb_grpc.StoreServiceServicer):
    """Implements shop.stores.v1.StoreService, whose comments say what its methods do."""

    def __init__(self, branches: Branches, now: Callable[[], datetime] = lambda: datetime.now(_ZONE)) -> None:
        """Answers about branches, by a clock."""
        self._branches, self._now = branches, now

    async def FindStore(self, request: pb.FindStoreRequest, context: object) -> pb.FindStoreResponse:
        """Finds the branch that is nearest."""
        _check(request)
        language = texts.spoken(request.language)
        branch, away = self._nearest(request.city, request.location if request.HasField("location") else None)
        return pb.FindStoreResponse(
            text=texts.NEAREST[language].format(
                store=branch.name, street=branch.street, kilometres=texts.distance(away, language)
            ),
            store=_store(branch),
            kilometres=away,
            city=branch.city,
        )

    async def GetOpeningHours(self, request: pb.GetOpeningHoursRequest, context: object) -> pb.GetOpeningHoursResponse:
        """Tells when the nearest branch is open."""
        _check(request)
        language = texts.spoken(request.language)
        branch, _ = self._nearest(request.city)
        if request.weekday and not request.HasField("day"):
            hours, holiday = self._branches.hours(branch.store_id, request.weekday), None
            day = texts.on_weekdays(request.weekday, language)
        else:
            when = _day(request.day) if request.HasField("day") else self._now().date()
            hours, holiday = self._branches.hours_on(branch.store_id, when)
            day = texts.on_day(when, language)
        if holiday:
            words = texts.OPEN_ON_HOLIDAY if hours else texts.CLOSED_ON_HOLIDAY
        else:
            words = texts.OPEN if hours else texts.CLOSED
        return pb.GetOpeningHoursResponse(
            text=words[language].format(
                store=branch.name,
                day=day,
                hours=texts.from_to(hours, language),
                holiday=getattr(holiday, language, ""),
            ),
            store=_store(branch),
            hours=[_hours(*each) for each in hours],
            city=branch.city,
        )

    async def ListHolidays(self, request: pb.ListHolidaysRequest, context: object) -> pb.ListHolidaysResponse:
        """Lists the days of a period on which all branches are closed, or close early."""
        _check(request)
        language = texts.spoken(request.language)
        first = self._now().date()
        last = first + _SOON
        if request.HasField("period"):
            first, last = _day(request.period.start), _day(request.period.end)
        if last - first > _LONGEST:
            raise refuse(grpc.StatusCode.OUT_OF_RANGE, texts.TOO_LONG, violations={"period": "more than two years"})
        response = pb.ListHolidaysResponse()
        for holiday in self._branches.holidays(first, last):
            name, closes = getattr(holiday, language), holiday.closes
            words = texts.HOLIDAY_EARLY if closes else texts.HOLIDAY_CLOSED
            day = texts.written(holiday.day, language)
            clock = texts.clock(closes, language) if closes else ""
            response.texts.append(words[language].format(holiday=name, day=day, closes=clock))
            listed = response.holidays.add(day=_date(holiday.day), name=name)
            if closes:
                listed.hours.closes.CopyFrom(_time(closes))
        if not response.texts:
            response.texts.append(texts.NO_HOLIDAYS[language])
        return response

    def _nearest(self, city: str, location: LatLng | None = None) -> tuple[Branch, float]:
        """Returns the branch that is nearest to where the user is, and how many kilometres it is away."""
        if location:
            return self._branches.nearest(Place(location.latitude, location.longitude))
        place = self._branches.place(city)
        if place is not None:
            return self._branches.nearest(place)
        cities = self._branches.cities()
        offer = Reply(messages=[Reply.Message(quick_replies=Reply.QuickReplies(replies=cities))])
        if not city.strip():
            raise refuse(
                grpc.StatusCode.INVALID_ARGUMENT,
                texts.WHICH_TOWN,
                violations={"city": "neither it nor a location"},
                reply=offer,
            )
        raise refuse(
            grpc.StatusCode.NOT_FOUND,
            {
                language: words.format(city=city.strip(), cities=", ".join(cities))
                for language, words in texts.UNKNOWN_TOWN.items()
            },
            message="no town that is known",  # what the user said is not for logs
            violations={"city": "no town that is known"},
            reply=offer,
        )


def _check(request: Message) -> None:
    """Judges a request by the rules of its proto. The gateway has done so for agents; programs call directly."""
    violations = protovalidate.collect_violations(request)
    if violations:
        raise refuse(
            grpc.StatusCode.INVALID_ARGUMENT,
            texts.BAD_REQUEST,
            message="the request breaks rules of its proto",
            violations={_path(violation): violation.proto.message for violation in violations},
        )


def _path(violation: protovalidate.Violation) -> str:
    field = violation.proto.field
    return ".".join(element.field_name for element in field.elements) if field else ""


def _day(day: Date) -> date:
    try:
        return date(day.year, day.month, day.day)
    except ValueError as error:
        raise refuse(grpc.StatusCode.INVALID_ARGUMENT, texts.BAD_REQUEST, message=str(error)) from error


def _store(branch: Branch) -> pb.Store:
    return pb.Store(
        store_id=branch.store_id,
        name=branch.name,
        street=branch.street,
        city=branch.city,
        location=LatLng(latitude=branch.place.latitude, longitude=branch.place.longitude),
        keyholder_phone=branch.keyholder_phone,
    )


def _hours(opens: time, closes: time) -> pb.Hours:
    return pb.Hours(opens=_time(opens), closes=_time(closes))


def _time(when: time) -> TimeOfDay:
    return TimeOfDay(hours=when.hour, minutes=when.minute)


def _date(day: date) -> Date:
    return Date(year=day.year, month=day.month, day=day.day)


def register(server: grpc.aio.Server) -> None:
    """Registers the service."""
    pb_grpc.add_StoreServiceServicer_to_server(Stores(Branches()), server)


def main() -> int:
    """Serves, see --help."""
    return run("stores", register)


if __name__ == "__main__":
    sys.exit(main())
