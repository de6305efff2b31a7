package binding_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// problems are those of compiling, by element.
func problems(t *testing.T, err error) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %v, want joined errors", err)
	}
	for _, err := range joined.Unwrap() {
		problem := new(binding.CompileError)
		if !errors.As(err, &problem) || problem.Remedy == "" {
			t.Fatalf("got %v, want a CompileError with a remedy", err)
		}
		all[problem.Element] = append(all[problem.Element], problem.Problem)
	}
	return all
}

func TestCompileRefuses(t *testing.T) {
	_, err := binding.Compile(descriptor(t, "RefusedService.Refused"), binding.Options{Platform: dialogflow.ES})
	got := problems(t, err)
	for element, want := range map[string][]string{
		"RefusedService":             {"is no name of a context", "-1 turns"},
		"RefusedService.Refused":     {"streams"},
		"RefusedRequest.grouped":     {"group"},
		"RefusedRequest.two_origins": {"parameter and payload"},
		"RefusedRequest.joined_text": {"not made of several"}, "RefusedRequest.joined_date": {"not made of several"},
		"RefusedRequest.joined_once":     {"names one parameter"},
		"RefusedRequest.joined_thrice":   {"names 3 parameters"},
		"RefusedRequest.placed":          {"no parameter"},
		"RefusedRequest.nowhere":         {"FROM_UNSPECIFIED"},
		"RefusedRequest.Nested.language": {"within a nested message"},
		"RefusedRequest.Nested.context":  {"within a nested message"},
		"RefusedRequest.Nested.turn":     {"only a field of the request itself"},
		"DOUBLED_TWO":                    {"another value"},
		"RefusedRequest.turn_again":      {"the whole turn already"},
		"RefusedRequest.turns":           {"the whole turn is one"},
		"RefusedRequest.named_turn":      {"the whole turn already"},
		"InstantsRequest.timestamps":     nil,
	} {
		element = "refused.proto: kinds.v1." + element
		if len(got[element]) != len(want) {
			t.Errorf("%s: got %q, want %d problems", element, got[element], len(want))
			continue
		}
		for i := range want {
			if !strings.Contains(got[element][i], want[i]) {
				t.Errorf("%s: got %q, want %q", element, got[element][i], want[i])
			}
		}
		delete(got, element)
	}
	if len(got) > 0 {
		t.Errorf("problems of others: %q", got)
	}
}

// On CX nothing tells the zone of a time but the webhook.
func TestCompileRefusesInstantsWithoutZone(t *testing.T) {
	instants := descriptor(t, "RefusedService.Instants")
	_, err := binding.Compile(instants, binding.Options{Platform: dialogflow.CX})
	got := problems(t, err)
	for _, element := range []string{"InstantsRequest.timestamps", "InstantsRequest.IntervalsEntry.value"} {
		if problem := got["refused.proto: kinds.v1."+element]; len(problem) != 1 || !strings.Contains(problem[0], "no zone") {
			t.Errorf("%s: got %q, want that there is no zone", element, problem)
		}
	}
	for _, options := range []binding.Options{{Platform: dialogflow.CX, TimeZone: berlin(t)}, {Platform: dialogflow.ES}} {
		_, err := binding.Compile(instants, options)
		if got := problems(t, err); len(got) != 1 || got["refused.proto: kinds.v1.RefusedService"] == nil {
			t.Errorf("%v: got %q, want those of the service alone", options, got)
		}
	}
	if _, err := binding.Compile(instants, binding.Options{}); err == nil {
		t.Error("no error without a platform")
	}
}

func TestCompileReadsAnnotations(t *testing.T) {
	kinds := compile(t, "KindsService.Kinds", binding.Options{Platform: dialogflow.ES})
	want := &intentgatev1.IntentOptions{DisplayName: []string{"kinds"}, Tag: []string{"kinds"}}
	if !proto.Equal(kinds.Intent, want) || contextOf(kinds) != "kinds for 3 turns" || kinds.Name != "/kinds.v1.KindsService/Kinds" {
		t.Errorf("got %+v, want %v", kinds.Method, want)
	}
	if intent, err := binding.Intent(descriptor(t, "KindsService.Kinds")); err != nil || !proto.Equal(intent, want) {
		t.Errorf("got %v, %v; want %v", intent, err, want)
	}
	legacy := compile(t, "LegacyService.Legacy", binding.Options{Platform: dialogflow.ES})
	if legacy.Intent != nil || contextOf(legacy) != "legacy-service for 5 turns" {
		t.Errorf("got %+v, want the defaults", legacy.Method)
	}
	if intent, err := binding.Intent(descriptor(t, "LegacyService.Legacy")); err != nil || intent != nil {
		t.Errorf("got %v, %v; want none", intent, err)
	}
}

