package binding_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// FuzzAnswer holds what is read of a response's bytes against what protobuf's own parser and JSON make of them, where both
// take the bytes. Messages that have a form of Dialogflow's own are left to TestRememberedComesBack.
func FuzzAnswer(f *testing.F) {
	methods := map[bool]*typed{false: echo(f, dialogflow.ES), true: echo(f, dialogflow.CX)}
	answers := compile(f, "AnswersService.Answer", binding.Options{Platform: dialogflow.ES})
	input := methods[false].input
	for name, cases := range remembered {
		for _, c := range cases {
			f.Add(wireOf(f, input, fmt.Sprintf(`{%q: %s}`, input.Fields().ByName(protoreflect.Name(name)).JSONName(), c[0])), true)
		}
	}
	for seed := range uint64(20) {
		f.Add(randomWire(f, input, seed%2 == 0, seed), seed%2 == 0)
	}
	f.Add([]byte(raw{}.bytes(25, "\x00").bytes(8, "\x22\x00").bytes(7, "\x0a\x01a")), false)
	f.Fuzz(func(t *testing.T, response []byte, cx bool) {
		if answer, err := answers.Answer(response); err == nil && answer.Reply == nil {
			t.Error("neither a reply nor an error")
		}
		answer, err := methods[cx].Answer(response)
		if err != nil {
			t.Skip()
		}
		message, ok := reference(input, response)
		if !ok {
			t.Skip()
		}
		text, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(message)
		if err != nil {
			t.Skip() // such as a Timestamp beyond its years
		}
		want := map[string]any{}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&want); err != nil {
			t.Fatal(err)
		}
		got := answer.Reply.GetSessionParameters().AsMap()
		for i := range input.Fields().Len() {
			f := input.Fields().Get(i)
			name := string(f.Name())
			if name == "tree" || hasOwnForm(f.Message()) {
				continue
			}
			value, there := got[name]
			if wanted, wantedThere := want[name]; there != wantedThere || !means(value, wanted) {
				t.Errorf("%s: got %v (%v), want %v (%v)", name, value, there, wanted, wantedThere)
			}
		}
	})
}

// reference reads a message as protobuf's own parser does, which panics over some bytes that no encoder writes.
func reference(of protoreflect.MessageDescriptor, b []byte) (_ proto.Message, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	message := dynamicpb.NewMessage(of)
	return message, proto.Unmarshal(b, message) == nil
}

// hasOwnForm reports whether a message, or one within, is written in Dialogflow's way and not in protojson's, or told apart
// by names of parameters.
func hasOwnForm(message protoreflect.MessageDescriptor) bool {
	switch {
	case message == nil:
		return false
	case message.FullName() == "kinds.v1.Line" || message.FullName() == "intentgate.v1.Quantity":
		return true
	case message.ParentFile().Package() == "google.type":
		return true
	case message.ParentFile().Package() == "google.protobuf":
		return message.Name() == "Timestamp" || message.Name() == "Duration"
	}
	for i := range message.Fields().Len() {
		if hasOwnForm(message.Fields().Get(i).Message()) {
			return true
		}
	}
	return false
}

// means compares a parameter with what protojson made of it, which writes integers of 64 bits as texts.
func means(got, want any) bool {
	switch want := want.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(want.String(), 64)
		number, ok := got.(float64)
		return ok && err == nil && f == number
	case string:
		if number, ok := got.(float64); ok {
			return strconv.FormatFloat(number, 'f', -1, 64) == want && math.Abs(number) <= 1<<53
		}
		return got == want
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return false
		}
		for i := range want {
			if !means(list[i], want[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(object) != len(want) {
			return false
		}
		for name := range want {
			value, there := object[name]
			if !there || !means(value, want[name]) {
				return false
			}
		}
		return true
	default:
		return got == want
	}
}

// TestRememberedComesBack: whatever a response sets is read back by a request with fields of the same types.
func TestRememberedComesBack(t *testing.T) {
	for _, platform := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		method := echo(t, platform)
		for seed := range uint64(150) {
			wire := randomWire(t, method.input, platform == dialogflow.CX, seed)
			answer, err := method.Answer(wire)
			if err != nil {
				t.Fatal(err)
			}
			remembered, err := json.Marshal(parametersOf(t, method, platform, answer.Reply))
			if err != nil {
				t.Fatal(err)
			}
			call, err := method.Call(turnOf(t, platform, string(remembered)))
			if err != nil {
				t.Fatalf("%v, seed %d: %s: %v", platform, seed, remembered, err)
			}
			if got, want := method.decode(t, call.Request), method.decode(t, wire); !proto.Equal(got, want) {
				t.Errorf("%v, seed %d: %s is read as %v, want %v", platform, seed, remembered, got, want)
			}
		}
	}
}

// randomWire is a message in which every field has a value that comes back as it was.
func randomWire(tb testing.TB, of protoreflect.MessageDescriptor, cx bool, seed uint64) []byte {
	tb.Helper()
	r := random{rand.New(rand.NewPCG(seed, 1)), cx} //nolint:gosec // the same test for the same seed
	message := dynamicpb.NewMessage(of)
	for i := range of.Fields().Len() {
		if f := of.Fields().Get(i); f.Name() != "tree" && f.Name() != "line" && f.Name() != "null" && f.ContainingOneof() == nil {
			r.field(message, f)
		}
	}
	r.field(message, of.Oneofs().Get(0).Fields().Get(r.IntN(3)))
	wire, err := proto.Marshal(message)
	if err != nil {
		tb.Fatal(err)
	}
	return wire
}

