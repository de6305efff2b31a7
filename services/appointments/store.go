package appointments

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	appointmentsv1 "github.com/intentgate/intentgate/gen/go/shop/appointments/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// The buckets of the store.
const (
	byNumber = "appointments" // number: Appointment
	seats    = "seats"        // branch and hour: how many people are expected then, as one byte
	answers  = "answers"      // request id: response
	order    = "order"        // in which answers were given: number of 8 bytes: request id
)

// remembered is how many answers are kept: far more than are still being tried at one time.
const remembered = 1024

// openStore opens the file, or makes it.
func openStore(file string) (*bbolt.DB, error) {
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{Timeout: time.Second})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("the store %s is locked: stop the process that has it open, or name another file", file)
	}
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", file, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		var err error
		for _, name := range []string{byNumber, seats, answers, order} {
			_, failed := tx.CreateBucketIfNotExists([]byte(name))
			err = errors.Join(err, failed)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the store %s: %w", file, err), db.Close())
	}
	return db, nil
}

// page is the diary as one transaction sees it at one moment: nobody else writes meanwhile, and all that is written stays, or
// nothing of it.
type page struct {
	tx  *bbolt.Tx
	now time.Time
}

func (p page) bucket(name string) *bbolt.Bucket { return p.tx.Bucket([]byte(name)) }

// read answers a call that changes nothing.
func read[R any](s *Service, answer func(page) (R, error)) (resp R, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		resp, err = answer(page{tx, s.now()})
		return err
	})
	return resp, err
}

// write answers a call that changes something. Dialogflow tries again when it got no answer in time: what it asks for is done
// once, however often it is tried, and each try hears the same, even if the service was restarted in between: the answer is
// kept in the transaction that made it true. A refusal changes nothing and is not kept. A program that calls directly has no
// request id, and is answered each time.
func write[R proto.Message](ctx context.Context, s *Service, answer func(page) (R, error)) (resp R, err error) {
	var id []byte
	if call, ok := caller.FromContext(ctx); ok {
		id = []byte(call.RequestID)
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		p := page{tx, s.now()}
		if earlier := p.bucket(answers).Get(id); earlier != nil {
			resp, _ = resp.ProtoReflect().New().Interface().(R)
			return proto.Unmarshal(earlier, resp)
		}
		if ctx.Err() != nil { // nobody would hear of it
			return status.FromContextError(ctx.Err()).Err()
		}
		if resp, err = answer(p); err != nil || len(id) == 0 {
			return err
		}
		return p.remember(id, resp)
	})
	return resp, err
}

// remember keeps an answer, and forgets the oldest of too many.
func (p page) remember(id []byte, answer proto.Message) error {
	text, err := proto.Marshal(answer)
	if err != nil {
		return err
	}
	given, inOrder := p.bucket(answers), p.bucket(order)
	n, err := inOrder.NextSequence()
	if err != nil {
		return err
	}
	key := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	if oldest := inOrder.Get(key(n - remembered)); oldest != nil {
		if err := errors.Join(given.Delete(oldest), inOrder.Delete(key(n-remembered))); err != nil {
			return err
		}
	}
	return errors.Join(given.Put(id, text), inOrder.Put(key(n), id))
}

// appointment returns the one of a number; nil: there is none.
func (p page) appointment(number string) (*appointmentsv1.Appointment, error) {
	text := p.bucket(byNumber).Get([]byte(number))
	if text == nil {
		return nil, nil
	}
	a := &appointmentsv1.Appointment{}
	return a, proto.Unmarshal(text, a)
}

// enter writes an appointment down and takes its seats.
func (p page) enter(a *appointmentsv1.Appointment, v visit) error {
	text, err := proto.Marshal(a)
	if err != nil {
		return err
	}
	return errors.Join(p.bucket(byNumber).Put([]byte(a.GetAppointmentId()), text), p.seat(v, p.taken(v)+v.people))
}

// strike deletes an appointment and gives its seats back.
func (p page) strike(a *appointmentsv1.Appointment, v visit) error {
	return errors.Join(p.bucket(byNumber).Delete([]byte(a.GetAppointmentId())), p.seat(v, p.taken(v)-v.people))
}

// taken returns how many people are expected at the time of a visit.
func (p page) taken(v visit) int {
	if n := p.bucket(seats).Get(seatKey(v)); len(n) == 1 {
		return int(n[0])
	}
	return 0
}

func (p page) seat(v visit, people int) error {
	if people == 0 {
		return p.bucket(seats).Delete(seatKey(v))
	}
	return p.bucket(seats).Put(seatKey(v), []byte{byte(people)}) //nolint:gosec // at most the places of a branch
}

func seatKey(v visit) []byte { return []byte(v.branch.name + v.at.Format(" 2006-01-02 15")) }
