package binding

import "time"

// moment is a day, a time, or both, as Dialogflow says it.
type moment struct {
	day, clock, zone   bool // which of them there are
	year, month, date  int  // 0: not said
	hour, min, sec, ns int
	offset             int // of the zone, in seconds east of UTC
}

// moment reads a value: RFC 3339 or a part of it, as ES writes it; members year, month, day, hours, minutes, seconds
// and nanos, as CX does; such a value in a member that tells what it is; or a date and a time.
func (b *binder) moment(raw []byte) (moment, bool) {
	raw, _ = only(raw)
	switch kind(raw) {
	case '"':
		return parseMoment(string(b.unquote(raw)))
	case '{':
		return b.momentOf(raw)
	default:
		return moment{}, false
	}
}

func (b *binder) momentOf(raw []byte) (t moment, ok bool) {
	members := b.spread(raw)
	if both := part(members, "datetime"); both != nil {
		return b.moment(both)
	}
	if day, clock := part(members, "date"), part(members, "time"); day != nil && clock != nil {
		day, isDay := b.moment(day)
		clock, isClock := b.moment(clock)
		if !clock.zone {
			clock.zone, clock.offset = day.zone, day.offset
		}
		clock.day, clock.year, clock.month, clock.date = true, day.year, day.month, day.date
		return clock, isDay && isClock && day.day && clock.clock
	}
	for _, p := range [...]struct {
		name string
		into *int
		of   *bool
	}{
		{"year", &t.year, &t.day},
		{"month", &t.month, &t.day},
		{"day", &t.date, &t.day},
		{"hours", &t.hour, &t.clock},
		{"minutes", &t.min, &t.clock},
		{"seconds", &t.sec, &t.clock},
		{"nanos", &t.ns, &t.clock},
	} {
		if value := part(members, p.name); value != nil {
			v, whole := b.integer(value, 31, false)
			if !whole {
				return t, false
			}
			*p.into, *p.of = int(v), true //nolint:gosec // of 31 bits
		}
	}
	return t, t.valid()
}

// layouts are those of RFC 3339 and of parts of it, whose fraction of a second time.Parse takes as well.
var layouts = []struct {
	layout           string
	day, clock, zone bool
}{
	{time.RFC3339, true, true, true}, // the one that Dialogflow writes; the next ones cost an error before them
	{time.DateOnly, true, false, false},
	{"2006-01-02T15:04:05", true, true, false},
	{time.TimeOnly, false, true, false},
	{"15:04", false, true, false},
	{"15:04:05Z07:00", false, true, true},
}

func parseMoment(text string) (moment, bool) {
	for _, l := range layouts {
		at, err := time.Parse(l.layout, text)
		if err != nil {
			continue
		}
		t := moment{day: l.day, clock: l.clock, zone: l.zone, hour: at.Hour(), min: at.Minute(), sec: at.Second(), ns: at.Nanosecond()}
		if l.day {
			t.year, t.month, t.date = at.Year(), int(at.Month()), at.Day()
		}
		if l.zone {
			_, t.offset = at.Zone()
		}
		return t, t.valid() && (!t.day || t.year > 0)
	}
	return moment{}, false
}

// maxOffset is how far a zone is from UTC at most, as google.type.DateTime has it.
const maxOffset = 18 * 60 * 60

// valid reports whether there are such a day and such a time, as far as they are said.
func (t *moment) valid() bool {
	days := 31
	if t.month > 0 && t.month <= 12 {
		year := t.year
		if year == 0 {
			year = 2000 // which had a 29th of February
		}
		days = time.Date(year, time.Month(t.month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	}
	return (t.day || t.clock) && t.year <= 9999 && t.month <= 12 && t.date <= days &&
		t.hour < 24 && t.min < 60 && t.sec < 60 && t.ns < int(time.Second) && t.offset <= maxOffset && t.offset >= -maxOffset
}

// The seconds between which a google.protobuf.Timestamp may be: the years 1 to 9999.
const firstInstant, lastInstant = -62_135_596_800, 253_402_300_799

// instant is the moment in seconds of Unix: by its own zone, or else in the webhook's. It is not ok if there is neither,
// or no whole day. Without a time it is the first moment of the day.
//
// A time that the clocks skip is as far behind the gap as it would be without it; of one that they show twice it is the
// first.
func (t *moment) instant(local *time.Location) (seconds int64, ok bool) {
	if t.year == 0 || t.month == 0 || t.date == 0 || !t.zone && local == nil {
		return 0, false
	}
	wall := time.Date(t.year, time.Month(t.month), t.date, t.hour, t.min, t.sec, 0, time.UTC).Unix()
	seconds = wall - int64(t.offset)
	if !t.zone {
		offset := func(at int64) int64 {
			_, east := time.Unix(at, 0).In(local).Zone()
			return int64(east)
		}
		const day = 24 * 60 * 60
		before, after := offset(wall-day), offset(wall+day)
		if seconds = wall - before; offset(seconds) != before && offset(wall-after) == after {
			seconds = wall - after
		}
	}
	return seconds, seconds >= firstInstant && seconds <= lastInstant
}
