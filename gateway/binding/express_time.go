package binding

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/datetime"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// expression is what the form of days and times depends on: text on ES, objects without a zone on CX.
type expression struct {
	platform dialogflow.Platform
	zone     *time.Location // of the agent's users; nil: nobody knows
}

// date is a day, or as much of it as there is: of nothing nothing.
func (x expression) date(d *date.Date) (*structpb.Value, error) {
	t := moment{day: true, year: int(d.GetYear()), month: int(d.GetMonth()), date: int(d.GetDay())}
	if t == (moment{day: true}) {
		return nil, nil //nolint:nilnil // nothing, which is no error
	}
	return x.moment(&t)
}

func (x expression) timeOfDay(t *timeofday.TimeOfDay) (*structpb.Value, error) {
	return x.moment(&moment{clock: true, hour: int(t.GetHours()), min: int(t.GetMinutes()), sec: int(t.GetSeconds()), ns: int(t.GetNanos())})
}

// dateTime is a day and a time. On CX it is that of the agent's users, if it says its own zone and theirs is known.
func (x expression) dateTime(d *datetime.DateTime) (*structpb.Value, error) {
	t := moment{
		day: true, year: int(d.GetYear()), month: int(d.GetMonth()), date: int(d.GetDay()),
		clock: true, hour: int(d.GetHours()), min: int(d.GetMinutes()), sec: int(d.GetSeconds()), ns: int(d.GetNanos()),
	}
	switch {
	case t == moment{day: true, clock: true}:
		return nil, nil //nolint:nilnil // nothing, which is no error
	case t.month == 0 || t.date == 0:
		return nil, errMoment
	}
	zone, err := x.zoneOf(d)
	switch {
	case err != nil:
		return nil, err
	case zone == nil || t.year == 0 || x.platform == dialogflow.CX && x.zone == nil:
		return x.moment(&t)
	}
	seconds, ok := t.instant(zone)
	if !ok || !t.valid() {
		return nil, errMoment
	}
	if x.platform == dialogflow.CX {
		zone = x.zone
	}
	return x.instant(time.Unix(seconds, int64(t.ns)).In(zone))
}

// zoneOf returns the zone that a date and a time say, nil if they say none.
func (x expression) zoneOf(d *datetime.DateTime) (*time.Location, error) {
	switch offset := d.GetTimeOffset().(type) {
	case *datetime.DateTime_UtcOffset:
		return time.FixedZone("", int(offset.UtcOffset.GetSeconds())), nil
	case *datetime.DateTime_TimeZone:
		if x.zone != nil && x.zone.String() == offset.TimeZone.GetId() {
			return x.zone, nil
		}
		zone, err := time.LoadLocation(offset.TimeZone.GetId())
		if err != nil {
			return nil, fmt.Errorf("a time zone that is not known: %w", err)
		}
		return zone, nil
	default:
		return nil, nil //nolint:nilnil // none, which is no error
	}
}

// timestamp is an instant, where the agent's users are: a text in UTC where nobody knows.
func (x expression) timestamp(t *timestamppb.Timestamp) (*structpb.Value, error) {
	if err := t.CheckValid(); err != nil {
		return nil, err
	}
	if x.zone == nil {
		return structpb.NewStringValue(t.AsTime().Format(time.RFC3339Nano)), nil
	}
	return x.instant(t.AsTime().In(x.zone))
}

// instant is a moment in a zone. What its form on the platform cannot tell is a text in UTC: on CX the second of two hours
// that the clocks show twice, on ES an offset with seconds.
func (x expression) instant(at time.Time) (*structpb.Value, error) {
	t := moment{
		day: true, year: at.Year(), month: int(at.Month()), date: at.Day(),
		clock: true, hour: at.Hour(), min: at.Minute(), sec: at.Second(), ns: at.Nanosecond(),
	}
	_, offset := at.Zone()
	seconds, _ := t.instant(at.Location())
	cx, outside := x.platform == dialogflow.CX, at.Year() < 1 || at.Year() > 9999
	if outside || cx && seconds != at.Unix() || !cx && offset%60 != 0 {
		return structpb.NewStringValue(at.UTC().Format(time.RFC3339Nano)), nil
	}
	t.zone, t.offset = true, offset
	return x.moment(&t)
}

var errMoment = errors.New("a day or a time that there is not")

// moment is what is said of a day and a time.
func (x expression) moment(t *moment) (*structpb.Value, error) {
	if !t.valid() || min(t.year, t.month, t.date, t.hour, t.min, t.sec, t.ns) < 0 {
		return nil, errMoment
	}
	if x.platform == dialogflow.CX || t.day && (t.year == 0 || t.month == 0 || t.date == 0) {
		members := map[string]*structpb.Value{}
		if t.clock {
			members["hours"], members["minutes"] = integer(int64(t.hour)), integer(int64(t.min))
			members["seconds"], members["nanos"] = integer(int64(t.sec)), integer(int64(t.ns))
		}
		for name, n := range map[string]int{"year": t.year, "month": t.month, "day": t.date} {
			if n != 0 {
				members[name] = integer(int64(n))
			}
		}
		return object(members), nil
	}
	layout := ""
	if t.day {
		layout = time.DateOnly
	}
	if t.day && t.clock {
		layout += "T"
	}
	if t.clock {
		layout += "15:04:05.999999999"
	}
	if t.zone {
		layout += "Z07:00"
	}
	at := time.Date(t.year, time.Month(t.month), t.date, t.hour, t.min, t.sec, t.ns, time.FixedZone("", t.offset))
	return structpb.NewStringValue(at.Format(layout)), nil
}
