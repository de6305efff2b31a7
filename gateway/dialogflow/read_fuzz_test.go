package dialogflow_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

func FuzzReadES(f *testing.F) {
	fuzzRead(f, dialogflow.ES, new(dialogflowpb.WebhookRequest), func(c *comparison, m proto.Message) {
		c.es(m.(*dialogflowpb.WebhookRequest)) //nolint:errcheck // it is one
	})
}

func FuzzReadCX(f *testing.F) {
	fuzzRead(f, dialogflow.CX, new(cxpb.WebhookRequest), func(c *comparison, m proto.Message) {
		c.cx(m.(*cxpb.WebhookRequest)) //nolint:errcheck // it is one
	})
}

// stricter are parts of the problems for which Read refuses what protobuf's reader takes.
var stricter = []string{
	"stands twice in one object, wanted it once",                                                 // a field that protobuf's reader does not know
	"missing or empty, wanted", "wanted a name such as", "names neither an intent nor an action", // it is no turn
	"nested deeper than",
	"in number (expecting digit)", // protobuf's reader takes 1e for 1
	`wanted a number, saw the text "NaN"`, `wanted a number, saw the text "Infinity"`, `wanted a number, saw the text "-Infinity"`,
}

// fuzzRead holds Read against protobuf's own reader. What both accept means the same. What only Read accepts is
// accepted by both once the liberties it takes are written out (see canonical). What only protobuf's reader accepts
// breaks one of the stricter rules.
func fuzzRead(f *testing.F, platform dialogflow.Platform, request proto.Message, compare func(*comparison, proto.Message)) {
	recorded(f, func(_ string, p dialogflow.Platform, _ bool, body []byte) {
		if p == platform {
			f.Add(body)
		}
	})
	lenient := protojson.UnmarshalOptions{DiscardUnknown: true}
	f.Fuzz(func(t *testing.T, body []byte) {
		m := request.ProtoReflect().New().Interface()
		protoErr := lenient.Unmarshal(body, m)
		turn, err := dialogflow.Read(platform, body)
		if err != nil {
			se := (*dialogflow.SyntaxError)(nil)
			if !errors.As(err, &se) {
				t.Fatalf("got %T, want a *SyntaxError: %v", err, err)
			}
			if len(se.Error()) > 1500 || strings.ContainsFunc(se.Error(), func(c rune) bool { return c < ' ' }) {
				t.Errorf("error is long or has control characters: %q", se.Error())
			}
			if protoErr == nil && !slices.ContainsFunc(stricter, func(rule string) bool {
				return strings.Contains(se.Problem, rule)
			}) {
				t.Errorf("refused though protobuf's reader accepts it: %v", err)
			}
			return
		}
		if protoErr != nil {
			plain := canonical(t, request.ProtoReflect().Descriptor(), body)
			if bytes.Equal(plain, body) {
				t.Fatalf("accepted though protobuf's reader refuses it: %v", protoErr)
			}
			m = request.ProtoReflect().New().Interface()
			if err := lenient.Unmarshal(plain, m); err != nil {
				t.Fatalf("accepted though protobuf's reader refuses it (%v), and without the liberties too: %v\n%s", protoErr, err, plain)
			}
		}
		compare(&comparison{t: t, turn: turn, exact: protoErr == nil}, m)
	})
}
