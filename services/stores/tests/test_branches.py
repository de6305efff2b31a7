from collections.abc import Iterator
from datetime import date, time

import pytest

from stores.branches import Branches, Place, easter


@pytest.fixture
def branches() -> Iterator[Branches]:
    branches = Branches()
    yield branches
    branches.close()


@pytest.mark.parametrize("town", ["München", "münchen", " MÜNCHEN ", "Munich", "muenchen", "frankfurt  am Main"])
def test_towns_by_all_their_names(town: str, branches: Branches) -> None:
    assert branches.place(town)


@pytest.mark.parametrize("town", ["", "Rom", "Ber", "%", "' OR 1=1 --"])
def test_unknown_towns(town: str, branches: Branches) -> None:
    assert branches.place(town) is None


@pytest.mark.parametrize(
    ("place", "store_id", "kilometres"),
    [
        (Place(52.52, 13.405), "berlin-mitte", 1.0),
        (Place(52.48, 13.44), "berlin-neukoelln", 0.1),
        (Place(53.0793, 8.8017), "hamburg-altona", 91.7),  # Bremen
        (Place(-90, 0), "muenchen-glocke", 15359.3),
        (Place(52.529, 13.401), "berlin-mitte", 0),
    ],
)
def test_nearest(place: Place, store_id: str, kilometres: float, branches: Branches) -> None:
    branch, away = branches.nearest(place)
    assert branch.store_id == store_id
    assert away == pytest.approx(kilometres, abs=0.2)


@pytest.mark.parametrize(
    ("year", "day"), [(2024, date(2024, 3, 31)), (2025, date(2025, 4, 20)), (2026, date(2026, 4, 5)), (2038, date(2038, 4, 25))]
)
def test_easter(year: int, day: date) -> None:
    assert easter(year) == day


def test_holidays_over_the_turn_of_a_year(branches: Branches) -> None:
    days = [holiday.day for holiday in branches.holidays(date(2026, 12, 25), date(2027, 3, 26))]
    assert days == [date(2026, 12, 25), date(2026, 12, 26), date(2026, 12, 31), date(2027, 1, 1), date(2027, 3, 26)]
    assert branches.holidays(date(2026, 12, 26), date(2026, 12, 25)) == []


@pytest.mark.parametrize(
    ("day", "hours", "holiday"),
    [
        (date(2026, 11, 24), [(time(10), time(13)), (time(15), time(19))], None),  # a Tuesday
        (date(2026, 11, 23), [], None),  # a Monday
        (date(2026, 12, 24), [(time(10), time(13))], "Christmas Eve"),
        (date(2026, 12, 31), [(time(10), time(13))], "New Year's Eve"),
        (date(2026, 12, 25), [], "Christmas Day"),
        (date(2026, 5, 14), [], "Ascension Day"),
    ],
)
def test_hours_of_a_branch_with_a_break(
    day: date, hours: list[tuple[time, time]], holiday: str | None, branches: Branches
) -> None:
    got, got_holiday = branches.hours_on("leipzig-sued", day)
    assert got == hours
    assert (got_holiday.en if got_holiday else None) == holiday
