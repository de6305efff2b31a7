package binding

import (
	"strings"
	"time"
)

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
		return parseMoment(b.unquote(raw))
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

// parseMoment reads RFC 3339, or of it the date alone, the time alone, or both without a zone; without seconds, too.
func parseMoment(text []byte) (moment, bool) {
	var t moment
	p := parser{text: text}
	if len(text) > len("2026") && text[len("2026")] == '-' {
		t.day = true
		t.year, t.month, t.date = p.number("", 4), p.number("-", 2), p.number("-", 2)
		if t.year == 0 || t.month == 0 || t.date == 0 {
			return t, false
		}
		if len(p.text) == 0 {
			return t, !p.failed && t.valid()
		}
		p.failed = p.failed || p.take("Tt ") == 0
	}
	t.clock = true
	t.hour, t.min = p.number("", 2), p.number(":", 2)
	if len(p.text) > 0 && p.text[0] == ':' {
		t.sec = p.number(":", 2)
	}
	if p.take(".") != 0 {
		for unit := 100_000_000; len(p.text) > 0 && '0' <= p.text[0] && p.text[0] <= '9'; unit /= 10 {
			t.ns += unit * p.number("", 1)
		}
	}
	switch sign := p.take("Zz+-"); sign {
	case 0:
	case '+', '-':
		hours, minutes := p.number("", 2), p.number(":", 2)
		p.failed = p.failed || hours > 23 || minutes > 59
		t.zone, t.offset = true, (hours*60+minutes)*60
		if sign == '-' {
			t.offset = -t.offset
		}
	default:
		t.zone = true
	}
	return t, !p.failed && len(p.text) == 0 && t.valid()
}

// parser takes a text apart.
type parser struct {
	text   []byte
	failed bool
}

// take takes one byte of some, or 0.
func (p *parser) take(some string) byte {
	if len(p.text) == 0 || strings.IndexByte(some, p.text[0]) < 0 {
		return 0
	}
	c := p.text[0]
	p.text = p.text[1:]
	return c
}

// number takes as many digits after what has to stand before them.
func (p *parser) number(before string, digits int) (n int) {
	if before != "" && p.take(before) == 0 {
		p.failed = true
	}
	if len(p.text) < digits {
		p.failed = true
		return 0
	}
	for _, c := range p.text[:digits] {
		if c < '0' || c > '9' {
			p.failed = true
			return 0
		}
		n = n*10 + int(c-'0')
	}
	p.text = p.text[digits:]
	return n
}

// valid reports whether there are such a day and such a time, as far as they are said.
func (t *moment) valid() bool {
	days := 31
	if t.month > 0 && t.month <= 12 {
		year := t.year
		if year == 0 {
			year = 2000 // which had a 29th of February
		}
		if days = 30 + (t.month+t.month/8)%2; t.month == 2 {
			days = 28
			if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
				days = 29
			}
		}
	}
	return (t.day || t.clock) && t.year <= 9999 && t.month <= 12 && t.date <= days &&
		t.hour < 24 && t.min < 60 && t.sec < 60 && t.ns < int(time.Second)
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
