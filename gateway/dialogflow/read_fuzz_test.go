package dialogflow_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// A canon is how protobuf's own reader has a platform's request.
type canon struct {
	platform dialogflow.Platform
	request  proto.Message
	compare  func(*comparison, proto.Message)
}

var (
	esCanon = canon{dialogflow.ES, new(dialogflowpb.WebhookRequest), func(c *comparison, m proto.Message) {
		c.es(m.(*dialogflowpb.WebhookRequest)) //nolint:errcheck // it is one
	}}
	cxCanon = canon{dialogflow.CX, new(cxpb.WebhookRequest), func(c *comparison, m proto.Message) {
		c.cx(m.(*cxpb.WebhookRequest)) //nolint:errcheck // it is one
	}}
)

func FuzzReadES(f *testing.F) { esCanon.fuzz(f) }
func FuzzReadCX(f *testing.F) { cxCanon.fuzz(f) }

func (c canon) fuzz(f *testing.F) {
	f.Helper()
	recorded(f, func(_ string, p dialogflow.Platform, _ bool, body []byte) {
		if p == c.platform {
			f.Add(body)
		}
	})
	f.Fuzz(c.hold)
}

// TestReadOddValues puts odd values in the place of every value of the fullest recorded bodies, one at a time: what
// blind mutation seldom meets.
func TestReadOddValues(t *testing.T) {
	odd := []string{
		`null`, `nul`, `true`, `"true"`, `7`, `7.0`, `7.5`, `-1`, `-`, `07`, `1e+`, `12345678901`, `1e39`, `1e999`,
		`"7"`, `"7.0"`, `" 7"`, `"7 "`, `"1e"`, `"NaN"`, `""`, `"x"`, `"\u00e9\ud83d"`, `"\x"`, "\"\n\"", `"SLACK"`, `"FILLED"`,
		`{}`, `{"x": 1}`, `{"x": 1, "x": 1}`, `{"x": 1,}`, `{"x"}`, `{"text": "x"}`, `{"text": ["x"]}`, `{"x": {"x": []}}`,
		`[]`, `[ ]`, `[,]`, `[1,]`, `[1 1]`, `[null]`, `[[]]`, `[{}]`, `[""]`, `["x"]`, `[1e999]`, `[{"text": {}, "payload": {}}]`,
	}
	recorded(t, func(name string, p dialogflow.Platform, good bool, body []byte) {
		if !good || !strings.HasSuffix(name, "-everything") {
			return
		}
		c := esCanon
		if p == dialogflow.CX {
			c = cxCanon
		}
		t.Run(name, func(t *testing.T) {
			dec := jsontext.NewDecoder(bytes.NewReader(body))
			for {
				rest := bytes.TrimLeft(body[dec.InputOffset():], " \n:,")
				token, err := dec.ReadToken()
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				in, n := dec.StackIndex(dec.StackDepth())
				if k := token.Kind(); k == jsontext.KindEndObject || k == jsontext.KindEndArray || in == jsontext.KindBeginObject && n%2 == 1 {
					continue // no value, or a name
				}
				value, err := jsontext.NewDecoder(bytes.NewReader(rest)).ReadValue()
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range odd {
					c.hold(t, slices.Concat(body[:len(body)-len(rest)], []byte(v), rest[len(value):]))
				}
				if t.Failed() {
					t.Fatalf("with odd values for %s", dec.StackPointer())
				}
			}
		})
	})
}

// syntactic are the beginnings of the problems of bodies that are not one JSON value of one meaning.
var syntactic = []string{
	"not JSON", "stands twice in one object", "goes on after its end", "ends at byte", "empty, wanted", "begins with a byte order mark",
}

// stricter are parts of the problems for which Read refuses what protobuf's reader takes.
var stricter = []string{
	"stands twice in one object, wanted it once",                                                 // a field that protobuf's reader does not know
	"missing or empty, wanted", "wanted a name such as", "names neither an intent nor an action", // it is no turn
	"nested deeper than",
	"in number (expecting digit)", // protobuf's reader takes 1e for 1
	"wanted a finite number",
}

// hold holds Read against the JSON library and against protobuf's own reader. What all accept means the same. What
// only Read accepts protobuf's reader accepts too, once the liberties that Read takes are written out (see canonical).
// What only protobuf's reader accepts breaks one of the stricter rules.
func (c canon) hold(t *testing.T, body []byte) {
	t.Helper()
	lenient := protojson.UnmarshalOptions{DiscardUnknown: true}
	m := c.request.ProtoReflect().New().Interface()
	protoErr := lenient.Unmarshal(body, m)
	valid := jsontext.Value(body).IsValid() // which includes that no name comes twice
	turn, err := dialogflow.Read(c.platform, body)
	if err != nil {
		se := (*dialogflow.SyntaxError)(nil)
		if !errors.As(err, &se) {
			t.Fatalf("got %T, want a *SyntaxError: %v", err, err)
		}
		if len(se.Error()) > 1500 || strings.ContainsFunc(se.Error(), func(c rune) bool { return c < ' ' }) {
			t.Errorf("error is long or has control characters: %q", se.Error())
		}
		if valid && slices.ContainsFunc(syntactic, func(rule string) bool { return strings.HasPrefix(se.Problem, rule) }) {
			t.Errorf("refused though jsontext accepts it: %v", err)
		}
		if protoErr == nil && !slices.ContainsFunc(stricter, func(rule string) bool { return strings.Contains(se.Problem, rule) }) {
			t.Errorf("refused though protobuf's reader accepts it: %v", err)
		}
		return
	}
	if !valid {
		t.Error("accepted though jsontext refuses it")
	}
	if protoErr != nil {
		plain := canonical(t, c.request.ProtoReflect().Descriptor(), body)
		m = c.request.ProtoReflect().New().Interface()
		if err := lenient.Unmarshal(plain, m); err != nil {
			t.Fatalf("accepted though protobuf's reader refuses it (%v), and without the liberties too: %v\n%s", protoErr, err, plain)
		}
	}
	c.compare(&comparison{t: t, turn: turn, exact: protoErr == nil}, m)
}
