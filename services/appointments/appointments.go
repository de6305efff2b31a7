// Package appointments is an example of a service that says no and keeps the conversation going: it books hours in the branches
// of a small shop, for Dialogflow agents, ES and CX alike, and for the shop's other programs. It speaks English and German.
//
// What it can be asked stands in proto/shop/appointments/v1/appointment_service.proto. What it looks like to say no, in refusal.go:
// a status whose details say why, name the field at fault and offer what can be had. Its diary lives in a file and
// survives a restart; store.go shows how a change is made once, however often Dialogflow tries.
package appointments

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/timeofday"

	appointmentsv1 "github.com/intentgate/intentgate/gen/go/shop/appointments/v1"
	"github.com/intentgate/intentgate/services/speech"
)

// Config is what the shop is made of.
type Config struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Random makes the numbers of appointments; nil means crypto/rand's Reader, so that nobody guesses those of others.
	Random io.Reader
}

// Service is the shop. It answers calls between Open and Close, and is safe for concurrent use.
type Service struct {
	appointmentsv1.UnimplementedAppointmentServiceServer

	now      func() time.Time
	random   io.Reader
	branches map[appointmentsv1.Branch]*branch
	db       *bbolt.DB
}

// New returns the shop with its diary closed.
func New(config Config) *Service {
	s := &Service{now: time.Now, random: cmp.Or[io.Reader](config.Random, rand.Reader)}
	if config.Now != nil {
		s.now = config.Now
	}
	return s
}

// Open opens the diary, a file that is made if need be and that no other process may have open.
func (s *Service) Open(file string) (err error) {
	if s.branches, err = branches(); err != nil {
		return err
	}
	s.db, err = openStore(file)
	return err
}

// Close closes the diary, once the calls that change it have ended.
func (s *Service) Close() error { return s.db.Close() }

// BookAppointment books an appointment.
func (s *Service) BookAppointment(ctx context.Context, req *appointmentsv1.BookAppointmentRequest) (*appointmentsv1.BookAppointmentResponse, error) {
	if err := check(req); err != nil {
		return nil, err
	}
	return write(ctx, s, func(p page) (*appointmentsv1.BookAppointmentResponse, error) {
		v, f := s.visit(req.GetBranch(), req.GetDate(), req.GetTime(), req.GetPeople())
		w := wish{lang: speech.Of(req), date: "date", time: "time", context: "book-offer", said: map[string]any{
			"branch": v.branch.name, "people": v.people, "date": v.at.Format(time.DateOnly), "time": v.at.Format(time.TimeOnly),
		}}
		if f == nil {
			f = p.judge(v)
		}
		if f != nil {
			return nil, w.refuse(ctx, v, f)
		}
		number, err := s.number(p)
		if err != nil {
			return nil, err
		}
		a := &appointmentsv1.Appointment{
			AppointmentId: number, Branch: req.GetBranch(), Date: dateOf(v.at), Time: timeOf(v.at), People: req.GetPeople(),
		}
		return &appointmentsv1.BookAppointmentResponse{
			Text: v.say(expected, w.lang, "{number}", number), Appointment: a, Reply: w.settled(ctx),
		}, p.enter(a, v)
	})
}

// visit returns a visit at a branch, which is one of the enum, and what is wrong with it whatever the diary says.
func (s *Service) visit(at appointmentsv1.Branch, d *date.Date, t *timeofday.TimeOfDay, people int32) (visit, *fault) {
	v := visit{branch: s.branches[at], people: int(people)}
	var ok bool
	if v.at, ok = v.branch.at(d, t); !ok {
		return v, &fault{ofDay: true, why: noSuchTime}
	}
	return v, nil
}

// number returns the number of a new appointment.
func (s *Service) number(p page) (string, error) {
	const first, last = 100_000, 999_999
	for range 100 { // more than enough, unless nearly all are taken
		n, err := rand.Int(s.random, big.NewInt(last-first+1))
		if err != nil {
			return "", fmt.Errorf("number of an appointment: %w", err)
		}
		number := strconv.FormatInt(first+n.Int64(), 10)
		if a, err := p.appointment(number); a == nil && err == nil {
			return number, nil
		}
	}
	return "", errors.New("number of an appointment: none was free")
}
