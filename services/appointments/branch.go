package appointments

import (
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // a container has none

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/proto"

	appointmentsv1 "github.com/intentgate/intentgate/gen/go/shop/appointments/v1"
)

// branch is a branch of the shop.
type branch struct {
	name      string
	zone      *time.Location
	places    int      // for people at one time
	weekdays  hours    // Monday to Friday
	saturdays hours    // on Sundays it is closed
	holidays  []string // on which it is closed as well: month-day
}

// hours are the first and the last full hour at which people can come.
type hours struct{ first, last int }

// branches returns the branches of the shop.
func branches() (map[appointmentsv1.Branch]*branch, error) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return nil, fmt.Errorf("clocks of the branch in Berlin: %w", err)
	}
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return nil, fmt.Errorf("clocks of the branch in London: %w", err)
	}
	return map[appointmentsv1.Branch]*branch{
		appointmentsv1.Branch_BRANCH_BERLIN: {
			"Berlin", berlin, 12, hours{10, 17}, hours{10, 14}, []string{"01-01", "05-01", "10-03", "12-25", "12-26"},
		},
		appointmentsv1.Branch_BRANCH_LONDON: {
			"London", london, 8, hours{9, 17}, hours{10, 16}, []string{"01-01", "12-25", "12-26"},
		},
	}, nil
}

// on returns the hours of a day. It is not open on every one.
func (b *branch) on(day time.Time) (_ hours, open bool) {
	switch {
	case day.Weekday() == time.Sunday, slices.Contains(b.holidays, day.Format("01-02")):
		return hours{}, false
	case day.Weekday() == time.Saturday:
		return b.saturdays, true
	default:
		return b.weekdays, true
	}
}

// at returns the moment that the branch's calendar and clocks show; without a time it is midnight. A day or a time that there is
// not, such as the 30th of February or 25 o'clock, is not ok.
func (b *branch) at(d *date.Date, t *timeofday.TimeOfDay) (_ time.Time, ok bool) {
	day := time.Date(int(d.GetYear()), time.Month(d.GetMonth()), int(d.GetDay()), 0, 0, 0, 0, b.zone)
	at := setClock(day, t)
	return at, proto.Equal(dateOf(at), d) && d.GetYear() > 0
}

// setClock returns another time of a day.
func setClock(day time.Time, t *timeofday.TimeOfDay) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), int(t.GetHours()), int(t.GetMinutes()), int(t.GetSeconds()), int(t.GetNanos()), day.Location())
}

// dateOf returns the day of a moment.
func dateOf(at time.Time) *date.Date {
	return &date.Date{Year: int32(at.Year()), Month: int32(at.Month()), Day: int32(at.Day())} //nolint:gosec // of a calendar
}

// timeOf returns the hour of a moment.
func timeOf(at time.Time) *timeofday.TimeOfDay {
	return &timeofday.TimeOfDay{Hours: int32(at.Hour())} //nolint:gosec // 0 to 23
}
