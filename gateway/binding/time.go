package binding

import (
	"bytes"
	"strings"
	"time"
)

func writeDate(b *binder, raw []byte) (bool, *misfit) {
	t, ok := b.moment(raw)
	if !ok || !t.day || t.date > 0 && t.month == 0 { // a day of which month?
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

// period is how Dialogflow calls the ends of a period, normally, by what they are.
var period = [2]struct {
	day    string
	moment []string
}{
	{"startdate", []string{"startdatetime", "starttime", "start"}},
	{"enddate", []string{"enddatetime", "endtime", "end"}},
}

// writeInterval writes a period, of which an end may be open. One that ends with a day ends when the next one begins.
func writeInterval(c *compiler) convert {
	const wanted = "a period, with a start that is not after its end"
	return func(b *binder, raw []byte) (bool, *misfit) {
		members := b.spread(raw)
		var last int64
		var lastNanos int
		written := len(b.b)
		for i := range period {
			end := part(members, period[i].day)
			day := end != nil // even where Dialogflow writes it with an hour
			if !day {
				end = part(members, period[i].moment...)
			}
			if end == nil {
				continue
			}
			t, ok := b.moment(end)
			if !ok {
				return false, unfit(raw, wanted)
			}
			if day = day || !t.clock; day {
				t = moment{zone: t.zone && c.TimeZone == nil, offset: t.offset, year: t.year, month: t.month, date: t.date}
			}
			if day && i == 1 && t.date > 0 {
				t.date++
			}
			seconds, ok := t.instant(c.TimeZone)
			early := i == 1 && len(b.b) > written && (seconds < last || seconds == last && (day || t.ns < lastNanos))
			if !ok || early {
				return false, unfit(raw, wanted)
			}
			last, lastNanos = seconds, t.ns
			at := b.open(field(i + 1))
			b.instant(seconds, t.ns)
			b.close(at)
		}
		if len(b.b) == written {
			return false, unfit(raw, wanted)
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
	seconds, ns, known := lasting(units, int64(nanos), strings.ToLower(string(unit)))
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
