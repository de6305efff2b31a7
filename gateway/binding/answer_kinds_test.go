package binding_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// remembered are values of fields of KindsRequest, written as protojson, with the parameters that they become on ES and
// on CX: one alone is that of both, "" is none. Each is read back as what it was, unless it is among the lossy ones.
var remembered = map[string][][]string{
	"string": {{`"A-1"`, `"A-1"`}, {`"grün\n\"x\" \u2028"`, `"grün\n\"x\" \u2028"`}, {`""`, `""`}, {`"7.0"`, `"7.0"`}},
	"bytes":  {{`"+/8="`, `"+/8="`}, {`""`, `""`}},
	"bool":   {{`true`, `true`}, {`false`, `false`}},
	"int32":  {{`7`, `7`}, {`0`, `0`}, {`-2147483648`, `-2147483648`}},
	"int64": {
		{`7`, `7`},
		{`"9007199254740992"`, `9007199254740992`},
		{`"9007199254740993"`, `"9007199254740993"`},
		{`"-9007199254740993"`, `"-9007199254740993"`},
		{`"9223372036854775807"`, `"9223372036854775807"`},
		{`"-9223372036854775808"`, `"-9223372036854775808"`},
	},
	"uint32":   {{`4294967295`, `4294967295`}},
	"uint64":   {{`"9007199254740993"`, `"9007199254740993"`}, {`"18446744073709551615"`, `"18446744073709551615"`}, {`0`, `0`}},
	"sint32":   {{`-7`, `-7`}, {`2147483647`, `2147483647`}},
	"sint64":   {{`-7`, `-7`}, {`"-9223372036854775808"`, `"-9223372036854775808"`}},
	"fixed32":  {{`4294967295`, `4294967295`}},
	"fixed64":  {{`"18446744073709551615"`, `"18446744073709551615"`}},
	"sfixed32": {{`-7`, `-7`}},
	"sfixed64": {{`-7`, `-7`}, {`"-9223372036854775808"`, `"-9223372036854775808"`}},
	"float":    {{`0.1`, `0.1`}, {`3.4e38`, `340000000000000000000000000000000000000`}, {`"NaN"`, `"NaN"`}, {`"Infinity"`, `"Infinity"`}, {`"-Infinity"`, `"-Infinity"`}},
	"double":   {{`0.1`, `0.1`}, {`1e300`, `1e300`}, {`-1e-7`, `-1e-7`}, {`"NaN"`, `"NaN"`}, {`"-Infinity"`, `"-Infinity"`}},
	"size":     {{`"SIZE_LARGE"`, `"SIZE_LARGE"`}, {`"SIZE_UNSPECIFIED"`, `"SIZE_UNSPECIFIED"`}, {`-1`, `"SIZE_BELOW"`}, {`99`, `99`}},
	"null":     {{`null`, ``, `null`}},

	"maybe_string": {{`"a"`, `"a"`}, {`""`, `""`}},
	"maybe_int32":  {{`0`, `0`}},

	"strings":  {{`["a", "b"]`, `["a", "b"]`}, {`[]`, `[]`}, {`["a"]`, `["a"]`}, {`["a", ""]`, `["a", ""]`}},
	"int64s":   {{`[1, "9007199254740993", 0]`, `[1, "9007199254740993", 0]`}},
	"expanded": {{`[1, 0, -1]`, `[1, 0, -1]`}},
	"sizes":    {{`["SIZE_SMALL", 2, 0]`, `["SIZE_SMALL", "SIZE_LARGE", "SIZE_UNSPECIFIED"]`}},
	"items":    {{`[{"sku": "a", "count": 2}, {"sku": "b"}]`, `[{"sku": "a", "count": 2, "color": ""}, {"sku": "b", "count": 0, "color": ""}]`}},
	"doubles":  {{`[0.5, 1e300]`, `[0.5, 1e300]`}},
	"dates": {
		{`[{"year": 2026, "month": 11, "day": 22}, {"year": 2026}]`, `["2026-11-22", {"year": 2026}]`, `[{"year": 2026, "month": 11, "day": 22}, {"year": 2026}]`},
		{`[{}]`, `[]`},
	},

	"labels":  {{`{"a": "1", "b.c": "2", "": "x"}`, `{"a": "1", "b.c": "2", "": "x"}`}, {`{}`, `{}`}, {`{"a": ""}`, `{"a": ""}`}},
	"rates":   {{`{"7": 1, "-8": 2.5}`, `{"7": 1, "-8": 2.5}`}},
	"by_flag": {{`{"true": {"sku": "a"}, "false": {"sku": "b"}}`, `{"true": {"sku": "a", "count": 0, "color": ""}, "false": {"sku": "b", "count": 0, "color": ""}}`}},
	"values":  {{`{"a": [1, {"b": null}], "c": ""}`, `{"a": [1, {"b": null}], "c": ""}`}},

	"item": {
		{
			`{"sku": "a", "count": 3, "price": {"currencyCode": "EUR", "units": 1, "nanos": 500000000}, "colour": "red"}`,
			`{"sku": "a", "count": 3, "price": {"amount": 1.5, "currency": "EUR"}, "color": "red"}`,
		},
		{`{}`, `{"sku": "", "count": 0, "color": ""}`},
	},
	"period": {
		{
			`{"start": {"year": 2026, "month": 11, "day": 22}, "end": {"year": 2026, "month": 11, "day": 30}}`, `{"start": "2026-11-22", "end": "2026-11-30"}`,
			`{"start": {"year": 2026, "month": 11, "day": 22}, "end": {"year": 2026, "month": 11, "day": 30}}`,
		},
		{`{"start": {"year": 2026, "month": 11, "day": 22}}`, `{"start": "2026-11-22"}`, `{"start": {"year": 2026, "month": 11, "day": 22}}`},
	},
	"email": {{`"a@b"`, `"a@b"`}, {`""`, `""`}},
	"phone": {{`0`, `0`}},
	"gift":  {{`{"sku": "a"}`, `{"sku": "a", "count": 0, "color": ""}`}},

	"string_value": {{`"a"`, `"a"`}, {`""`, `""`}},
	"bytes_value":  {{`"aGk="`, `"aGk="`}},
	"bool_value":   {{`false`, `false`}},
	"int32_value":  {{`0`, `0`}, {`-7`, `-7`}},
	"int64_value":  {{`"9007199254740993"`, `"9007199254740993"`}},
	"uint32_value": {{`4294967295`, `4294967295`}},
	"uint64_value": {{`"18446744073709551615"`, `"18446744073709551615"`}},
	"float_value":  {{`0.1`, `0.1`}},
	"double_value": {{`0`, `0`}, {`0.5`, `0.5`}},

	"struct": {{`{"a": {"n": 1}, "b": [1, "x", null, true, {}]}`, `{"a": {"n": 1}, "b": [1, "x", null, true, {}]}`}, {`{}`, `{}`}},
	"value":  {{`"x"`, `"x"`}, {`7`, `7`}, {`[1, [2]]`, `[1, [2]]`}, {`{"a": ""}`, `{"a": ""}`}, {`true`, `true`}, {`null`, ``, `null`}},
	"list":   {{`[1, null, "", {"a": []}]`, `[1, null, "", {"a": []}]`}},

	"quantity": {
		{`{"amount": "0.1", "unit": "kg"}`, `{"amount": 0.1, "unit": "kg"}`},
		{`{"amount": "12345678901234567890.5", "unit": "m"}`, `{"amount": "12345678901234567890.5", "unit": "m"}`},
		{`{"amount": "0.10", "unit": "kg"}`, `{"amount": 0.1, "unit": "kg"}`},
		{`{"amount": "7"}`, `{"amount": 7, "unit": ""}`},
		{`{"amount": "0x7", "unit": "m"}`, `{"amount": "0x7", "unit": "m"}`},
	},
	"money": {
		{`{"currencyCode": "EUR", "units": 19, "nanos": 990000000}`, `{"amount": 19.99, "currency": "EUR"}`},
		{`{"currencyCode": "USD", "nanos": -500000000}`, `{"amount": -0.5, "currency": "USD"}`},
		{`{"currencyCode": "JPY", "units": "123456789012345678"}`, `{"amount": "123456789012345678", "currency": "JPY"}`},
		{`{"currencyCode": "USD", "nanos": 1}`, `{"amount": 1e-9, "currency": "USD"}`},
		{`{"currencyCode": "USD", "units": -3, "nanos": -50000000}`, `{"amount": -3.05, "currency": "USD"}`},
		{`{"currencyCode": "USD", "units": 1, "nanos": -5}`, refused},
		{`{"currencyCode": "USD", "nanos": 1000000000}`, refused},
	},
	"lat_lng": {{`{"latitude": 52.5, "longitude": -13.4}`, `{"latitude": 52.5, "longitude": -13.4}`}},
	"address": {
		{
			`{"organization": "Shop", "addressLines": ["Hauptstr. 1"], "postalCode": "10115", "locality": "Berlin", "administrativeArea": "BE", "sublocality": "Mitte", "regionCode": "DE"}`,
			`{"business-name": "Shop", "street-address": "Hauptstr. 1", "zip-code": "10115", "city": "Berlin", "admin-area": "BE", "subadmin-area": "Mitte", "country": "DE"}`,
		},
		{`{"addressLines": ["Hauptstr. 1", "Hinterhaus"], "sortingCode": "x"}`, `{"street-address": "Hauptstr. 1, Hinterhaus"}`},
	},
	"duration": {
		{`"90s"`, `{"amount": 90, "unit": "s"}`},
		{`"-0.5s"`, `{"amount": -0.5, "unit": "s"}`},
		{`"315576000000s"`, `{"amount": 315576000000, "unit": "s"}`},
		{`"100000000000.000000001s"`, `{"amount": "100000000000.000000001", "unit": "s"}`},
	},

	"date": {
		{`{"year": 2026, "month": 11, "day": 2}`, `"2026-11-02"`, `{"year": 2026, "month": 11, "day": 2}`},
		{`{"year": 2026, "month": 11}`, `{"year": 2026, "month": 11}`},
		{`{"month": 2, "day": 29}`, `{"month": 2, "day": 29}`},
		{`{}`, ``},
		{`{"year": 2026, "month": 2, "day": 29}`, refused},
		{`{"year": 2026, "month": 13}`, refused},
		{`{"year": 2026, "month": -1, "day": 1}`, refused},
	},
	"time": {
		{`{"hours": 15, "minutes": 30}`, `"15:30:00"`, `{"hours": 15, "minutes": 30, "seconds": 0, "nanos": 0}`},
		{`{}`, `"00:00:00"`, `{"hours": 0, "minutes": 0, "seconds": 0, "nanos": 0}`},
		{`{"hours": 1, "seconds": 2, "nanos": 500000000}`, `"01:00:02.5"`, `{"hours": 1, "minutes": 0, "seconds": 2, "nanos": 500000000}`},
		{`{"hours": 25}`, refused},
		{`{"seconds": -1}`, refused},
	},
	"date_time": {
		{`{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "utcOffset": "3600s"}`, `"2026-11-22T15:30:00+01:00"`, `{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "seconds": 0, "nanos": 0}`},
		{`{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "utcOffset": "-19800s"}`, `"2026-11-22T15:30:00-05:30"`, `{"year": 2026, "month": 11, "day": 22, "hours": 22, "minutes": 0, "seconds": 0, "nanos": 0}`},
		{`{"year": 2026, "month": 7, "day": 1, "hours": 12, "nanos": 1, "timeZone": {"id": "Europe/Berlin"}}`, `"2026-07-01T12:00:00.000000001+02:00"`, `{"year": 2026, "month": 7, "day": 1, "hours": 12, "minutes": 0, "seconds": 0, "nanos": 1}`},
		{`{"year": 2026, "month": 7, "day": 1, "hours": 20, "timeZone": {"id": "America/New_York"}}`, `"2026-07-01T20:00:00-04:00"`, `{"year": 2026, "month": 7, "day": 2, "hours": 2, "minutes": 0, "seconds": 0, "nanos": 0}`},
		{`{"year": 2026, "month": 7, "day": 1, "hours": 12}`, `"2026-07-01T12:00:00"`, `{"year": 2026, "month": 7, "day": 1, "hours": 12, "minutes": 0, "seconds": 0, "nanos": 0}`},
		{`{"month": 7, "day": 1, "hours": 12}`, `{"month": 7, "day": 1, "hours": 12, "minutes": 0, "seconds": 0, "nanos": 0}`},
		{`{}`, ``},
		{`{"year": 2026, "hours": 12}`, refused},
		{`{"year": 2026, "month": 2, "day": 30, "utcOffset": "0s"}`, refused},
		{`{"year": 2026, "month": 7, "day": 1, "timeZone": {"id": "Mars/Base"}}`, refused},
	},
	"timestamp": {
		{`"2026-11-22T14:30:00.5Z"`, `"2026-11-22T15:30:00.5+01:00"`, `{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "seconds": 0, "nanos": 500000000}`},
		{`"2026-10-25T00:30:00Z"`, `"2026-10-25T02:30:00+02:00"`, `{"year": 2026, "month": 10, "day": 25, "hours": 2, "minutes": 30, "seconds": 0, "nanos": 0}`},
		{`"2026-10-25T01:30:00Z"`, `"2026-10-25T02:30:00+01:00"`, `"2026-10-25T01:30:00Z"`}, // the second 2:30 of that night
		{`"1800-01-01T00:00:00Z"`, `"1800-01-01T00:00:00Z"`, `{"year": 1800, "month": 1, "day": 1, "hours": 0, "minutes": 53, "seconds": 28, "nanos": 0}`},
		{`"9999-12-31T23:59:59Z"`, `"9999-12-31T23:59:59Z"`},
		{`"0001-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`, `{"year": 1, "month": 1, "day": 1, "hours": 0, "minutes": 53, "seconds": 28, "nanos": 0}`},
	},
	"interval": {
		{
			`{"startTime": "2026-11-22T14:30:00Z", "endTime": "2026-11-22T15:30:00Z"}`, `{"startDateTime": "2026-11-22T15:30:00+01:00", "endDateTime": "2026-11-22T16:30:00+01:00"}`,
			`{"startDateTime": {"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "seconds": 0, "nanos": 0}, "endDateTime": {"year": 2026, "month": 11, "day": 22, "hours": 16, "minutes": 30, "seconds": 0, "nanos": 0}}`,
		},
		{`{"startTime": "2026-11-22T14:30:00Z"}`, `{"startDateTime": "2026-11-22T15:30:00+01:00"}`, `{"startDateTime": {"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "seconds": 0, "nanos": 0}}`},
		{`{}`, ``},
	},
}

