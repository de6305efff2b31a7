package binding_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// FuzzTypedCall: whatever the reader takes for parameters becomes a request that protobuf reads, or is refused. Where
// protojson takes a parameter for the field of its name too, both mean the same.
func FuzzTypedCall(f *testing.F) {
	for _, cases := range []map[string][][2]string{kinds, times} {
		for field, values := range cases {
			for _, value := range values {
				f.Add(fmt.Sprintf(`{%q: %s}`, field, value[0]))
			}
		}
	}
	f.Add(returnOrder)
	f.Add(`{"date": {"year": 2026, "month": 11, "day": 22}, "interval": {"startTime": "2026-11-22T12:00:00Z", "endTime": "2026-11-22T12:00:00.5Z"}}`)
	f.Add(`{"day": "2026-11-22T12:00:00Z", "time": "15:30", "line1": ["a"], "line2": {"name": "b"}, "start-date": {"year": 2026}, "price": "1", "coin": "eur"}`)
	type on struct {
		platform dialogflow.Platform
		methods  []*typed
	}
	var all []on
	for _, platform := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		options := binding.Options{Platform: platform, TimeZone: berlin(f)}
		var methods []*typed
		for _, name := range []string{"KindsService.Kinds", "KindsService.Origins", "KindsService.Joins", "KindsService.Whole", "LegacyService.Legacy", "EditionService.Edition"} {
			methods = append(methods, compile(f, name, options))
		}
		all = append(all, on{platform, methods})
	}
	reference := compile(f, "KindsService.Kinds", binding.Options{Platform: dialogflow.ES})

	f.Fuzz(func(t *testing.T, parameters string) {
		unread := new(dialogflow.Turn) // what a turn holds that was not read is not trusted to be JSON
		for _, name := range []string{"string", "items", "tree", "labels", "by_flag", "struct", "list", "date", "interval", "money", "address", "quantity", "size"} {
			unread.Parameters = append(unread.Parameters[:0], dialogflow.Parameter{Name: name, Value: dialogflow.Value(parameters)})
			if call, err := reference.Call(unread); err == nil {
				reference.decode(t, call.Request)
			}
		}
		body := `{"session": "projects/p/agent/sessions/s", "queryResult": {"intent": {"displayName": "kinds"}, "parameters": ` + parameters + `}}`
		if _, err := dialogflow.Read(dialogflow.ES, []byte(body)); err != nil || !strings.HasPrefix(parameters, "{") {
			t.Skip()
		}
		for _, on := range all {
			turn := turnOf(t, on.platform, parameters)
			for _, m := range on.methods {
				call, err := m.Call(turn)
				if err != nil {
					continue
				}
				m.decode(t, call.Request)
				if hasTurn := m.input.Fields().ByName("turn") != nil; !hasTurn && !bytes.Equal(call.Request, call.Hashed) {
					t.Errorf("%s hashes something else", m.Name)
				}
			}
		}
		for _, p := range turnOf(t, dialogflow.ES, parameters).Parameters {
			compare(t, reference, p)
		}
	})
}

