"""The shop's branches, in SQLite."""

import sqlite3
from dataclasses import dataclass
from datetime import date, time, timedelta
from importlib.resources import files
from math import asin, cos, radians, sin, sqrt

_EARTH = 6371.0  # kilometres


@dataclass(frozen=True)
class Place:
    """A point, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Branch:
    """A branch of the shop."""

    store_id: str
    name: str
    street: str
    city: str
    place: Place
    keyholder_phone: str


@dataclass(frozen=True)
class Holiday:
    """A day on which it is otherwise for all branches."""

    day: date
    en: str
    de: str
    closes: time | None
    """When they close early; None: they are closed."""


class Branches:
    """Answers questions about them. All of it is in memory and answered within microseconds, so that nobody waits for it."""

    def __init__(self) -> None:
        """Reads the branches that the package brings."""
        self._db = sqlite3.connect(":memory:")
        self._db.executescript(files("stores").joinpath("branches.sql").read_text("utf-8"))
        self._db.create_function("kilometres", 4, _kilometres, deterministic=True)

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def place(self, town: str) -> Place | None:
        """Returns where a town is, or None: it is not known."""
        wanted = " ".join(town.casefold().split())
        # SQLite folds ASCII alone.
        for city, latitude, longitude in self._db.execute("SELECT city, latitude, longitude FROM town"):
            if city.casefold() == wanted:
                return Place(latitude, longitude)
        found = self._db.execute(
            "SELECT latitude, longitude FROM alias JOIN town USING (city) WHERE name = ?", (wanted,)
        ).fetchone()
        return Place(*found) if found else None

    def cities(self) -> list[str]:
        """Returns the towns that have a branch."""
        return [city for (city,) in self._db.execute("SELECT DISTINCT city FROM store ORDER BY city")]

    def nearest(self, place: Place) -> tuple[Branch, float]:
        """Returns the branch that is nearest to a place, and how many kilometres it is away."""
        row = self._db.execute(
            "SELECT store_id, name, street, city, latitude, longitude, keyholder_phone,"
            " kilometres(latitude, longitude, ?, ?) AS away FROM store ORDER BY away LIMIT 1",
            (place.latitude, place.longitude),
        ).fetchone()
        store_id, name, street, city, latitude, longitude, phone, away = row
        return Branch(store_id, name, street, city, Place(latitude, longitude), phone), away

    def hours(self, store_id: str, weekday: int) -> list[tuple[time, time]]:
        """Returns when a branch is open on a day of a week like others, 1 being Monday."""
        rows = self._db.execute(
            "SELECT opens, closes FROM opening WHERE store_id = ? AND weekday = ? ORDER BY opens", (store_id, weekday)
        )
        return [(time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in rows]

    def holidays(self, first: date, last: date) -> list[Holiday]:
        """Returns the holidays from a day to another, which is included, in their order."""
        found = []
        for month, day, after_easter, en, de, closes in self._db.execute(
            "SELECT month, day, after_easter, en, de, closes FROM holiday"
        ):
            for year in range(first.year, last.year + 1):
                when = date(year, month, day) if after_easter is None else easter(year) + timedelta(after_easter)
                if first <= when <= last:
                    found.append(Holiday(when, en, de, time.fromisoformat(closes) if closes else None))
        return sorted(found, key=lambda holiday: holiday.day)

    def hours_on(self, store_id: str, day: date) -> tuple[list[tuple[time, time]], Holiday | None]:
        """Returns when a branch is open on a day, and the holiday that it is, if it is one."""
        hours = self.hours(store_id, day.isoweekday())
        holiday = next(iter(self.holidays(day, day)), None)
        if holiday is None:
            return hours, None
        closes = holiday.closes
        if closes is None:
            return [], holiday
        return [(opens, min(ends, closes)) for opens, ends in hours if opens < closes], holiday


def easter(year: int) -> date:
    """Returns Easter Sunday, by the rule of the Gregorian calendar as Meeus has it."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)


def _kilometres(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Returns the distance of two points on a sphere, in degrees, by the haversine formula."""
    phi, psi = radians(latitude), radians(other_latitude)
    half = sin((psi - phi) / 2) ** 2 + cos(phi) * cos(psi) * sin(radians(other_longitude - longitude) / 2) ** 2
    return 2 * _EARTH * asin(sqrt(min(1.0, half)))