// lossy are the values that come back otherwise, as on ES and on CX, or not at all, since Dialogflow's forms do not tell.
var lossy = map[string][]string{
	`float: "NaN"`: {refused}, `float: "Infinity"`: {refused}, `float: "-Infinity"`: {refused}, `double: "NaN"`: {refused}, `double: "-Infinity"`: {refused}, `size: 99`: {refused},
	`maybe_string: ""`: {``}, `email: ""`: {``}, `string_value: ""`: {``}, `strings: ["a", ""]`: {`["a"]`}, `labels: {"a": ""}`: {``}, `dates: [{}]`: {``}, `value: null`: {``},
	`quantity: {"amount": "0.10", "unit": "kg"}`: {`{"amount": "0.1", "unit": "kg"}`}, `quantity: {"amount": "0x7", "unit": "m"}`: {refused},
	`address: {"addressLines": ["Hauptstr. 1", "Hinterhaus"], "sortingCode": "x"}`: {`{"addressLines": ["Hauptstr. 1, Hinterhaus"]}`},
	`date: {}`: {``}, `date_time: {}`: {``}, `interval: {}`: {``},
	`date_time: {"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "utcOffset": "3600s"}`: {
		`{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "utcOffset": "3600s"}`, `{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "timeZone": {"id": "Europe/Berlin"}}`,
	},
	`date_time: {"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "utcOffset": "-19800s"}`: {
		`{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "utcOffset": "-19800s"}`, `{"year": 2026, "month": 11, "day": 22, "hours": 22, "timeZone": {"id": "Europe/Berlin"}}`,
	},
	`date_time: {"year": 2026, "month": 7, "day": 1, "hours": 12, "nanos": 1, "timeZone": {"id": "Europe/Berlin"}}`: {
		`{"year": 2026, "month": 7, "day": 1, "hours": 12, "nanos": 1, "utcOffset": "7200s"}`, `{"year": 2026, "month": 7, "day": 1, "hours": 12, "nanos": 1, "timeZone": {"id": "Europe/Berlin"}}`,
	},
	`date_time: {"year": 2026, "month": 7, "day": 1, "hours": 20, "timeZone": {"id": "America/New_York"}}`: {
		`{"year": 2026, "month": 7, "day": 1, "hours": 20, "utcOffset": "-14400s"}`, `{"year": 2026, "month": 7, "day": 2, "hours": 2, "timeZone": {"id": "Europe/Berlin"}}`,
	},
	`date_time: {"year": 2026, "month": 7, "day": 1, "hours": 12}`: {`{"year": 2026, "month": 7, "day": 1, "hours": 12, "timeZone": {"id": "Europe/Berlin"}}`},
	`date_time: {"month": 7, "day": 1, "hours": 12}`:               {`{"month": 7, "day": 1, "hours": 12, "timeZone": {"id": "Europe/Berlin"}}`},
}

