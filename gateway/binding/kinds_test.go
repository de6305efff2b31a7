package binding_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// descriptors are those of testdata/*.proto, as `make generate` builds them. They are read as by a program that does not
// know our annotations.
func descriptors(tb testing.TB) *protoregistry.Files {
	tb.Helper()
	wire, err := os.ReadFile("testdata/descriptors.binpb")
	if err != nil {
		tb.Fatal(err)
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err := (proto.UnmarshalOptions{Resolver: new(protoregistry.Types)}).Unmarshal(wire, set); err != nil {
		tb.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// descriptor returns a method such as KindsService.Kinds.
func descriptor(tb testing.TB, name string) protoreflect.MethodDescriptor {
	tb.Helper()
	found, err := descriptors(tb).FindDescriptorByName(protoreflect.FullName("kinds.v1." + name))
	if err != nil {
		tb.Fatal(err)
	}
	method, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		tb.Fatalf("%s is a %T", name, found)
	}
	return method
}

// typed is a method with the messages that it takes.
type typed struct {
	*binding.Method

	input protoreflect.MessageDescriptor
}

func compile(tb testing.TB, name string, options binding.Options) *typed {
	tb.Helper()
	method := descriptor(tb, name)
	m, err := binding.Compile(method, options)
	if err != nil {
		tb.Fatal(err)
	}
	return &typed{m, method.Input()}
}

func (m *typed) decode(tb testing.TB, wire []byte) proto.Message {
	tb.Helper()
	message := dynamicpb.NewMessage(m.input)
	if err := proto.Unmarshal(wire, message); err != nil {
		tb.Fatalf("the request is no %s: %v", m.input.FullName(), err)
	}
	return message
}

// want is a message written as protojson.
func (m *typed) want(tb testing.TB, text string) proto.Message {
	tb.Helper()
	message := dynamicpb.NewMessage(m.input)
	if err := protojson.Unmarshal([]byte(text), message); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return message
}

// turnOf is a turn with parameters, an object: the intent's on ES, the session's on CX.
func turnOf(tb testing.TB, platform dialogflow.Platform, parameters string) *dialogflow.Turn {
	tb.Helper()
	if platform == dialogflow.CX {
		return read(tb, platform, fmt.Sprintf(`{"fulfillmentInfo": {"tag": "kinds"}, "sessionInfo":
			{"session": "projects/p/locations/l/agents/a/sessions/s", "parameters": %s}}`, parameters))
	}
	return read(tb, platform, fmt.Sprintf(`{"session": "projects/p/agent/sessions/s", "queryResult":
		{"intent": {"displayName": "kinds"}, "parameters": %s}}`, parameters))
}

func berlin(tb testing.TB) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

// refused stands where a value does not fit.
const refused = "refused"

// kinds are forms of values by field of KindsRequest, with what becomes of them as protojson: "" leaves the field
// unset.
var kinds = map[string][][2]string{
	"string": {
		{`"A-1"`, `"A-1"`},
		{`"gr\u00fcn\n\"x\""`, `"grün\n\"x\""`},
		{`""`, ``},
		{`null`, ``},
		{`[]`, ``},
		{`["a"]`, `"a"`},
		{`[[" a "]]`, `" a "`},
		{`[""]`, ``},
		{`["a", "b"]`, refused},
		{`7`, `"7"`},
		{`24795.0`, `"24795"`},
		{`1.616583749E9`, `"1616583749"`},
		{`7.50`, `"7.50"`},
		{`-0.0`, `"0"`},
		{`-3e2`, `"-300"`},
		{`1e-2`, `"1e-2"`},
		{`1e300`, `"1e300"`},
		{`12345678901234567890`, `"12345678901234567890"`},
		{`1e9223372036854775807`, `"1e9223372036854775807"`},
		{`0.1e-9223372036854775808`, `"0.1e-9223372036854775808"`},
		{`true`, `"true"`},
		{`{"name": "Ann"}`, `"Ann"`},
		{`{"name": "Ann", "original": "ann"}`, `"ann"`},
		{`{"city": "Berlin", "original": "in Berlin"}`, `"in Berlin"`},
		{`{"name": "Ann", "age": 3}`, refused},
		{`{"name": {"name": "x"}}`, refused},
		{`{}`, refused},
	},
	"bytes": {
		{`"aGk="`, `"aGk="`}, {`"aGk"`, `"aGk="`}, {`"-_8="`, `"+/8="`}, {`"+/8"`, `"+/8="`}, {`""`, ``}, {`"not base64!"`, refused}, {`7`, refused},
	},
	"bool": {
		{`true`, `true`}, {`false`, `false`}, {`"true"`, `true`}, {`"FALSE"`, `false`}, {`["true"]`, `true`}, {`""`, ``}, {`1`, refused}, {`"yes"`, refused}, {`{}`, refused},
	},
	"int32": {
		{`7`, `7`},
		{`"7"`, `7`},
		{`" 7 "`, `7`},
		{`7.0`, `7`},
		{`1.616583749E9`, `1616583749`},
		{`[7.0]`, `7`},
		{`0`, `0`},
		{`-0`, `0`},
		{`-2147483648`, `-2147483648`},
		{`2147483648`, refused},
		{`-2147483649`, refused},
		{`7.5`, refused},
		{`1e400`, refused},
		{`1e999999999999999999999`, refused},
		{`1e9223372036854775807`, refused},
		{`0.1e-9223372036854775808`, refused},
		{`0e9223372036854775807`, `0`},
		{`0e999999999999999999999`, `0`},
		{`"seven"`, refused},
		{`""`, ``},
		{`true`, refused},
		{`"0x7"`, refused},
		{`"+7"`, refused},
		{`"7."`, refused},
		{`"-"`, refused},
		{`{"amount": 7}`, refused},
		{`[7, 8]`, refused},
	},
	"int64": {
		{`9007199254740993`, `"9007199254740993"`},
		{`"9223372036854775807"`, `"9223372036854775807"`},
		{`-9223372036854775808`, `"-9223372036854775808"`},
		{`9223372036854775808`, refused},
		{`-9223372036854775809`, refused},
		{`9.223372036854775807E18`, `"9223372036854775807"`},
		{`1548705494847.0`, `"1548705494847"`},
		{`100000000000000000000`, refused},
		{`0.1e1`, `"1"`},
		{`7.5`, refused},
	},
	"uint32":   {{`4294967295`, `4294967295`}, {`4294967296`, refused}, {`-1`, refused}, {`-0.0`, `0`}},
	"uint64":   {{`18446744073709551615`, `"18446744073709551615"`}, {`18446744073709551616`, refused}, {`1.8446744073709551615E19`, `"18446744073709551615"`}, {`-1`, refused}},
	"sint32":   {{`-7.0`, `-7`}, {`2147483648`, refused}},
	"sint64":   {{`-9223372036854775808`, `"-9223372036854775808"`}, {`9223372036854775808`, refused}},
	"fixed32":  {{`7.0`, `7`}, {`-1`, refused}},
	"fixed64":  {{`"18446744073709551615"`, `"18446744073709551615"`}, {`-1`, refused}},
	"sfixed32": {{`-7`, `-7`}, {`2147483648`, refused}},
	"sfixed64": {{`-7`, `"-7"`}, {`1e19`, refused}},
	"float":    {{`0.1`, `0.1`}, {`"0.1"`, `0.1`}, {`3.4e38`, `3.4e38`}, {`1e39`, refused}, {`"NaN"`, refused}, {`"Infinity"`, refused}, {`true`, refused}},
	"double":   {{`7`, `7`}, {`0.1`, `0.1`}, {`"1.5"`, `1.5`}, {`9007199254740993`, `9007199254740992`}, {`1e400`, refused}, {`"x"`, refused}, {`{"amount": 1}`, refused}},
	"size": {
		{`"SIZE_SMALL"`, `"SIZE_SMALL"`},
		{`"SMALL"`, `"SIZE_SMALL"`},
		{`"small"`, `"SIZE_SMALL"`},
		{`"size_small"`, `"SIZE_SMALL"`},
		{`"Tiny"`, `"SIZE_SMALL"`},
		{`"extra klein"`, `"SIZE_SMALL"`},
		{`"GROSSE"`, refused},
		{`"Große"`, `"SIZE_LARGE"`},
		{`" large "`, `"SIZE_LARGE"`},
		{`2`, `"SIZE_LARGE"`},
		{`2.0`, `"SIZE_LARGE"`},
		{`"2"`, `"SIZE_LARGE"`},
		{`-1`, `"SIZE_BELOW"`},
		{`3`, refused},
		{`"huge"`, refused},
		{`true`, refused},
		{`""`, ``},
		{`["large"]`, `"SIZE_LARGE"`},
		{`[]`, ``},
	},
	"maybe_string": {{`"a"`, `"a"`}, {`""`, ``}},
	"maybe_int32":  {{`0`, `0`}, {`""`, ``}},
	"strings":      {{`["a", "", null, "b"]`, `["a", "b"]`}, {`"a"`, `["a"]`}, {`[]`, ``}, {`""`, ``}, {`[["a"], 7.0]`, `["a", "7"]`}, {`[["a", "b"]]`, refused}, {`["a", {}]`, refused}},
	"int64s":       {{`[1, 2.0, "3", ""]`, `[1, 2, 3]`}, {`5`, `[5]`}, {`[""]`, ``}, {`[1, 2.5]`, refused}},
	"expanded":     {{`[1, 2.0, 0]`, `[1, 2, 0]`}, {`5`, `[5]`}, {`[]`, ``}},
	"sizes":        {{`["small", 2]`, `["SIZE_SMALL", "SIZE_LARGE"]`}, {`"tiny"`, `["SIZE_SMALL"]`}, {`["small", "huge"]`, refused}},
	"items": {
		{`[{"sku": "a", "count": 2.0}, {}, {"sku": "b"}]`, `[{"sku": "a", "count": 2}, {"sku": "b"}]`},
		{`{"sku": "a"}`, `[{"sku": "a"}]`},
		{`[{"sku": "a", "count": 2.5}]`, refused},
		{`["a"]`, refused},
		{`[{"size": 1}]`, refused},
	},
	"doubles": {{`[0.5, "1.5"]`, `[0.5, 1.5]`}},
	"dates":   {{`["2026-11-22T12:00:00+01:00", "2026-11-23"]`, `[{"year": 2026, "month": 11, "day": 22}, {"year": 2026, "month": 11, "day": 23}]`}},
	"labels": {
		{`{"b": "2", "a": 1.0, "c": "", "d": null, "\u00e9": "x"}`, `{"a": "1", "b": "2", "é": "x"}`},
		{`{}`, ``},
		{`[]`, ``},
		{`""`, ``},
		{`[{"a": "b"}]`, `{"a": "b"}`},
		{`"a"`, refused},
		{`{"a": []}`, ``},
		{`{"a": [1, 2]}`, refused},
		{`{"": "x"}`, `{"": "x"}`},
	},
	"rates":   {{`{"7": 1, "-8.0": "2.5"}`, `{"7": 1, "-8": 2.5}`}, {`{"x": 1}`, refused}, {`{"": 1}`, refused}, {`{"7": 1, "8": 2, "7.0": 3}`, refused}, {`{"7": 1, "7.0": ""}`, `{"7": 1}`}},
	"by_flag": {{`{"true": {"sku": "a"}, "TRUE": {"sku": "b"}}`, refused}, {`{"true": {"sku": "a"}, "False": {}}`, `{"true": {"sku": "a"}}`}, {`{"maybe": {"sku": "a"}}`, refused}},
	"values":  {{`{"a": [1, {"b": null}], "c": "", "d": null}`, `{"a": [1, {"b": null}], "c": ""}`}},
	"item": {
		{`{"sku": "a", "count": "3", "price": {"amount": 1.5, "currency": "EUR"}}`, `{"sku": "a", "count": 3, "price": {"currencyCode": "EUR", "units": 1, "nanos": 500000000}}`},
		{`{"SKU": "a", "Count": 1}`, `{"sku": "a", "count": 1}`},
		{`{"sku": "exact", "S-K-U": "normal"}`, `{"sku": "exact"}`},
		{`{"color": "red"}`, `{"colour": "red"}`},
		{`{"colour": "red"}`, `{"colour": "red"}`},
		{`{"color": "red", "colour": "blue"}`, `{"colour": "red"}`},
		{`[{"sku": "a"}]`, `{"sku": "a"}`},
		{`{}`, ``},
		{`""`, ``},
		{`{"sku": "", "count": null}`, ``},
		{`{"s\u006bu": "a", "unknown": {"x": [1]}}`, `{"sku": "a"}`},
		{`{"size": 1}`, refused},
		{`"a"`, refused},
		{`{"sku": ["a", "b"]}`, refused},
	},
	"line": {
		{`{"sku": "a", "quantity": 2, "number": 2.0}`, `{"article": "a", "count": 2}`},
		{`{"number": 2}`, `{"count": 2}`},
		{`{"quantity": 2, "number": 3}`, refused},
		{`{"quantity": "", "number": 3}`, `{"count": 3}`},
		{`{"article": "a"}`, refused},
		{`{"secret": {}}`, refused},
		{`{"day": "2026-11-22", "hour": "15:30"}`, `{"due": {"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "timeZone": {"id": "Europe/Berlin"}}}`},
	},
	"period": {
		{`{"startDate": "2026-11-22T12:00:00+01:00", "endDate": "2026-11-30T12:00:00+01:00"}`, `{"start": {"year": 2026, "month": 11, "day": 22}, "end": {"year": 2026, "month": 11, "day": 30}}`},
		{`{"startDateTime": {"year": 2026.0, "month": 11.0, "day": 22.0, "hours": 9}, "endDateTime": {"year": 2026, "month": 11, "day": 30}}`, `{"start": {"year": 2026, "month": 11, "day": 22}, "end": {"year": 2026, "month": 11, "day": 30}}`},
		{`{"start_time": "2026-11-22T12:00:00Z"}`, `{"start": {"year": 2026, "month": 11, "day": 22}}`},
		{`{"start": "2026-11-22", "startDate": "2026-11-23"}`, `{"start": {"year": 2026, "month": 11, "day": 22}}`},
		{`"2026-11-22"`, refused},
		{`{"startTime": "12:00"}`, refused},
	},
	"tree": {
		{`{"name": "a", "left": {"left": {"name": "c"}}, "children": [{"name": "d"}, {"children": {"name": "e"}}]}`, `{"name": "a", "left": {"left": {"name": "c"}}, "children": [{"name": "d"}, {"children": [{"name": "e"}]}]}`},
		{`{"left": {"left": {"left": 7}}}`, refused},
	},
	"email":        {{`"a@b"`, `"a@b"`}, {`""`, ``}},
	"phone":        {{`0`, `"0"`}},
	"gift":         {{`{"sku": "a"}`, `{"sku": "a"}`}, {`{}`, ``}},
	"string_value": {{`"a"`, `"a"`}, {`7.0`, `"7"`}, {`""`, ``}, {`["a"]`, `"a"`}, {`{}`, refused}},
	"bytes_value":  {{`"aGk"`, `"aGk="`}},
	"bool_value":   {{`false`, `false`}, {`"true"`, `true`}, {`0`, refused}},
	"int32_value":  {{`0.0`, `0`}, {`""`, ``}, {`1e10`, refused}},
	"int64_value":  {{`"9007199254740993"`, `"9007199254740993"`}},
	"uint32_value": {{`1`, `1`}, {`-1`, refused}},
	"uint64_value": {{`18446744073709551615`, `"18446744073709551615"`}},
	"float_value":  {{`0.5`, `0.5`}, {`1e39`, refused}},
	"double_value": {{`0`, `0`}, {`"0.5"`, `0.5`}, {`"x"`, refused}},
	"struct": {
		{`{"b": [1.0, "x", null, true, false, {}], "a": {"n": 12345678901234567890}}`, `{"a": {"n": "12345678901234567890"}, "b": [1, "x", null, true, false, {}]}`},
		{`{}`, `{}`},
		{`[]`, ``},
		{`""`, ``},
		{`[{"a": 1}]`, `{"a": 1}`},
		{`7`, refused},
		{`[1, 2]`, refused},
	},
	"value":    {{`"x"`, `"x"`}, {`""`, `""`}, {`null`, ``}, {`7.0`, `7`}, {`[1, [2]]`, `[1, [2]]`}, {`[]`, `[]`}, {`{"a": ""}`, `{"a": ""}`}, {`true`, `true`}, {`9007199254740993`, `"9007199254740993"`}},
	"list":     {{`[1, null, "", {"a": []}]`, `[1, null, "", {"a": []}]`}, {`[]`, `[]`}, {`"x"`, `["x"]`}, {`""`, ``}, {`null`, ``}, {`{"a": 1}`, `[{"a": 1}]`}},
	"null":     {{`null`, ``}, {`"NULL_VALUE"`, `null`}, {`"x"`, refused}},
	"quantity": {{`{"amount": 0.10, "unit": "kg"}`, `{"amount": "0.10", "unit": "kg"}`}, {`{"amount": 12345678901234567890.5, "unit": "m"}`, `{"amount": "12345678901234567890.5", "unit": "m"}`}, {`{"amount": "5", "unit": ""}`, `{"amount": "5"}`}, {`7.0`, `{"amount": "7.0"}`}, {`"7"`, `{"amount": "7"}`}, {`{"unit": "kg"}`, refused}, {`{"amount": "five", "unit": "kg"}`, refused}, {`"five"`, refused}},
	"money": {
		{`{"amount": 19.99, "currency": "eur"}`, `{"currencyCode": "EUR", "units": 19, "nanos": 990000000}`},
		{`{"amount": -0.5, "currency": "USD"}`, `{"currencyCode": "USD", "nanos": -500000000}`},
		{`{"amount": "1e3", "currency": "JPY"}`, `{"currencyCode": "JPY", "units": 1000}`},
		{`{"amount": 0.000000001, "currency": "USD"}`, `{"currencyCode": "USD", "nanos": 1}`},
		{`{"amount": 123456789012345678, "currency": "USD"}`, `{"currencyCode": "USD", "units": "123456789012345678"}`},
		{`{"amount": 0.0000000001, "currency": "USD"}`, refused},
		{`{"amount": 1e18, "currency": "USD"}`, refused},
		{`{"amount": 1e9223372036854775807, "currency": "USD"}`, refused},
		{`{"amount": 0.1e-9223372036854775808, "currency": "USD"}`, refused},
		{`{"amount": 5}`, refused},
		{`{"amount": 5, "currency": "EURO"}`, refused},
		{`{"amount": 5, "currency": "€xx"}`, refused},
		{`5`, refused},
		{`{}`, refused},
	},
	"lat_lng": {{`{"latitude": 52.5, "longitude": -13.4}`, `{"latitude": 52.5, "longitude": -13.4}`}, {`{"lat": "52.5", "lng": 0}`, `{"latitude": 52.5, "longitude": 0}`}, {`{"lat": 91, "lng": 0}`, refused}, {`{"lat": 1}`, refused}, {`"52.5,13.4"`, refused}},
	"address": {
		{`{"business-name": "Shop", "street-address": "Hauptstr. 1", "zip-code": 10115.0, "city": "Berlin", "admin-area": "BE", "subadmin-area": "Mitte", "country": "de", "island": "", "shortcut": ""}`, `{"organization": "Shop", "addressLines": ["Hauptstr. 1"], "postalCode": "10115", "locality": "Berlin", "administrativeArea": "BE", "sublocality": "Mitte", "regionCode": "DE"}`},
		{`{"city": "Berlin", "country": "Germany", "shortcut": "home", "island": "Museum", "original": "at home"}`, `{"addressLines": ["home", "Museum", "Germany"], "locality": "Berlin"}`},
		{`{"original": "at home"}`, `{"addressLines": ["at home"]}`},
		{`{"city": "a", "country": "é"}`, `{"locality": "a", "addressLines": ["é"]}`},
		{`{"city": "a", "country": "\\x"}`, `{"locality": "a", "addressLines": ["\\x"]}`},
		{`"Berlin"`, `{"addressLines": ["Berlin"]}`},
		{`{"planet": "Mars"}`, refused},
		{`7`, refused},
		{`{"city": {"x": 1}}`, refused},
	},
}

// times are more kinds, in Berlin.
var times = map[string][][2]string{
	"date": {
		{`"2026-11-22T23:30:00-08:00"`, `{"year": 2026, "month": 11, "day": 22}`},
		{`"2026-11-22"`, `{"year": 2026, "month": 11, "day": 22}`},
		{`{"year": 2026.0, "month": 11.0, "day": "22"}`, `{"year": 2026, "month": 11, "day": 22}`},
		{`{"year": 2026, "month": 11, "day": 22, "hours": 5, "past": {"year": 2025}}`, `{"year": 2026, "month": 11, "day": 22}`},
		{`{"date_time": "2026-11-22T12:00:00Z"}`, `{"year": 2026, "month": 11, "day": 22}`},
		{`{"date-time": "2026-11-22T12:00:00Z"}`, `{"year": 2026, "month": 11, "day": 22}`},
		{`{"dateTime": {"year": 2026, "month": 11, "day": 22}}`, `{"year": 2026, "month": 11, "day": 22}`},
		{`["2026-11-22"]`, `{"year": 2026, "month": 11, "day": 22}`},
		{`{"month": 2, "day": 29}`, `{"month": 2, "day": 29}`},
		{`{"year": 2026, "month": 11, "day": null}`, `{"year": 2026, "month": 11}`},
		{`{"day": 22}`, refused},
		{`{"year": 2026, "day": 22}`, refused},
		{`""`, ``},
		{`{"year": 2026, "month": 2, "day": 29}`, refused},
		{`"2026-02-29"`, refused},
		{`"2026-13-01"`, refused},
		{`"2026-11-00"`, refused},
		{`"0000-11-01"`, refused},
		{`"tomorrow"`, refused},
		{`{"startDate": "2026-11-22", "endDate": "2026-11-23"}`, refused},
		{`["2026-11-22", "2026-11-23"]`, refused},
		{`"12:00"`, refused},
		{`{"hours": 5}`, refused},
		{`{}`, refused},
		{`7`, refused},
		{`{"year": 20261}`, refused},
		{`{"year": 2026.5}`, refused},
		{`"2026-11-22x"`, refused},
		{`"2026-11-2"`, refused},
		{`{"year": {}}`, refused},
	},
	"time": {
		{`"2026-11-22T15:30:05.25+01:00"`, `{"hours": 15, "minutes": 30, "seconds": 5, "nanos": 250000000}`},
		{`"15:30"`, `{"hours": 15, "minutes": 30}`},
		{`"15:30:05.000000001"`, `{"hours": 15, "minutes": 30, "seconds": 5, "nanos": 1}`},
		{`{"hours": 15.0, "minutes": 30.0, "seconds": 0.0, "nanos": 0.0}`, `{"hours": 15, "minutes": 30}`},
		{`{"hours": 0}`, `{}`},
		{`"00:00"`, `{}`},
		{`"15:30:00Z"`, `{"hours": 15, "minutes": 30}`},
		{`"24:00"`, refused},
		{`"15:60"`, refused},
		{`"15:30:60"`, refused},
		{`"15"`, refused},
		{`"15h"`, refused},
		{`"2026-11-22"`, refused},
		{`{"hours": 24}`, refused},
		{`""`, ``},
		{`"noon"`, refused},
	},
	"date_time": {
		{`"2026-11-22T15:30:00-05:30"`, `{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "utcOffset": "-19800s"}`},
		{`"2026-11-22T15:30:00Z"`, `{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "utcOffset": "0s"}`},
		{`"2026-11-22T15:30:00"`, `{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "timeZone": {"id": "Europe/Berlin"}}`},
		{`{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "seconds": 1, "nanos": 2}`, `{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "seconds": 1, "nanos": 2, "timeZone": {"id": "Europe/Berlin"}}`},
		{`{"date_time": "2026-11-22T15:30:00+01:00"}`, `{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "utcOffset": "3600s"}`},
		{`{"date": "2026-11-22T12:00:00+01:00", "time": "2026-11-01T15:30:00+01:00"}`, `{"year": 2026, "month": 11, "day": 22, "hours": 15, "minutes": 30, "utcOffset": "3600s"}`},
		{`"2026-11-22"`, `{"year": 2026, "month": 11, "day": 22, "timeZone": {"id": "Europe/Berlin"}}`},
		{`"15:30"`, refused},
		{`{"hours": 15}`, refused},
		{`{"year": 2026, "hours": 15}`, refused},
		{`{"startDateTime": "2026-11-22T15:30:00Z", "endDateTime": "2026-11-22T16:30:00Z"}`, refused},
		{`"2026-11-22T15:30:00+24:00"`, refused},
		{`""`, ``},
		{`{"date": "15:30", "time": "15:30"}`, refused},
		{`{"date": "2026-11-22", "time": "2026-11-22"}`, refused},
	},
	"timestamp": {
		{`"2026-11-22T15:30:00.5+01:00"`, `"2026-11-22T14:30:00.5Z"`},
		{`"2026-11-22T15:30:00"`, `"2026-11-22T14:30:00Z"`},
		{`{"year": 2026, "month": 7, "day": 1, "hours": 12}`, `"2026-07-01T10:00:00Z"`},
		{`"2026-11-22"`, `"2026-11-21T23:00:00Z"`},
		{`"2026-03-29T02:30:00"`, `"2026-03-29T01:30:00Z"`},
		{`"2026-03-29T01:59:59"`, `"2026-03-29T00:59:59Z"`},
		{`"2026-03-29T03:00:00"`, `"2026-03-29T01:00:00Z"`},
		{`"2026-10-25T02:30:00"`, `"2026-10-25T00:30:00Z"`},
		{`"2026-10-25T01:59:59"`, `"2026-10-24T23:59:59Z"`},
		{`"2026-10-25T03:00:00"`, `"2026-10-25T02:00:00Z"`},
		{`"1969-12-31T23:59:59.5Z"`, `"1969-12-31T23:59:59.5Z"`},
		{`{"month": 7, "day": 1}`, refused},
		{`"15:30"`, refused},
		{`1732288200`, refused},
		{`""`, ``},
		{`"0001-01-01T00:00:00+01:00"`, refused},
		{`"9999-12-31T23:59:59-01:00"`, refused},
	},
	"interval": {
		{`{"startDateTime": "2026-11-22T15:30:00+01:00", "endDateTime": "2026-11-22T16:30:00+01:00"}`, `{"startTime": "2026-11-22T14:30:00Z", "endTime": "2026-11-22T15:30:00Z"}`},
		{`{"startDate": "2026-11-22T12:00:00+01:00", "endDate": "2026-11-30T12:00:00+01:00"}`, `{"startTime": "2026-11-21T23:00:00Z", "endTime": "2026-11-30T23:00:00Z"}`},
		{`{"startDate": {"year": 2026, "month": 12, "day": 31}, "endDate": {"year": 2026, "month": 12, "day": 31}}`, `{"startTime": "2026-12-30T23:00:00Z", "endTime": "2026-12-31T23:00:00Z"}`},
		{`{"startTime": "2026-11-22T15:30:00+01:00", "endTime": "2026-11-22T16:30:00+01:00"}`, `{"startTime": "2026-11-22T14:30:00Z", "endTime": "2026-11-22T15:30:00Z"}`},
		{`{"start": "2026-11-22", "end": "2026-11-22"}`, `{"startTime": "2026-11-21T23:00:00Z", "endTime": "2026-11-22T23:00:00Z"}`},
		{`{"start_date_time": "2026-11-22T15:30:00"}`, `{"startTime": "2026-11-22T14:30:00Z"}`},
		{`{"startDateTime": {"year": 2026, "month": 11, "day": 22, "hours": 9}, "endDateTime": {"year": 2026, "month": 11, "day": 22, "hours": 17, "minutes": 0}}`, `{"startTime": "2026-11-22T08:00:00Z", "endTime": "2026-11-22T16:00:00Z"}`},
		{`{"startDate": "2026-11-22", "endDate": ""}`, `{"startTime": "2026-11-21T23:00:00Z"}`},
		{`{"startDate": "2026-11-22", "endDate": "2026-11-21"}`, refused},
		{`{"startDate": "2026-11-22", "endDate": ["2026-11-22", "2026-11-23"]}`, refused},
		{`{"startDateTime": "2026-11-22T15:30:00.2Z", "endDateTime": "2026-11-22T15:30:00.1Z"}`, refused},
		{`{"startTime": "15:30", "endTime": "16:30"}`, refused},
		{`{"startTime": {"hours": 15}}`, refused},
		{`"2026-11-22"`, refused},
		{`{}`, refused},
		{`{"startDate": "", "endDate": ""}`, refused},
		{`{"starting": "2026-11-22"}`, refused},
	},
	"duration": {
		{`{"amount": 90, "unit": "min"}`, `"5400s"`},
		{`{"amount": 1.5, "unit": "h"}`, `"5400s"`},
		{`{"amount": 0.1, "unit": "s"}`, `"0.1s"`},
		{`{"amount": 1500, "unit": "ms"}`, `"1.5s"`},
		{`{"amount": 2.0, "unit": "Weeks"}`, `"1209600s"`},
		{`{"amount": "3", "unit": "day"}`, `"259200s"`},
		{`{"amount": -0.5, "unit": "min"}`, `"-30s"`},
		{`"90s"`, `"90s"`},
		{`"1.5s"`, `"1.5s"`},
		{`{"amount": 0, "unit": "s"}`, `"0s"`},
		{`{"amount": 0.0001, "unit": "ms"}`, `"0.0000001s"`},
		{`{"amount": 1, "unit": "month"}`, refused},
		{`{"amount": 1, "unit": "year"}`, refused},
		{`{"amount": 1}`, refused},
		{`{"unit": "s"}`, refused},
		{`90`, refused},
		{`"PT90S"`, refused},
		{`"s"`, refused},
		{`"90"`, refused},
		{`{"amount": 315576000001, "unit": "s"}`, refused},
		{`{"amount": 1e17, "unit": "weeks"}`, refused},
		{`{"amount": 1e9223372036854775807, "unit": "s"}`, refused},
		{`{"amount": 0.0000001, "unit": "ms"}`, refused},
		{`""`, ``},
	},
}

func TestTimes(t *testing.T) {
	for field, cases := range times {
		t.Run(field, func(t *testing.T) { testKind(t, field, cases) })
	}
}

func TestKinds(t *testing.T) {
	for field, cases := range kinds {
		t.Run(field, func(t *testing.T) { testKind(t, field, cases) })
	}
}

// testKind plays the cases of a field on both platforms, which take all forms of values.
func testKind(t *testing.T, field string, cases [][2]string) {
	t.Helper()
	for _, platform := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		method := compile(t, "KindsService.Kinds", binding.Options{Platform: platform, TimeZone: berlin(t)})
		for _, c := range cases {
			value, want := c[0], c[1]
			if platform == dialogflow.ES && (value == `""` || value == `[]`) {
				want = "" // which is how ES writes what is not filled, whatever the field takes
			}
			call, err := method.Call(turnOf(t, platform, fmt.Sprintf(`{%q: %s}`, field, value)))
			switch {
			case want == refused && err == nil:
				t.Errorf("%v %s: got %v, want a refusal", platform, value, method.decode(t, call.Request))
			case want == refused:
			case err != nil:
				t.Errorf("%v %s: %v", platform, value, err)
			default:
				name, _ := json.Marshal(method.input.Fields().ByName(protoreflect.Name(field)).JSONName())
				text := "{}"
				if want != "" {
					text = fmt.Sprintf(`{%s: %s}`, name, want)
				}
				if got, want := method.decode(t, call.Request), method.want(t, text); !proto.Equal(got, want) {
					t.Errorf("%v %s: got %v, want %v", platform, value, got, want)
				}
			}
		}
	}
}
