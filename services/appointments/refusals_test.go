package appointments_test

import (
	"testing"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// details are those of a refusal; each but the violations is there at most once.
type details struct {
	words      *errdetails.LocalizedMessage
	fields     *errdetails.BadRequest
	reply      *intentgatev1.Reply
	violations *validate.Violations
}

func detailsOf(t *testing.T, err error) details {
	t.Helper()
	var d details
	for _, detail := range status.Convert(err).Details() {
		switch one := detail.(type) {
		case *errdetails.LocalizedMessage:
			d.words = one
		case *errdetails.BadRequest:
			d.fields = one
		case *intentgatev1.Reply:
			d.reply = one
		case *validate.Violations:
			d.violations = one
		default:
			t.Errorf("a detail is %T: %v", detail, detail)
		}
	}
	return d
}

// field returns the only field at fault, or nothing.
func (d details) field() string {
	if violations := d.fields.GetFieldViolations(); len(violations) == 1 {
		return violations[0].GetField()
	}
	return ""
}

func TestWhatCannotBeHad(t *testing.T) {
	for name, c := range map[string]struct {
		request, field, words string
	}{
		"a Sunday": {
			booking("BERLIN", "2026-12-6", "14:00", "2", "en"), "date",
			"On Sunday, 6 December we are closed. How about 7 December, 8 December or 9 December?",
		},
		"a holiday, and a weekend behind it": {
			booking("LONDON", "2026-12-25", "14:00", "2", "de-AT"), "date",
			"Am Freitag, dem 25. Dezember haben wir geschlossen. Wie wäre es mit dem 28. Dezember, 29. Dezember oder 30. Dezember?",
		},
		"a Friday, and on Saturday it would be too late": {
			booking("BERLIN", "2027-1-1", "17:00", "2", "en"), "date",
			"On Friday, 1 January we are closed. How about 4 January, 5 January or 6 January?",
		},
		"a Sunday, at a time that no day has": {
			booking("BERLIN", "2026-12-6", "22:00", "2", "en"), "date", "On Sunday, 6 December we are closed.",
		},
		"a day that has gone by": {
			booking("LONDON", "2026-11-27", "14:00", "2", "en"), "date", "That has gone by already. How about 30 November, 1 December or 2 December?",
		},
		"a day that is too far": {
			booking("LONDON", "2027-1-30", "14:00", "2", "de"), "date", "Termine vergeben wir für die nächsten 60 Tage.",
		},
		"an early hour": {
			booking("BERLIN", "2026-12-1", "06:00", "2", "en"), "time",
			"On Tuesday, 1 December people can come to Berlin on the hour from 10 AM to 5 PM. How about 10 AM, 11 AM or 12 PM?",
		},
		"a late hour of a Saturday": {
			booking("BERLIN", "2026-12-5", "17:00", "2", "de"), "time",
			"Am Samstag, dem 5. Dezember können Sie in Berlin zur vollen Stunde von 10 Uhr bis 14 Uhr kommen. Wie wäre es um 12 Uhr, 13 Uhr oder 14 Uhr?",
		},
		"half an hour": {
			booking("LONDON", "2026-12-1", "14:30", "2", "en"), "time",
			"On Tuesday, 1 December people can come to London on the hour from 9 AM to 5 PM. How about 1 PM, 2 PM or 3 PM?",
		},
		"an hour that has gone by in Berlin, not in London": {
			booking("BERLIN", "2026-11-30", "10:00", "2", "en"), "time", "That has gone by already. How about 11 AM, 12 PM or 1 PM?",
		},
		"no day of the calendar": {
			`{"branch": "BRANCH_BERLIN", "date": {"year": 2027, "month": 2, "day": 30}, "time": {"hours": 14}, "people": 1}`,
			"date", "There is no such day or time.",
		},
		"a day without its year": {
			`{"branch": "BRANCH_BERLIN", "date": {"month": 12, "day": 1}, "time": {"hours": 14}, "people": 1}`, "date", "There is no such day or time.",
		},
		"no time of a clock": {
			`{"branch": "BRANCH_BERLIN", "date": {"year": 2026, "month": 12, "day": 1}, "time": {"hours": 24}, "people": 1}`, "date", "There is no such day or time.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, monday).ask(t, cx, "1.a", "BookAppointment", c.request)
			d := detailsOf(t, err)
			if status.Code(err) != codes.FailedPrecondition || d.words.GetMessage() != c.words || d.field() != c.field {
				t.Errorf("got %v\n     %v, field %s,\nwant %q, field %s", err, d.words, d.field(), c.words, c.field)
			}
		})
	}
}