// echo is the method whose response sets every field of it that a parameter can be made of, under the field's own name.
func echo(tb testing.TB, platform dialogflow.Platform) *typed {
	tb.Helper()
	annotations := &binding.Annotations{Fields: map[string]*intentgatev1.ParameterOptions{}}
	fields := descriptor(tb, "AnswersService.Echo").Output().Fields()
	for i := range fields.Len() {
		if name := string(fields.Get(i).Name()); name != "tree" { // which holds itself
			annotations.Fields["response."+name] = &intentgatev1.ParameterOptions{Set: name}
		}
	}
	return compile(tb, "AnswersService.Echo", binding.Options{Platform: platform, TimeZone: berlin(tb), Annotations: annotations})
}

// TestRemembered proves what parameters fields become, and that they are read back as what they were.
func TestRemembered(t *testing.T) {
	for _, platform := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		method := echo(t, platform)
		fields := method.input.Fields()
		for i := range fields.Len() {
			f := fields.Get(i)
			cases := remembered[string(f.Name())]
			if len(cases) == 0 && f.Name() != "tree" && f.Name() != "line" {
				t.Errorf("no case for %s", f.Name())
			}
			for _, c := range cases {
				t.Run(fmt.Sprintf("%v/%s/%s", platform, f.Name(), c[0]), func(t *testing.T) { testRemembered(t, method, platform, f, c) })
			}
		}
	}
}