// FuzzRules: whatever is said, a request is sent if and only if protovalidate has nothing against it.
func FuzzRules(f *testing.F) {
	for _, seed := range []string{
		fine, `{}`, `{"order_id": "A-1", "address": "here", "articles": [{"sku": "aa", "quantity": 0}, {"sku": "aa"}], "number": -1}`,
		`{"order_id": "A-1042", "phone": "1234", "labels": {"aaaa": 0, "b": 1}, "at": "2026-11-22T11:00:00Z", "lasting": {"amount": 2, "unit": "h"}, "pin": "123456"}`,
		`{"order_id": "A-1042", "phone": "1234", "tree": {"name": "bad", "nodes": [{"left": {"name": "bad"}}]}, "words": ["a", "no", "no"], "share": "NaN", "day": {"year": 1}}`,
		`{"order_id": "A-1042", "phone": "1234", "plate": "b", "initials": "é", "nickname": "x", "secret": {"word": "a"}, "note": "", "email": "a@b", "count": 7}`,
	} {
		f.Add(seed)
	}
	method := ruled(f, "Ruled", dialogflow.ES)
	own := new(protoregistry.Types)
	for _, name := range []protoreflect.FullName{"kinds.v1.shouted", "kinds.v1.like"} {
		found, err := descriptors(f).FindDescriptorByName(name)
		extension, ok := found.(protoreflect.ExtensionDescriptor)
		if err != nil || !ok || own.RegisterExtension(dynamicpb.NewExtensionType(extension)) != nil {
			f.Fatalf("%s is a %T: %v", name, found, err)
		}
	}
	reference, err := protovalidate.New(protovalidate.WithExtensionTypeResolver(own), protovalidate.WithNowFunc(func() *timestamppb.Timestamp { return timestamppb.New(noon) }))
	if err != nil {
		f.Fatal(err)
	}
	// The same method without its rules tells what would be sent.
	bare := &typed{binding.WithoutRules(method.Method), method.input}
	f.Fuzz(func(t *testing.T, parameters string) {
		body := `{"session": "projects/p/agent/sessions/s", "queryResult": {"intent": {"displayName": "kinds"}, "parameters": ` + parameters + `}}`
		if _, err := dialogflow.Read(dialogflow.ES, []byte(body)); err != nil || !strings.HasPrefix(parameters, "{") {
			t.Skip()
		}
		turn := turnOf(t, dialogflow.ES, parameters)
		call, err := bare.Call(turn)
		if err != nil {
			if _, err := method.Call(turn); err == nil {
				t.Errorf("%s: does not fit without rules, and fits with them", parameters)
			}
			return
		}
		want := reference.Validate(bare.decode(t, call.Request))
		if invalid, ok := errors.AsType[*protovalidate.ValidationError](want); want != nil && !ok {
			t.Fatal(invalid, want)
		}
		got, err := method.Call(turn)
		if violation(err).Rule == "size" {
			return
		}
		if (err == nil) != (want == nil) || err == nil && !bytes.Equal(got.Request, call.Request) {
			t.Errorf("%s: got %v, protovalidate says %v", parameters, err, want)
		}
	})
}

// compare gives one parameter to the method and to protojson, without what is not filled, which protojson takes for
// empty or refuses.
func compare(t *testing.T, m *typed, p dialogflow.Parameter) {
	t.Helper()
	field := m.input.Fields().ByName(protoreflect.Name(p.Name))
	if field == nil {
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(p.Value))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	if value = filled(value); value == nil {
		return
	}
	if field.Message() != nil && strings.Contains("Struct Value ListValue", string(field.Message().Name())) && !doubles(value) {
		return // protojson loses digits
	}
	text, err := json.Marshal(map[string]any{p.Name: value})
	if err != nil {
		t.Fatal(err)
	}
	want := dynamicpb.NewMessage(m.input)
	call, err := m.Call(turnOf(t, dialogflow.ES, string(text)))
	if err != nil || protojson.Unmarshal(text, want) != nil {
		return
	}
	if got := m.decode(t, call.Request); !proto.Equal(got, want) {
		t.Errorf("%s: got %v, protojson says %v", text, got, want)
	}
}

// filled returns a value without the parts that have none, nil if that is all of it. The offset and the zone of a
// DateTime are taken from its text only.
func filled(value any) any {
	switch value := value.(type) {
	case string:
		if value == "" {
			return nil
		}
	case []any:
		for i := range value {
			value[i] = filled(value[i])
		}
		if value = slices.DeleteFunc(value, func(v any) bool { return v == nil }); len(value) == 0 {
			return nil
		}
		return value
	case map[string]any:
		for _, name := range []string{"utcOffset", "utc_offset", "timeZone", "time_zone"} {
			delete(value, name)
		}
		for name := range value {
			if value[name] = filled(value[name]); value[name] == nil {
				delete(value, name)
			}
		}
		if len(value) == 0 {
			return nil
		}
	}
	return value
}

// doubles reports whether a double holds each number.
func doubles(value any) bool {
	switch value := value.(type) {
	case json.Number:
		return len(value) < 16 && !strings.ContainsAny(value.String(), "eE")
	case []any:
		return !slices.ContainsFunc(value, func(v any) bool { return !doubles(v) })
	case map[string]any:
		for _, v := range value {
			if !doubles(v) {
				return false
			}
		}
	}
	return true
}