func TestZonesAndHolidaysAreTheBranchs(t *testing.T) {
	shop := open(t, monday)
	shop.must(t, cx, "1.a", "BookAppointment", booking("LONDON", "2026-11-30", "10:00", "2", "en"))

	september := open(t, time.Date(2026, time.September, 28, 9, 0, 0, 0, time.UTC))
	saturday := func(branch string) string { return booking(branch, "2026-10-3", "14:00", "2", "en") }
	september.must(t, cx, "1.a", "BookAppointment", saturday("LONDON"))
	if _, err := september.ask(t, cx, "1.b", "BookAppointment", saturday("BERLIN")); detailsOf(t, err).field() != "date" {
		t.Errorf("got %v, want that Berlin is closed on the 3rd of October", err)
	}

	// In Berlin it is the 1st already.
	midnight := open(t, time.Date(2026, time.November, 30, 23, 30, 0, 0, time.UTC))
	_, err := midnight.ask(t, cx, "1.a", "BookAppointment", booking("BERLIN", "2026-11-30", "17:00", "2", "en"))
	if d := detailsOf(t, err); d.field() != "date" {
		t.Errorf("got %v with %v, want that the day has gone by", err, d)
	}
}

// TestOffers has each kind of caller told what can be had instead.
func TestOffers(t *testing.T) {
	const (
		chips = `{"platform": "PLATFORM_CX", "payload": {"richContent": [[{"type": "chips", "options": [
			{"text": "7 December"}, {"text": "8 December"}, {"text": "9 December"}]}]]}}`
		quickReplies = `{"platform": "PLATFORM_ES", "quickReplies": {"replies": ["7 December", "8 December", "9 December"]}}`
		alternatives = `"sessionParameters": {"alternatives": ["7 December", "8 December", "9 December"]}`
		said         = `{"name": "book-offer", "lifespan": 3, "parameters": {"branch": "London", "people": 2, "time": "14:00:00"}}`
	)
	for name, c := range map[string]struct {
		kind intentgatev1.Platform
		want string
	}{
		"ES, which keeps what was said": {es, `{"messages": [` + quickReplies + `, ` + chips + `], ` + alternatives + `, "contexts": [` + said + `]}`},
		"CX":                            {cx, `{"messages": [` + quickReplies + `, ` + chips + `], ` + alternatives + `}`},
		"a program":                     {program, `{"messages": [` + quickReplies + `, ` + chips + `], ` + alternatives + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, monday).ask(t, c.kind, "1.a", "BookAppointment", booking("LONDON", "2026-12-6", "14:00", "2", "en"))
			got, want := detailsOf(t, err).reply, &intentgatev1.Reply{}
			if err := protojson.Unmarshal([]byte(c.want), want); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", protojson.Format(got), protojson.Format(want))
			}
		})
	}
}

func TestRules(t *testing.T) {
	shop := open(t, monday)
	for field, request := range map[string]string{
		"people": booking("BERLIN", "2026-12-1", "14:00", "9", "en"),
		"branch": booking("UNSPECIFIED", "2026-12-1", "14:00", "2", "en"),
		"date":   `{"branch": "BRANCH_BERLIN", "time": {"hours": 14}, "people": 1}`,
		"time":   `{"branch": "BRANCH_BERLIN", "date": {"year": 2026, "month": 12, "day": 1}, "people": 1}`,
	} {
		_, err := shop.ask(t, program, "", "BookAppointment", request)
		violations := detailsOf(t, err).violations.GetViolations()
		if status.Code(err) != codes.InvalidArgument || len(violations) != 1 || protovalidate.FieldPathString(violations[0].GetField()) != field {
			t.Errorf("got %v with %v, want INVALID_ARGUMENT for %s", err, violations, field)
		}
	}
	for _, people := range []string{"-1", "0", "256"} {
		if _, err := shop.ask(t, es, "1."+people, "BookAppointment", booking("BERLIN", "2026-12-1", "14:00", people, "en")); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s people: got %v, want INVALID_ARGUMENT", people, err)
		}
	}
}