func testRemembered(t *testing.T, method *typed, platform dialogflow.Platform, f protoreflect.FieldDescriptor, c []string) {
	t.Helper()
	wire := wireOf(t, method.input, fmt.Sprintf(`{%q: %s}`, f.JSONName(), c[0]))
	answer, err := method.Answer(wire)
	if c[1] == refused {
		if err == nil {
			t.Errorf("got %v, want a refusal", answer.Reply)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	want := onPlatform(platform, c[1:])
	all := parametersOf(t, method, platform, answer.Reply)
	if got := all[string(f.Name())]; !sameJSON(t, got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	for name := range all { // the others are what they are without a value
		if other := method.input.Fields().ByName(protoreflect.Name(name)); other != f && other.HasPresence() {
			t.Errorf("%s, which is absent, is %s", name, all[name])
		}
	}
	back := c[0]
	if otherwise := lossy[fmt.Sprintf("%s: %s", f.Name(), c[0])]; otherwise != nil {
		back = onPlatform(platform, otherwise)
	}
	readBack(t, method, platform, f, want, back)
}

// onPlatform is the one of ES and CX, of which there may be one for both.
func onPlatform(platform dialogflow.Platform, both []string) string {
	if platform == dialogflow.CX {
		return both[len(both)-1]
	}
	return both[0]
}

// readBack has a request take the parameter that a field has become.
func readBack(t *testing.T, method *typed, platform dialogflow.Platform, f protoreflect.FieldDescriptor, value, want string) {
	t.Helper()
	object := func(name, value string) string {
		if value == "" {
			return "{}"
		}
		return fmt.Sprintf(`{%q: %s}`, name, value)
	}
	call, err := method.Call(turnOf(t, platform, object(string(f.Name()), value)))
	switch {
	case want == refused && err == nil:
		t.Errorf("read back as %v, want a refusal", method.decode(t, call.Request))
	case want == refused:
	case err != nil:
		t.Errorf("not read back: %v", err)
	default:
		if got, want := method.decode(t, call.Request), method.want(t, object(f.JSONName(), want)); !proto.Equal(got, want) {
			t.Errorf("read back as %v, want %v", got, want)
		}
	}
}

// wireOf is a message written as protojson.
func wireOf(tb testing.TB, of protoreflect.MessageDescriptor, text string) []byte {
	tb.Helper()
	message := dynamicpb.NewMessage(of)
	if err := protojson.Unmarshal([]byte(text), message); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	wire, err := proto.Marshal(message)
	if err != nil {
		tb.Fatal(err)
	}
	return wire
}

// parametersOf are those that Dialogflow is told to remember.
func parametersOf(tb testing.TB, method *typed, platform dialogflow.Platform, reply *intentgatev1.Reply) map[string]json.RawMessage {
	tb.Helper()
	var options dialogflow.WriteOptions
	options.Context, options.ContextLifespan = method.Context()
	body, dropped, err := dialogflow.Write(turnOf(tb, platform, "{}"), reply, options)
	if err != nil || len(dropped) > 0 {
		tb.Fatalf("%v: %v, %q", reply, err, dropped)
	}
	type parameters struct {
		Parameters map[string]json.RawMessage `json:"parameters"`
	}
	var answer struct {
		SessionInfo    parameters   `json:"sessionInfo"`
		OutputContexts []parameters `json:"outputContexts"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		tb.Fatal(err)
	}
	if len(answer.OutputContexts) > 0 {
		return answer.OutputContexts[0].Parameters
	}
	return answer.SessionInfo.Parameters
}

// sameJSON compares values as they are written, number by number; nothing is equal to nothing.
func sameJSON(tb testing.TB, got json.RawMessage, want string) bool {
	tb.Helper()
	if len(got) == 0 || want == "" {
		return len(got) == 0 && want == ""
	}
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		tb.Fatalf("%s: %v", want, err)
	}
	return reflect.DeepEqual(a, b)
}