type random struct {
	*rand.Rand

	cx bool
}

func (r random) field(m protoreflect.Message, f protoreflect.FieldDescriptor) {
	switch {
	case f.IsMap():
		for range r.IntN(4) {
			m.Mutable(f).Map().Set(r.scalar(f.MapKey()).MapKey(), r.value(f.MapValue(), m.NewField(f).Map().NewValue))
		}
	case f.IsList():
		list := m.Mutable(f).List()
		for range r.IntN(4) {
			list.Append(r.value(f, list.NewElement))
		}
	default:
		m.Set(f, r.value(f, func() protoreflect.Value { return m.NewField(f) }))
	}
}

func (r random) value(f protoreflect.FieldDescriptor, fresh func() protoreflect.Value) protoreflect.Value {
	if f.Message() == nil {
		return r.scalar(f)
	}
	value := fresh()
	m := value.Message()
	if text := r.known(f.Message().FullName()); text != "" {
		if err := protojson.Unmarshal([]byte(text), m.Interface()); err != nil {
			panic(text + ": " + err.Error())
		}
		return value
	}
	for i := range f.Message().Fields().Len() {
		r.field(m, f.Message().Fields().Get(i))
	}
	return value
}

// known is a message that has a form of its own, as protojson.
func (r random) known(name protoreflect.FullName) string {
	at := time.Unix(r.Int64N(4e9)-1e9, 0).UTC() // 1938 to 2065
	if hour := at.In(r.berlin()); hour.Hour() == 2 || hour.Hour() == 3 || hour.Hour() == 1 {
		at = at.Add(6 * time.Hour) // far from hours that are twice
	}
	day := fmt.Sprintf(`"year": %d, "month": %d, "day": %d`, at.Year(), at.Month(), at.Day())
	clock := fmt.Sprintf(`"hours": %d, "minutes": %d, "seconds": %d, "nanos": %d`, at.Hour(), at.Minute(), at.Second(), r.IntN(1e9))
	units, nanos := r.Int64N(1e15), r.IntN(1e9)
	if r.IntN(2) == 0 {
		units, nanos = -units, -nanos
	}
	switch name {
	case "google.protobuf.Struct":
		return `{"a": [1, "x", null, {"b": ` + strconv.Itoa(r.IntN(9)) + `}], "` + r.word() + `": "` + r.word() + `"}`
	case "google.protobuf.Value":
		return []string{`"` + r.word() + `"`, `7.5`, `[true, null]`, `{"a": ""}`, `false`}[r.IntN(5)]
	case "google.protobuf.ListValue":
		return `[1, "", null, {"a": ["` + r.word() + `"]}]`
	case "google.protobuf.Timestamp":
		return `"` + at.Add(time.Duration(r.IntN(1e9))).Format(time.RFC3339Nano) + `"`
	case "google.protobuf.Duration":
		return fmt.Sprintf(`"%d.%09ds"`, r.IntN(1e9), r.IntN(1e9))
	case "google.type.Date":
		return `{` + day + `}`
	case "google.type.TimeOfDay":
		return `{` + clock + `}`
	case "google.type.DateTime": // the platforms tell zones in their own ways
		if r.cx {
			return `{` + day + `, ` + clock + `, "timeZone": {"id": "Europe/Berlin"}}`
		}
		return fmt.Sprintf(`{%s, %s, "utcOffset": "%ds"}`, day, clock, (r.IntN(100)-50)*900)
	case "google.type.Interval":
		return fmt.Sprintf(`{"startTime": %q, "endTime": %q}`, at.Format(time.RFC3339), at.Add(time.Duration(r.IntN(100))*24*time.Hour).Format(time.RFC3339))
	case "google.type.Money":
		return fmt.Sprintf(`{"currencyCode": "EUR", "units": "%d", "nanos": %d}`, units, nanos)
	case "google.type.LatLng":
		return fmt.Sprintf(`{"latitude": %v, "longitude": %v}`, r.Float64()*180-90, r.Float64()*360-180)
	case "google.type.PostalAddress":
		return fmt.Sprintf(`{"organization": %q, "addressLines": [%q], "postalCode": %q, "locality": %q, "administrativeArea": "BE", "sublocality": %q, "regionCode": "DE"}`, r.word(), r.word(), r.word(), r.word(), r.word())
	case "intentgate.v1.Quantity":
		return fmt.Sprintf(`{"amount": "%d.5%d5", "unit": %q}`, units, r.IntN(1e9), r.word())
	default:
		return ""
	}
}

func (r random) berlin() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}

// word is a text that is no number and not empty.
func (r random) word() string {
	letters := []rune("abcäöü日本 .-_@")
	word := []rune{'w'}
	for range r.IntN(8) {
		word = append(word, letters[r.IntN(len(letters))])
	}
	return string(word)
}

func (r random) scalar(f protoreflect.FieldDescriptor) protoreflect.Value {
	bits := r.Uint64() >> r.IntN(64)
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(bits%2 == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(f.Enum().Values().Get(r.IntN(f.Enum().Values().Len())).Number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(bits)) //nolint:gosec // any will do
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(bits)) //nolint:gosec // any will do
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(bits)) //nolint:gosec // any will do
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(bits)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(r.NormFloat64()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(r.NormFloat64() * math.Pow10(r.IntN(600)-300))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(r.word()))
	default:
		return protoreflect.ValueOfString(r.word())
	}
}
