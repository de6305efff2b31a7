"""What the shop says, in each language."""

from datetime import date, time

from intentgate import in_language

Text = dict[str, str]

WHICH_TOWN: Text = {
    "en": "Which town are you in?",
    "de": "In welchem Ort sind Sie?",
}
UNKNOWN_TOWN: Text = {
    "en": "I don't know {city}. We are in {cities}.",
    "de": "{city} kenne ich nicht. Wir sind in {cities}.",
}
BAD_REQUEST: Text = {
    "en": "I did not get that. Could you say it differently?",
    "de": "Das habe ich nicht verstanden. Können Sie es anders sagen?",
}
TOO_LONG: Text = {
    "en": "I can tell you of at most two years.",
    "de": "Ich kann Ihnen höchstens zwei Jahre nennen.",
}
NEAREST: Text = {
    "en": "The nearest branch is {store}, {street}, {kilometres} away.",
    "de": "Die nächste Filiale ist {store}, {street}, {kilometres} entfernt.",
}
OPEN: Text = {
    "en": "{store} is open {day} {hours}.",
    "de": "{store} ist {day} {hours} geöffnet.",
}
CLOSED: Text = {
    "en": "{store} is closed {day}.",
    "de": "{store} ist {day} geschlossen.",
}
OPEN_ON_HOLIDAY: Text = {
    "en": "{store} is open {day} {hours}, since it is {holiday}.",
    "de": "{store} ist {day} {hours} geöffnet, denn es ist {holiday}.",
}
CLOSED_ON_HOLIDAY: Text = {
    "en": "{store} is closed {day}: it is {holiday}.",
    "de": "{store} ist {day} geschlossen: Es ist {holiday}.",
}
HOLIDAY_CLOSED: Text = {
    "en": "{holiday}, {day}: closed.",
    "de": "{holiday}, {day}: geschlossen.",
}
HOLIDAY_EARLY: Text = {
    "en": "{holiday}, {day}: open until {closes} at most.",
    "de": "{holiday}, {day}: höchstens bis {closes} geöffnet.",
}
NO_HOLIDAYS: Text = {
    "en": "We are open as usual then.",
    "de": "Da haben wir wie immer geöffnet.",
}

_WEEKDAYS = {
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "de": ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
}
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
}


def spoken(language: str) -> str:
    """Returns the language to answer in: de or en."""
    return in_language({"en": "en", "de": "de"}, language)


def on_weekdays(weekday: int, language: str) -> str:
    """Returns `on Mondays`, 1 being Monday."""
    name = _WEEKDAYS[language][weekday - 1]
    return {"en": f"on {name}s", "de": f"{name.lower()}s"}[language]


def on_day(day: date, language: str) -> str:
    """Returns `on Monday, 2 March 2026`."""
    return {"en": "on ", "de": "am "}[language] + written(day, language)


def written(day: date, language: str) -> str:
    """Returns `Monday, 2 March 2026`."""
    weekday, month = _WEEKDAYS[language][day.weekday()], _MONTHS[language].split()[day.month - 1]
    return {"en": f"{weekday}, {day.day} {month} {day.year}", "de": f"{weekday}, {day.day}. {month} {day.year}"}[language]


def clock(when: time, language: str) -> str:
    """Returns `10:00`, in German `10 Uhr`."""
    if language == "en":
        return f"{when:%H:%M}"
    return f"{when.hour} Uhr" + (f" {when.minute}" if when.minute else "")


def from_to(hours: list[tuple[time, time]], language: str) -> str:
    """Returns `from 10:00 to 13:00 and from 15:00 to 19:00`."""
    pattern, also = {"en": ("from {} to {}", " and "), "de": ("von {} bis {}", " und ")}[language]
    return also.join(pattern.format(clock(opens, language), clock(closes, language)) for opens, closes in hours)


def distance(kilometres: float, language: str) -> str:
    """Returns `3.5 km`, or in metres what is near."""
    if kilometres < 1:
        return f"{max(round(kilometres * 10) * 100, 100)} m"
    number = f"{kilometres:.1f}" if kilometres < 10 else f"{kilometres:.0f}"  # noqa: PLR2004 # no decimals then
    return (number.replace(".", ",") if language == "de" else number) + " km"
