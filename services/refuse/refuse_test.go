package refuse_test

import (
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/refuse"
)

func TestWith(t *testing.T) {
	var none *intentgatev1.Reply
	for name, c := range map[string]struct {
		details []proto.Message
		want    []proto.Message
	}{
		"nothing said": {nil, nil},
		"all of it": {
			[]proto.Message{
				refuse.Field("time", "full"), refuse.Saying("en", "We are full."), refuse.Saying("de", "Wir sind ausgebucht."),
				refuse.Field("items[0].quantity", "too many"), &intentgatev1.Reply{Texts: []string{"How about three?"}},
			},
			[]proto.Message{
				&errdetails.LocalizedMessage{Locale: "en", Message: "We are full."},
				&errdetails.LocalizedMessage{Locale: "de", Message: "Wir sind ausgebucht."},
				&intentgatev1.Reply{Texts: []string{"How about three?"}},
				&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
					{Field: "time", Description: "full"}, {Field: "items[0].quantity", Description: "too many"},
				}},
			},
		},
		"nil on a condition":      {[]proto.Message{none, nil, refuse.Saying("en", "No.")}, []proto.Message{refuse.Saying("en", "No.")}},
		"what cannot be told":     {[]proto.Message{refuse.Saying("en", "\xff")}, nil},
		"a BadRequest of nothing": {[]proto.Message{&errdetails.BadRequest{}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := status.Convert(refuse.With(codes.FailedPrecondition, "the slot is full", c.details...))
			if got.Code() != codes.FailedPrecondition || got.Message() != "the slot is full" || len(got.Details()) != len(c.want) {
				t.Fatalf("got %v with %v, want %v", got, got.Details(), c.want)
			}
			for i, detail := range got.Details() {
				if message, ok := detail.(proto.Message); !ok || !proto.Equal(message, c.want[i]) {
					t.Errorf("detail %d is %v, want %s", i, detail, prototext.Format(c.want[i]))
				}
			}
		})
	}
}

// TestGivenIsLeftAlone has one detail in two refusals.
func TestGivenIsLeftAlone(t *testing.T) {
	field := refuse.Field("date", "closed")
	for range 2 {
		refusal := status.Convert(refuse.With(codes.InvalidArgument, "", field, refuse.Field("time", "closed")))
		if bad, ok := refusal.Details()[0].(*errdetails.BadRequest); !ok || len(bad.GetFieldViolations()) != 2 || len(field.GetFieldViolations()) != 1 {
			t.Errorf("got %v of %v", refusal.Details(), field)
		}
	}
}
