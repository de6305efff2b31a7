package appointments_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	appointmentsv1 "github.com/intentgate/intentgate/gen/go/shop/appointments/v1"
	"github.com/intentgate/intentgate/services/appointments"
	"github.com/intentgate/intentgate/services/caller"
)

// TestAnswers plays the life of an appointment, on ES, on CX and by a program, and compares whole responses.
func TestAnswers(t *testing.T) {
	const (
		berlin  = `"appointment": {"appointmentId": "100001", "branch": "BRANCH_BERLIN", "people": 2, "date": {"year": 2026, "month": 12, "day": 1}`
		at14    = berlin + `, "time": {"hours": 14}}`
		at15    = berlin + `, "time": {"hours": 15}}`
		settled = `"reply": {"sessionParameters": {"alternatives": null}`
		decided = `"reply": {"sessionParameters": {"appointment_to_cancel": null`
	)
	ended := func(kind intentgatev1.Platform, context string) string {
		if kind != es {
			return "}"
		}
		return `, "contexts": [{"name": "` + context + `"}]}`
	}
	for _, kind := range []intentgatev1.Platform{es, cx, program} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			shop := open(t, monday)
			yesOrNo := `, "reply": {}`
			if kind == es {
				yesOrNo = `, "reply": {"contexts": [{"name": "appointment-cancel-confirm", "lifespan": 2}]}`
			}
			for i, step := range []struct{ method, request, want string }{
				{"BookAppointment", booking("BERLIN", "2026-12-1", "14:00", "2", "en"), `{` + at14 + `, ` + settled + ended(kind, "book-offer") + `,
					"text": "We expect 2 people in Berlin on Tuesday, 1 December at 2 PM. The number of the appointment is 100001."}`},
				{"FindAppointment", `{"appointmentId": "100001", "language": "de"}`, `{` + at14 + `,
					"text": "Wir erwarten 2 Personen am Dienstag, dem 1. Dezember um 14 Uhr in Berlin. Die Nummer des Termins ist 100001."}`},
				{"RescheduleAppointment", `{"appointmentId": "100001", "newTime": {"hours": 15}}`, `{` + at15 + `, ` + settled + ended(kind, "reschedule-offer") + `,
					"text": "All right, we now expect 2 people in Berlin on Tuesday, 1 December at 3 PM."}`},
				{"CancelAppointment", `{"appointmentId": "100001"}`, `{"text": "Shall I cancel the appointment in Berlin on Tuesday, 1 December at 3 PM?",
					"appointmentToCancel": "100001"` + yesOrNo + `}`},
				{"KeepAppointment", `{"appointmentToCancel": "100001"}`, `{"text": "All right, we still expect 2 people on Tuesday, 1 December at 3 PM.",
					` + decided + `}` + ended(kind, "appointment-cancel-confirm") + `}`},
				{"ConfirmCancellation", `{"appointmentToCancel": "100001", "language": "deDE"}`, `{"text": "Erledigt: Der Termin am Dienstag, dem 1. Dezember um 15 Uhr ist abgesagt.",
					` + decided + `, "appointment_id": null}` + ended(kind, "appointment-cancel-confirm") + `}`},
			} {
				got, err := shop.ask(t, kind, "1."+strconv.Itoa(i), step.method, step.request)
				if err != nil {
					t.Fatalf("%s: %v", step.method, err)
				}
				if want := message(t, got.ProtoReflect().Descriptor(), step.want); !proto.Equal(got, want) {
					t.Errorf("%s\ngot  %s\nwant %s", step.method, protojson.Format(got), protojson.Format(want))
				}
			}
			if _, err := shop.ask(t, kind, "1.found", "FindAppointment", `{"appointmentId": "100001"}`); status.Code(err) != codes.NotFound {
				t.Errorf("what was cancelled: %v, want NOT_FOUND", err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	const forgotten = `{"sessionParameters": {"appointment_to_cancel": null}, "contexts": [{"name": "appointment-cancel-confirm"}]}`
	shop := open(t, monday)
	shop.must(t, es, "1.a", "BookAppointment", booking("LONDON", "2026-11-30", "12:00", "2", "en")) // 100001
	shop.must(t, es, "1.b", "BookAppointment", booking("BERLIN", "2026-12-15", "12:00", "2", "en")) // 100002
	shop.restart(t, monday.AddDate(0, 0, 1))
	for _, c := range []struct {
		method, request string
		want            codes.Code
		field, words    string
		reply           string
	}{
		{"FindAppointment", `{}`, codes.InvalidArgument, "appointment_id", "Which appointment do you mean?", ""},
		{"FindAppointment", `{"appointmentId": "1", "language": "de"}`, codes.NotFound, "appointment_id", "finde ich keinen Termin", ""},
		{"FindAppointment", `{"appointmentId": "100001"}`, codes.FailedPrecondition, "appointment_id", "has gone by", ""},
		{"RescheduleAppointment", `{"appointmentId": "9"}`, codes.NotFound, "appointment_id", "I can't find", ""},
		{
			"RescheduleAppointment", `{"appointmentId": "100002", "newDate": {"year": 2026, "month": 12, "day": 20}}`, codes.FailedPrecondition,
			"new_date", "On Sunday, 20 December we are closed. How about 21 December, 22 December or 23 December?",
			`{"name": "reschedule-offer", "lifespan": 3, "parameters": {"new_time": "12:00:00"}}`,
		},
		{
			"RescheduleAppointment", `{"appointmentId": "100002", "newTime": {"hours": 20}}`, codes.FailedPrecondition,
			"new_time", "from 10 AM to 5 PM. How about 3 PM, 4 PM or 5 PM?",
			`{"name": "reschedule-offer", "lifespan": 3, "parameters": {"new_date": "2026-12-15"}}`,
		},
		{"CancelAppointment", `{}`, codes.InvalidArgument, "appointment_id", "Which appointment", forgotten},
		{"CancelAppointment", `{"appointmentId": "100001"}`, codes.FailedPrecondition, "appointment_id", "has gone by", forgotten},
		{"ConfirmCancellation", `{"language": "de"}`, codes.InvalidArgument, "appointment_to_cancel", "Es gibt nichts zu bestätigen.", forgotten},
		{"ConfirmCancellation", `{"appointmentToCancel": "7"}`, codes.NotFound, "appointment_to_cancel", "I can't find", forgotten},
		{"KeepAppointment", `{}`, codes.InvalidArgument, "appointment_to_cancel", "nothing to confirm", forgotten},
	} {
		_, err := shop.ask(t, es, "1.c"+c.method+c.request, c.method, c.request)
		d := detailsOf(t, err)
		if status.Code(err) != c.want || d.field() != c.field || !strings.Contains(d.words.GetMessage(), c.words) ||
			(d.words.GetLocale() == "de") != strings.Contains(c.request, `"de"`) {
			t.Errorf("%s %s: got %v with %v, want %s for %s: %s", c.method, c.request, err, d, c.want, c.field, c.words)
		}
		got := d.reply
		if strings.HasPrefix(c.reply, `{"name"`) { // the contexts alone
			got, c.reply = &intentgatev1.Reply{Contexts: got.GetContexts()}, `{"contexts": [`+c.reply+`]}`
		}
		if c.reply == "" {
			if got != nil {
				t.Errorf("%s %s: changes %v", c.method, c.request, got)
			}
		} else if want := message(t, got.ProtoReflect().Descriptor(), c.reply); !proto.Equal(got, want) {
			t.Errorf("%s %s: changes %v, want %v", c.method, c.request, got, want)
		}
	}
	_, err := shop.ask(t, cx, "1.d", "RescheduleAppointment", `{"appointmentId": "100002"}`)
	if d := detailsOf(t, err); len(d.fields.GetFieldViolations()) != 2 || d.words.GetMessage() != "When would you like to come instead?" {
		t.Errorf("neither day nor time: got %v with %v", err, d)
	}
}

func TestFull(t *testing.T) {
	shop := open(t, monday)
	book := func(id, hour, people string) (string, string) {
		_, err := shop.ask(t, cx, "1."+id, "BookAppointment", booking("LONDON", "2026-12-5", hour, people, "en"))
		d := detailsOf(t, err)
		return d.field(), d.words.GetMessage()
	}
	for _, people := range []string{"5", "2"} {
		shop.must(t, cx, "1."+people, "BookAppointment", booking("LONDON", "2026-12-5", "12:00", people, "en"))
	}
	const want = "On Saturday, 5 December at 12 PM there is no room for 2 people any more. How about 10 AM, 11 AM or 1 PM?"
	if field, words := book("a", "12:00", "2"); field != "time" || words != want {
		t.Errorf("got %s: %s", field, words)
	}
	if field, words := book("b", "12:00", "1"); field != "" {
		t.Errorf("the last place: %s", words)
	}
	for _, hour := range []string{"10", "11", "13", "14", "15", "16"} {
		shop.must(t, cx, "1.at"+hour, "BookAppointment", booking("LONDON", "2026-12-5", hour+":00", "8", "en"))
	}
	const wantDay = "On Saturday, 5 December there is no room for one person any more. How about 7 December, 8 December or 9 December?"
	if field, words := book("c", "12:00", "1"); field != "date" || words != wantDay {
		t.Errorf("got %s: %s", field, words)
	}

	// An appointment's own seats are no obstacle to it, and those it leaves are free.
	move := func(id, number, hours string) error {
		_, err := shop.ask(t, cx, "1."+id, "RescheduleAppointment", `{"appointmentId": "`+number+`", "newTime": {"hours": `+hours+`}}`)
		return err
	}
	if err := move("d", "100001", "12"); err != nil { // 5 people, to where they are
		t.Error(err)
	}
	if err := move("e", "100001", "13"); detailsOf(t, err).field() != "new_time" {
		t.Errorf("to a full hour: %v", err)
	}
	shop.must(t, cx, "1.f", "ConfirmCancellation", `{"appointmentToCancel": "100001"}`)
	if field, words := book("g", "12:00", "5"); field != "" {
		t.Errorf("where five have cancelled: %s", words)
	}
}

// TestLastPlace has many ask for it at once.
func TestLastPlace(t *testing.T) {
	shop := open(t, monday)
	shop.must(t, cx, "1.a", "BookAppointment", booking("LONDON", "2026-12-1", "12:00", "7", "en"))
	var group sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		group.Go(func() {
			_, errs[i] = shop.ask(t, cx, "1.last"+strconv.Itoa(i), "BookAppointment", booking("LONDON", "2026-12-1", "12:00", "1", "en"))
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		switch status.Code(err) {
		case codes.OK:
			won++
		case codes.FailedPrecondition:
		default:
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d have it, want one", won)
	}
}

// TestOnce has one call tried again and again, and the service restarted in between.
func TestOnce(t *testing.T) {
	shop := open(t, monday)
	request := booking("LONDON", "2026-12-1", "12:00", "5", "en")
	first := shop.must(t, es, "1.a", "BookAppointment", request)
	if again := shop.must(t, es, "1.a", "BookAppointment", request); again != first {
		t.Errorf("the second try hears %q, the first heard %q", again, first)
	}
	shop.restart(t, monday.AddDate(0, 0, 30))
	if again := shop.must(t, es, "1.a", "BookAppointment", request); again != first {
		t.Errorf("after the restart: %q, want %q", again, first)
	}
	shop.restart(t, monday)
	if _, err := shop.ask(t, es, "1.b", "BookAppointment", request); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("another call: got %v, want that there is no room", err)
	}
	if found := shop.must(t, es, "1.c", "FindAppointment", `{"appointmentId": "100001"}`); found != first {
		t.Errorf("after the restart: %q, want %q", found, first)
	}
	// A refusal is no answer to keep.
	shop.must(t, es, "1.d", "ConfirmCancellation", `{"appointmentToCancel": "100001"}`)
	shop.must(t, es, "1.b", "BookAppointment", request)
	// A program is answered each time.
	small := booking("LONDON", "2026-12-2", "12:00", "1", "en")
	if one, other := shop.must(t, program, "", "BookAppointment", small), shop.must(t, program, "", "BookAppointment", small); one == other {
		t.Errorf("a program's second booking is its first: %s", one)
	}
}

// TestNobodyWaits has a call be answered that was given up already.
func TestNobodyWaits(t *testing.T) {
	service := appointments.New(appointments.Config{})
	if err := service.Open(filepath.Join(t.TempDir(), "a.db")); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := service.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithCancel(caller.NewContext(t.Context(), &caller.Call{RequestID: "1.a"}))
	cancel()
	req := &appointmentsv1.ConfirmCancellationRequest{}
	if _, err := service.ConfirmCancellation(ctx, req); status.Code(err) != codes.Canceled {
		t.Errorf("got %v, want CANCELLED", err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no store ", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	shop := open(t, monday)
	for file, want := range map[string]string{
		filepath.Join(dir, "none", "a.db"): "no such file",
		garbage:                            "invalid database",
		shop.file:                          "is locked: stop the process",
	} {
		if err := appointments.New(appointments.Config{}).Open(file); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// broken is a source of random numbers that has none.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("dry") }

// same is one that has always the same.
type same struct{}

func (same) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		random interface{ Read([]byte) (int, error) }
		want   string
	}{"broken": {broken{}, "dry"}, "all taken": {same{}, "none was free"}} {
		service := appointments.New(appointments.Config{Random: c.random, Now: monday.Local})
		if err := service.Open(filepath.Join(t.TempDir(), "a.db")); err != nil {
			t.Fatal(err)
		}
		request, ok := message(t, (&appointmentsv1.BookAppointmentRequest{}).ProtoReflect().Descriptor(),
			booking("BERLIN", "2026-12-1", "12:00", "1", "en")).(*appointmentsv1.BookAppointmentRequest)
		if !ok {
			t.Fatal("no request")
		}
		_, err := service.BookAppointment(t.Context(), request)
		if name == "all taken" {
			_, err = service.BookAppointment(t.Context(), request)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
		if err := service.Close(); err != nil {
			t.Error(err)
		}
	}
}