// What the configuration says of fields stands in for what the proto says.
func TestCompileWithAnnotations(t *testing.T) {
	annotations := &binding.Annotations{
		Intent: &intentgatev1.IntentOptions{Action: []string{"a"}},
		Fields: map[string]*intentgatev1.ParameterOptions{
			"request.string":                  {Parameter: []string{"text"}},
			"request.tree.left.name":          {Parameter: []string{"label"}},
			"request.tree.children.left.name": {Sensitive: true},
			"request.item.price":              {},
			"request.line.due":                {Join: []string{"d", "t"}},
			"request.strings":                 {Source: intentgatev1.ParameterOptions_SOURCE_SESSION},
		},
	}
	options := binding.Options{Platform: dialogflow.ES, Annotations: annotations}
	m := compile(t, "KindsService.Kinds", options)
	if !proto.Equal(m.Intent, annotations.Intent) {
		t.Errorf("got %v", m.Intent)
	}
	m.play(t, dialogflow.ES, []play{
		{
			name: "names", body: string(turnOf(t, dialogflow.ES, `{"string": "no", "text": "yes", "line": {"article": "a", "d": "2026-11-22", "t": "12:00"},
			"tree": {"name": "a", "label": "no", "left": {"label": "b", "name": "no", "left": {"name": "c"}}}}`).Body),
			want: `{"string": "yes", "strings": ["projects/p/agent/sessions/s"], "line": {"article": "a", "due": {"year": 2026, "month": 11, "day": 22, "hours": 12}},
			"tree": {"name": "a", "left": {"name": "b", "left": {"name": "c"}}}}`,
		},
	})
	for _, c := range []struct{ value, shown string }{{`{"children": [{"name": "x"}, {"left": {"name": {"secret": 1}}}]}`, "tree.children[1].left.name"}} {
		_, err := m.Call(turnOf(t, dialogflow.ES, `{"tree": `+c.value+`}`))
		if violation(err).Field != c.shown {
			t.Errorf("got %v, want an error of %s", err, c.shown)
		}
	}
	annotations.Fields["request.tree.right"] = new(intentgatev1.ParameterOptions)
	annotations.Fields["answer.status"] = new(intentgatev1.ParameterOptions)
	_, err := binding.Compile(descriptor(t, "KindsService.Kinds"), options)
	if got := problems(t, err)["kinds.proto: kinds.v1.KindsService.Kinds"]; len(got) != 2 || !strings.Contains(got[0], "answer.status") || !strings.Contains(got[1], "request.tree.right") {
		t.Errorf("got %v, want the two paths of no field", err)
	}
}

func TestCompileRefusesSources(t *testing.T) {
	fields := map[string]*intentgatev1.ParameterOptions{
		"request.string": {Source: 99}, "request.bytes": {From: []intentgatev1.ParameterOptions_From{99}},
		"request.bool": {Parameter: []string{"a", ""}}, "request.int32": {FromContext: []string{""}}, "request.int64": {Payload: "a..b"},
	}
	_, err := binding.Compile(descriptor(t, "KindsService.Kinds"), binding.Options{Platform: dialogflow.ES, Annotations: &binding.Annotations{Fields: fields}})
	got := problems(t, err)
	for element, want := range map[string]string{"string": "99", "bytes": "99", "bool": "empty", "int32": "empty", "int64": "empty"} {
		if problem := got["kinds.proto: kinds.v1.KindsRequest."+element]; len(problem) != 1 || !strings.Contains(problem[0], want) {
			t.Errorf("%s: got %q, want %q", element, problem, want)
		}
	}
}

