package appointments

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/type/timeofday"

	"github.com/intentgate/intentgate/services/speech"
)

// What the diary offers and how far it goes.
const (
	ahead   = 60 // days
	offered = 3  // alternatives at a time: more are hard to listen to
)

// visit is what an appointment is asked for: people who want to be at a branch at a time, which is one of its zone.
type visit struct {
	branch *branch
	at     time.Time
	people int
}

// on returns the visit at another time.
func (v visit) on(at time.Time) visit {
	v.at = at
	return v
}

// fault is what is wrong with a visit, and how it could be put right.
type fault struct {
	ofDay bool        // the day's, or else the time's
	why   speech.Text // in which the visit is filled in
	offer []time.Time // other days, or other times of the day, that can be had; or none
}

// judge returns what is wrong with a visit; nil: it can be had.
func (p page) judge(v visit) *fault {
	f := p.fault(v)
	if f != nil && !f.ofDay {
		if f.offer = nearest(p.times(v), v.at); len(f.offer) == 0 {
			f = &fault{ofDay: true, why: fullDay}
		}
	}
	if f != nil && f.ofDay {
		f.offer = p.otherDays(v)
	}
	return f
}

// fault returns what is wrong with a visit, with no offer.
func (p page) fault(v visit) *fault {
	today, day := setClock(p.now.In(v.branch.zone), nil), setClock(v.at, nil)
	from, open := v.branch.on(day)
	switch {
	case day.Before(today):
		return &fault{ofDay: true, why: gone}
	case day.After(today.AddDate(0, 0, ahead)):
		return &fault{ofDay: true, why: tooFar}
	case !open:
		return &fault{ofDay: true, why: closed}
	case !v.at.Equal(setClock(v.at, timeOf(v.at))) || v.at.Hour() < from.first || v.at.Hour() > from.last:
		return &fault{why: outOfHours}
	case v.at.Before(p.now):
		return &fault{why: gone}
	case p.taken(v)+v.people > v.branch.places:
		return &fault{why: full}
	}
	return nil
}

// times returns the times of a visit's day that can be had, in their order.
func (p page) times(v visit) []time.Time {
	var free []time.Time
	for hour := range 24 {
		at := setClock(v.at, &timeofday.TimeOfDay{Hours: int32(hour)})
		if p.fault(v.on(at)) == nil {
			free = append(free, at)
		}
	}
	return free
}

// nearest returns the times that are nearest to one, in their order.
func nearest(times []time.Time, to time.Time) []time.Time {
	slices.SortStableFunc(times, func(a, b time.Time) int { return cmp.Compare(a.Sub(to).Abs(), b.Sub(to).Abs()) })
	times = times[:min(offered, len(times))]
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// otherDays returns the next days after that of a visit, and after yesterday, on which it can be had at the same time.
func (p page) otherDays(v visit) []time.Time {
	var days []time.Time
	today := p.now.In(v.branch.zone)
	for n := 0; n <= ahead && len(days) < offered; n++ {
		at := time.Date(today.Year(), today.Month(), today.Day()+n, v.at.Hour(), 0, 0, 0, v.branch.zone)
		if at.After(v.at) && p.fault(v.on(at)) == nil {
			days = append(days, at)
		}
	}
	return days
}
