package binding

import (
	"bytes"
	"strings"
	"time"
)

func writeDate(b *binder, raw []byte) (bool, *misfit) {
	t, ok := b.moment(raw)
	if !ok || !t.day {
		return false, unfit(raw, "a date")
	}
	b.date(&t)
	return true, nil
}

// date writes the fields that google.type.Date and DateTime share.
func (b *binder) date(t *moment) {
	b.varint(1, int64(t.year))
	b.varint(2, int64(t.month))
	b.varint(3, int64(t.date))
}

// clock writes hours, minutes, seconds and nanos as the fields from n on.
func (b *binder) clock(n field, t *moment) {
	b.varint(n, int64(t.hour))
	b.varint(n+1, int64(t.min))
	b.varint(n+2, int64(t.sec))
	b.varint(n+3, int64(t.ns))
}

func writeTimeOfDay(b *binder, raw []byte) (bool, *misfit) {
	t, ok := b.moment(raw)
	if !ok || !t.clock {
		return false, unfit(raw, "a time")
	}
	b.clock(1, &t)
	return true, nil
}

// writeDateTime writes a date and a time, midnight if there is none, with the offset that they have, or else the
// webhook's time zone, or else with neither.
func writeDateTime(c *compiler) convert {
	zone := ""
	if c.TimeZone != nil {
		zone = c.TimeZone.String()
	}
	return func(b *binder, raw []byte) (bool, *misfit) {
		t, ok := b.moment(raw)
		if !ok || t.month == 0 || t.date == 0 {
			return false, unfit(raw, "a date and a time")
		}
		b.date(&t)
		b.clock(4, &t)
		switch {
		case t.zone:
			at := b.open(8) // utc_offset
			b.varint(1, int64(t.offset))
			b.close(at)
		case zone != "":
			at := b.open(9) // time_zone
			b.wire.text(1, zone)
			b.close(at)
		}
		return true, nil
	}
}

func writeTimestamp(c *compiler) convert {
	wanted := "a date and a time with its zone"
	if c.TimeZone != nil {
		wanted = "a date and a time"
	}
	return func(b *binder, raw []byte) (bool, *misfit) {
		t, ok := b.moment(raw)
		if !ok {
			return false, unfit(raw, wanted)
		}
		seconds, ok := t.instant(c.TimeZone)
		if !ok {
			return false, unfit(raw, wanted)
		}
		b.instant(seconds, t.ns)
		return true, nil
	}
}

// instant writes the inside of a google.protobuf.Timestamp.
func (b *binder) instant(seconds int64, ns int) {
	b.varint(1, seconds)
	b.varint(2, int64(ns))
}

// writeInterval writes a period from the names that Dialogflow gives its ends. Where they are days, it ends when the
// day after the last begins. An end may be open.
func writeInterval(c *compiler) convert {
	const wanted = "a period, with a start that is not after its end"
	return func(b *binder, raw []byte) (bool, *misfit) {
		var ends [2]int64
		var nanos [2]int
		var given [2]bool
		for _, member := range b.spread(raw) {
			i, name := 0, b.normal(member.name)
			rest, ok := strings.CutPrefix(string(name), "start")
			if !ok {
				i = 1
				rest, ok = strings.CutPrefix(string(name), "end")
			}
			value, one := only(member.value)
			if !ok || one && unset(value) {
				continue
			}
			t, ok := b.moment(member.value)
			if !ok || given[i] {
				return false, unfit(raw, wanted)
			}
			if rest == "date" || !t.clock { // a day, even where Dialogflow writes it with an hour
				t = moment{zone: t.zone && c.TimeZone == nil, offset: t.offset, year: t.year, month: t.month, date: t.date}
				if t.date > 0 {
					t.date += i
				}
			}
			given[i], nanos[i] = true, t.ns
			if ends[i], ok = t.instant(c.TimeZone); !ok {
				return false, unfit(raw, wanted)
			}
		}
		if !given[0] && !given[1] || given[0] && given[1] && (ends[1] < ends[0] || ends[1] == ends[0] && nanos[1] < nanos[0]) {
			return false, unfit(raw, wanted)
		}
		for i := range ends {
			if given[i] {
				at := b.open(field(i + 1)) //nolint:gosec // 1 or 2
				b.instant(ends[i], nanos[i])
				b.close(at)
			}
		}
		return true, nil
	}
}

// writeDuration writes an amount of a unit of time, or a text such as 90s. Months and years have no length.
func writeDuration(b *binder, raw []byte) (bool, *misfit) {
	amount, unit, ok := b.amount(raw, "unit")
	if text := b.unquote(raw); kind(raw) == '"' {
		amount, ok = bytes.CutSuffix(text, []byte("s"))
		unit = []byte("s")
	}
	units, nanos, exact := exactly(amount)
	seconds, ns, known := lasting(units, int64(nanos), string(b.normal(unit)))
	if !ok || !exact || !known || seconds > maxDuration || seconds < -maxDuration {
		return false, unfit(raw, "a duration in seconds, minutes, hours, days or weeks")
	}
	b.instant(seconds, int(ns))
	return true, nil
}

// maxDuration is the most seconds of a google.protobuf.Duration.
const maxDuration = 315_576_000_000

// lasting returns how long so many units, and so many thousand millionths of one, last.
func lasting(units, nanos int64, unit string) (seconds, ns int64, ok bool) {
	const second = int64(time.Second)
	length := int64(1)
	switch unit {
	case "ms", "millisecond", "milliseconds":
		return units / 1000, units%1000*1_000_000 + nanos/1000, nanos%1000 == 0
	case "s", "sec", "secs", "second", "seconds":
	case "min", "mins", "minute", "minutes":
		length = 60
	case "h", "hr", "hrs", "hour", "hours":
		length = 60 * 60
	case "d", "day", "days":
		length = 24 * 60 * 60
	case "wk", "wks", "week", "weeks":
		length = 7 * 24 * 60 * 60
	default:
		return 0, 0, false
	}
	if units > maxDuration || units < -maxDuration {
		return 0, 0, false
	}
	nanos *= length
	return units*length + nanos/second, nanos % second, true
}