// No value has a name of nothing, although an enum's name may leave nothing of a value's, and a number says no name.
func TestCompileEmptyWords(t *testing.T) {
	file := protodesc.ToFileDescriptorProto(descriptor(t, "LegacyService.Legacy").ParentFile())
	closed := file.EnumType[0]
	closed.Value = append(closed.Value, &descriptorpb.EnumValueDescriptorProto{Name: proto.String("CLOSED_"), Number: proto.Int32(7)})
	legacy := func() protoreflect.MethodDescriptor {
		built, err := protodesc.NewFile(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		return built.Services().Get(0).Methods().Get(0)
	}
	m, err := binding.Compile(legacy(), binding.Options{Platform: dialogflow.ES})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{`3`, `" "`, `true`} {
		if _, err := m.Call(turnOf(t, dialogflow.ES, `{"id": "a", "closed": `+value+`}`)); err == nil {
			t.Errorf("%s is a value", value)
		}
	}
	closed.Value[0].Options = &descriptorpb.EnumValueOptions{}
	proto.SetExtension(closed.Value[0].Options, intentgatev1.E_Value, &intentgatev1.ValueOptions{Synonym: []string{" "}})
	_, err = binding.Compile(legacy(), binding.Options{Platform: dialogflow.ES})
	if problem := problems(t, err)["legacy.proto: kinds.v1."+closed.Value[0].GetName()]; len(problem) != 1 || !strings.Contains(problem[0], "empty") {
		t.Errorf("got %v, want that a synonym is empty", err)
	}
}

// A descriptor that is newer than the gateway may say what the gateway must not ignore.
func TestCompileRefusesUnknownOptions(t *testing.T) {
	newer := func(known proto.Message) []byte {
		wire, err := proto.Marshal(known)
		if err != nil {
			t.Fatal(err)
		}
		return protowire.AppendVarint(protowire.AppendTag(wire, 99, protowire.VarintType), 1)
	}
	option := func(extension protoreflect.ExtensionType, of proto.Message, newer []byte) {
		wire := protowire.AppendTag(nil, extension.TypeDescriptor().Number(), protowire.BytesType)
		of.ProtoReflect().SetUnknown(protowire.AppendBytes(wire, newer))
	}
	file := protodesc.ToFileDescriptorProto(descriptor(t, "LegacyService.Legacy").ParentFile())
	method, field := new(descriptorpb.MethodOptions), new(descriptorpb.FieldOptions)
	option(intentgatev1.E_Intent, method, newer(&intentgatev1.IntentOptions{Tag: []string{"t"}}))
	option(intentgatev1.E_Field, field, newer(&intentgatev1.ParameterOptions{Parameter: []string{"p"}}))
	file.Service[0].Method[0].Options = method
	file.MessageType[1].Field[1].Options = field
	built, err := protodesc.NewFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	legacy := built.Services().Get(0).Methods().Get(0)
	_, err = binding.Compile(legacy, binding.Options{Platform: dialogflow.ES})
	got := problems(t, err)
	for _, element := range []string{"LegacyService.Legacy", "LegacyRequest.count"} {
		if problem := got["legacy.proto: kinds.v1."+element]; len(problem) != 1 || !strings.Contains(problem[0], "does not know") {
			t.Errorf("%s: got %q, want that a member is not known", element, problem)
		}
	}
	if intent, err := binding.Intent(legacy); err == nil {
		t.Errorf("got %v, want an error", intent)
	}
	field.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, intentgatev1.E_Field.TypeDescriptor().Number(), protowire.VarintType), 1))
	if _, err := binding.Compile(legacy, binding.Options{Platform: dialogflow.ES}); err == nil {
		t.Error("no error for an option of another type")
	}
}

func TestLegacyAndEditions(t *testing.T) {
	legacy := compile(t, "LegacyService.Legacy", binding.Options{Platform: dialogflow.ES})
	body := func(parameters string) string { return string(turnOf(t, dialogflow.ES, parameters).Body) }
	legacy.play(t, dialogflow.ES, []play{
		{
			name: "all", body: body(`{"id": "a", "count": 0, "expanded": [1, 2], "packed": [3, 4], "closed": "two", "inner": {"number": 1}}`),
			want: `{"id": "a", "count": 0, "expanded": [1, 2], "packed": [3, 4], "closed": "CLOSED_TWO", "inner": {"number": 1}}`,
		},
		{name: "required", body: body(`{"count": 1}`), field: "id", parameter: "id"},
		{name: "required within", body: body(`{"id": "a", "inner": {"number": ""}}`), field: "inner.number", parameter: "inner"},
		{name: "unknown number", body: body(`{"id": "a", "closed": 3}`), field: "closed", parameter: "closed"},
	})
	edition := compile(t, "EditionService.Edition", binding.Options{Platform: dialogflow.ES})
	edition.play(t, dialogflow.ES, []play{
		{
			name: "all", body: body(`{"implicit": "", "explicit": 0, "required": "r", "packed": [1, 2], "expanded": [3, 4], "open": 1}`),
			want: `{"explicit": "0", "required": "r", "packed": [1, 2], "expanded": [3, 4], "open": "OPEN_ONE"}`,
		},
		{name: "required", body: body(`{"implicit": "a"}`), field: "required", parameter: "required"},
	})
	call, err := edition.Call(turnOf(t, dialogflow.ES, `{"required": "r", "packed": [1, 2], "expanded": [3, 4]}`))
	if want := "\x1a\x01r\"\x02\x01\x02(\x03(\x04"; err != nil || string(call.Request) != want {
		t.Errorf("got %q, %v, want %q", call.Request, err, want)
	}
}

// contextOf says which context a method's service has.
func contextOf(m interface{ Context() (string, int32) }) string {
	name, lifespan := m.Context()
	return fmt.Sprintf("%s for %d turns", name, lifespan)
}
