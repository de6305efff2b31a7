package binding_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// always are the parameters that every AnswerResponse sets: those of fields that are there always, and of those that
// clear what is absent.
const always = `"count": 0, "kept": "", "cleared": null, "cleared_within": null, "list": [], "item": null`

func TestMethodAnswer(t *testing.T) {
	method := compile(t, "AnswersService.Answer", binding.Options{Platform: dialogflow.ES})
	for _, c := range []struct{ name, response, want string }{
		{"nothing", `{}`, `{"sessionParameters": {` + always + `}}`},
		{
			"text", `{"text": "a", "more": ["b", "", "c"], "saidAndKept": "d", "note": "stays here"}`,
			`{"texts": ["a", "b", "c", "d"], "sessionParameters": {"count": 0, "kept": "d", "cleared": null, "cleared_within": null, "list": [], "item": null}}`,
		},
		{
			"optional", `{"maybe": "", "cleared": "", "item": {}}`,
			`{"sessionParameters": {"count": 0, "kept": "", "maybe": "", "cleared": "", "cleared_within": null, "list": [], "item": {"sku": "", "count": 0, "color": ""}}}`,
		},
		{
			"within", `{"part": {"said": "a", "number": 7, "next": {"said": "not looked for", "number": 8}, "within": {"deep": true, "plain": "b"}}}`,
			`{"texts": ["a"], "sessionParameters": {"count": 0, "kept": "", "cleared": null, "cleared_within": "", "list": [], "item": null, "number": 7, "within": {"deep": true, "plain": "b"}, "deep": true}}`,
		},
		{"within lists and maps", `{"parts": [{"said": "a", "number": 7}], "byName": {"x": {"said": "a"}}}`, `{"sessionParameters": {` + always + `}}`},
		{"one of", `{"or": "0"}`, `{"sessionParameters": {` + always + `, "or": 0}}`},
		{"list", `{"list": ["a"]}`, `{"sessionParameters": {"count": 0, "kept": "", "cleared": null, "cleared_within": null, "list": ["a"], "item": null}}`},
		{
			"members by parameter", `{"line": {"article": "a", "count": 2, "secret": "s", "due": {"year": 2026, "month": 11, "day": 22}}}`,
			`{"sessionParameters": {` + always + `, "line": {"sku": "a", "quantity": 2, "due": "2026-11-22T00:00:00", "secret": "s"}}}`,
		},
		{
			"reply", `{"text": "a", "count": 7, "reply": {"texts": ["b"], "targetPage": "pages/p", "sessionParameters": {"count": 8, "cleared": "kept", "more": null}}}`,
			`{"texts": ["a", "b"], "targetPage": "pages/p", "sessionParameters": {"count": 8, "kept": "", "cleared": "kept", "cleared_within": null, "list": [], "item": null, "more": null}}`,
		},
		{"reply without parameters", `{"reply": {"sessionParameters": {}, "endInteraction": true}}`, `{"endInteraction": true, "sessionParameters": {` + always + `}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, err := method.Answer(wireOf(t, descriptor(t, "AnswersService.Answer").Output(), c.response))
			wantReply(t, answer, err, c.want)
		})
	}
}

func wantReply(t *testing.T, answer binding.Answer, err error, want string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	reply := new(intentgatev1.Reply)
	if err := protojson.Unmarshal([]byte(want), reply); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(answer.Reply, reply) || answer.JSON != nil {
		t.Errorf("got %v, want %v", answer.Reply, reply)
	}
}

// Nothing leaves the house that does not say so.
func TestAnswerOfNothing(t *testing.T) {
	method := compile(t, "AnswersService.Silence", binding.Options{Platform: dialogflow.CX, TimeZone: berlin(t)})
	answer, err := method.Answer(wireOf(t, descriptor(t, "AnswersService.Silence").Output(), `{"note": "a", "tree": {"name": "b"}, "parts": [{"said": "c"}]}`))
	wantReply(t, answer, err, `{}`)
}

// The ES context of the service's annotation holds what is set, for as long as it says.
func TestAnswerInContext(t *testing.T) {
	method := compile(t, "AnswersService.TrackOrder", binding.Options{Platform: dialogflow.ES})
	answer, err := method.Answer(wireOf(t, descriptor(t, "AnswersService.TrackOrder").Output(),
		`{"text": "It is on its way.", "status": "ORDER_STATUS_SENT", "warehouseNote": "shelf 5", "paid": {"currencyCode": "EUR", "units": 20}}`))
	if err != nil {
		t.Fatal(err)
	}
	var options dialogflow.WriteOptions
	options.Context, options.ContextLifespan = method.Context()
	turn := read(t, dialogflow.ES, `{"session": "projects/p/agent/sessions/s", "queryResult": {"intent": {"displayName": "track"}, "outputContexts": [
		{"name": "projects/p/agent/sessions/s/contexts/answers", "lifespanCount": 2, "parameters": {"earlier": 9007199254740993, "order_status": "ORDER_STATUS_OPEN"}}]}}`)
	body, _, err := dialogflow.Write(turn, answer.Reply, options)
	want := `{"fulfillmentText": "It is on its way.", "fulfillmentMessages": [{"text": {"text": ["It is on its way."]}}], "outputContexts": [
		{"name": "projects/p/agent/sessions/s/contexts/answers", "lifespanCount": 7, "parameters":
			{"earlier": 9007199254740993, "order_status": "ORDER_STATUS_SENT", "paid": {"amount": 20, "currency": "EUR"}}}]}`
	if err != nil || !sameJSON(t, body, want) {
		t.Errorf("got %s, %v; want %s", body, err, want)
	}
}

// raw puts fields together as a service might, who knows what wrote them.
type raw []byte

func (r raw) varint(n protowire.Number, v uint64) raw {
	return protowire.AppendVarint(protowire.AppendTag(r, n, protowire.VarintType), v)
}

func (r raw) bytes(n protowire.Number, v string) raw {
	return protowire.AppendString(protowire.AppendTag(r, n, protowire.BytesType), v)
}

// Bytes may say a thing more than once, or in another way than this program's own would.
func TestAnswerReadsOddBytes(t *testing.T) {
	answers := compile(t, "AnswersService.Answer", binding.Options{Platform: dialogflow.ES})
	for _, c := range []struct {
		name  string
		bytes raw
		want  string
	}{
		{"last wins", raw{}.varint(9, 7).bytes(1, "a").varint(9, 8).bytes(1, "b"), `{"texts": ["b"], "sessionParameters": {` + strings.Replace(always, "0", "8", 1) + `}}`},
		{"messages are merged", raw{}.bytes(13, string(raw{}.bytes(1, "a"))).bytes(13, string(raw{}.varint(2, 7))), `{"sessionParameters": {` + always + `, "line": {"sku": "a", "quantity": 7, "secret": ""}}}`},
		{"replies are merged", raw{}.bytes(8, string(raw{}.bytes(1, "a"))).bytes(8, string(raw{}.bytes(1, "b"))), `{"texts": ["a", "b"], "sessionParameters": {` + always + `}}`},
		{"last of a oneof", raw{}.bytes(10, "a").varint(11, 7), `{"sessionParameters": {` + always + `, "or": 7}}`},
		{"last of a oneof, the first again", raw{}.bytes(15, "\x08\x01").varint(11, 7).bytes(15, "\x12\x01x"), `{"sessionParameters": {` + always + `, "else": {"deep": false, "plain": "x"}}}`},
		{"unknown fields", append(raw{}.varint(1000, 1).bytes(1001, "x"), 0xc3, 0x3e, 0xc4, 0x3e), `{"sessionParameters": {` + always + `}}`},
		{"32 bits of more", raw{}.varint(9, 1<<32|7), `{"sessionParameters": {` + strings.Replace(always, "0", "7", 1) + `}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, err := answers.Answer(c.bytes)
			wantReply(t, answer, err, c.want)
		})
	}
	legacy := compile(t, "RefusedAnswersService.Legacy", binding.Options{Platform: dialogflow.ES})
	for _, c := range []struct {
		name  string
		bytes raw
		want  string
	}{
		{"nothing", nil, `{"sessionParameters": {"expanded": [], "packed": []}}`}, // neither defaults nor required fields
		{"packed or not", raw{}.bytes(2, "\x01\x02").varint(2, 3).varint(3, 4).bytes(3, "\x05"), `{"sessionParameters": {"expanded": [1, 2, 3], "packed": [4, 5]}}`},
		{"closed enum", raw{}.varint(4, 9), `{"sessionParameters": {"expanded": [], "packed": [], "closed": 9}}`},
		{"group", append(raw{}, 0x33, 0x0a, 0x01, 'a', 0x34), `{"sessionParameters": {"expanded": [], "packed": []}}`},
	} {
		t.Run("legacy "+c.name, func(t *testing.T) {
			answer, err := legacy.Answer(c.bytes)
			wantReply(t, answer, err, c.want)
		})
	}
}

// Bytes that are no response are an error that says where, and nothing of what.
func TestAnswerRefusesBytes(t *testing.T) {
	answers := compile(t, "AnswersService.Answer", binding.Options{Platform: dialogflow.ES})
	echo := echo(t, dialogflow.ES)
	for _, c := range []struct {
		name   string
		method *typed
		bytes  raw
		want   string
	}{
		{"cut", answers, raw{}.bytes(1, "secret")[:5], "response of 5 bytes: "},
		{"no field", answers, raw{0}, "response of 1 bytes: "},
		{"end of no group", answers, raw{0x0c}, "response of 1 bytes: "},
		{"no text", answers, raw{}.bytes(1, "secret\xff"), "text: 7 bytes that are no UTF-8"},
		{"other type", answers, raw{}.bytes(9, "secret"), "count: the bytes are of another type"},
		{"other type of a message", answers, raw{}.varint(13, 1), "line: the bytes are of another type"},
		{"other type of a Reply", answers, raw{}.varint(8, 1), "reply: the bytes are of another type"},
		{"no Reply", answers, raw{}.bytes(8, "\x0a\x05a"), "reply: "},
		{"cut within", answers, raw{}.bytes(7, "\x0a\x05a"), "part: "},
		{"cut within a value", answers, raw{}.bytes(13, "\x0a\x05a"), "line: "},
		{"member of another type", answers, raw{}.bytes(13, "\x08\x05"), "line: article: the bytes are of another type"},
		{"element of another type", echo, raw{}.varint(20, 1), "strings: the bytes are of another type"},
		{"element of a packed list", echo, raw{}.bytes(25, "\x00"), "doubles: "},
		{"list of messages", echo, raw{}.varint(24, 1), "items: the bytes are of another type"},
		{"entry of another type", echo, raw{}.varint(30, 1), "labels: the bytes are of another type"},
		{"entry", echo, raw{}.bytes(30, "\x0a"), "labels: "},
		{"key of another type", echo, raw{}.bytes(31, "\x0a\x00"), "rates: the bytes are of another type"},
		{"value of another type", echo, raw{}.bytes(32, "\x10\x00"), "by_flag: the bytes are of another type"},
		{"wrapper", echo, raw{}.bytes(50, "\x08\x00"), "string_value: the bytes are of another type"},
		{"wrapper that is cut", echo, raw{}.bytes(50, "\x0a"), "string_value: "},
		{"known message", echo, raw{}.bytes(70, "\x0a"), "date: "},
		{"timestamp", echo, raw{}.bytes(63, string(raw{}.varint(1, 1<<60))), "timestamp: "},
		{"duration", echo, raw{}.bytes(64, string(raw{}.varint(1, 1).varint(2, 1e9))), "duration: "},
		{"interval", echo, raw{}.bytes(73, string(raw{}.bytes(1, string(raw{}.varint(1, 1<<60))))), "interval: "},
		{"interval's end", echo, raw{}.bytes(73, string(raw{}.bytes(2, string(raw{}.varint(1, 1<<60))))), "interval: "},
	} {
		answer, err := c.method.Answer(c.bytes)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, %v; want an error with %q", c.name, answer.Reply, err, c.want)
		}
	}
}

func TestCompileRefusesAnswers(t *testing.T) {
	_, err := binding.Compile(descriptor(t, "RefusedAnswersService.Refused"), binding.Options{Platform: dialogflow.CX})
	got := problems(t, err)
	for element, want := range map[string]string{
		"refused_answers.proto: kinds.v1.RefusedAnswer.number_text":    "no string",
		"refused_answers.proto: kinds.v1.RefusedAnswer.map_text":       "no string",
		"refused_answers.proto: kinds.v1.RefusedAnswer.clears_nothing": "sets nothing",
		"refused_answers.proto: kinds.v1.RefusedAnswer.never_unset":    "never unset",
		"refused_answers.proto: kinds.v1.RefusedAnswer.again":          `sets the parameter "name", as response.once does`,
		"refused_answers.proto: kinds.v1.RefusedAnswer.any":            "Any",
		"refused_answers.proto: kinds.v1.RefusedAnswer.grouped":        "a group",
		"refused_answers.proto: kinds.v1.RefusedAnswer.replies":        "a Reply is obeyed",
		"refused_answers.proto: kinds.v1.RefusedAnswer.second":         "second Reply beside response.reply",
		"refused_answers.proto: kinds.v1.RefusedAnswer.kept":           "a Reply is obeyed",
		"kinds.proto: kinds.v1.Tree":                                   "holds itself",
		"answers.proto: kinds.v1.Part":                                 "more than once",
	} {
		if len(got[element]) == 0 || !strings.Contains(got[element][0], want) {
			t.Errorf("%s: got %q, want %q", element, got[element], want)
		}
		delete(got, element)
	}
	if len(got) > 0 {
		t.Errorf("problems of others: %q", got)
	}
}

// What the configuration says of a response's fields stands in for what the proto says; a Reply is obeyed all the same.
func TestAnswerWithAnnotations(t *testing.T) {
	annotations := &binding.Annotations{Fields: map[string]*intentgatev1.ParameterOptions{
		"response.note":              {Text: true},
		"response.part.next.said":    {Set: "said"},
		"response.part.within.plain": {Set: "plain", ClearWhenUnset: true},
		"response.line":              {Set: "line"},
		"response.line.article":      {Parameter: []string{"thing"}},
		"response.item.price.units":  {Set: "euros"},
		"response.item.price":        {Set: "price"},
		"response.list":              {Set: "words"},
	}}
	method := compile(t, "AnswersService.Answer", binding.Options{Platform: dialogflow.ES, Annotations: annotations})
	answer, err := method.Answer(wireOf(t, descriptor(t, "AnswersService.Answer").Output(), `{"text": "no", "note": "yes", "count": 7, "line": {"article": "a"},
		"part": {"said": "no"}, "item": {"price": {"units": 5, "currencyCode": "EUR"}}, "reply": {"texts": ["and"]}}`))
	wantReply(t, answer, err, `{"texts": ["yes", "and"], "sessionParameters": {"plain": null, "line": {"thing": "a", "count": 0, "secret": ""}, "price": {"amount": 5, "currency": "EUR"}, "euros": 5, "words": []}}`)
}

func TestDescribeAnswer(t *testing.T) {
	var got []string
	for _, f := range compile(t, "AnswersService.Answer", binding.Options{Platform: dialogflow.ES}).Describe().Response {
		got = append(got, fmt.Sprintf("%s %s reply=%v text=%v set=%q clear=%v", f.Path, f.Type, f.Reply, f.Text, f.Set, f.Clear))
	}
	want := []string{
		`count int32 reply=false text=false set="count" clear=false`,
		`text string reply=false text=true set="" clear=false`,
		`more repeated string reply=false text=true set="" clear=false`,
		`said_and_kept string reply=false text=true set="kept" clear=false`,
		`maybe string reply=false text=false set="maybe" clear=false`,
		`cleared string reply=false text=false set="cleared" clear=true`,
		`part.said string reply=false text=true set="" clear=false`,
		`part.number int32 reply=false text=false set="number" clear=false`,
		`part.cleared string reply=false text=false set="cleared_within" clear=true`,
		`part.within kinds.v1.Part.Within reply=false text=false set="within" clear=false`,
		`part.within.deep bool reply=false text=false set="deep" clear=false`,
		`reply intentgate.v1.Reply reply=true text=false set="" clear=false`,
		`either string reply=false text=false set="either" clear=false`,
		`or int64 reply=false text=false set="or" clear=false`,
		`else kinds.v1.Else reply=false text=false set="else" clear=false`,
		`line kinds.v1.Line reply=false text=false set="line" clear=false`,
		`list repeated string reply=false text=false set="list" clear=false`,
		`item kinds.v1.Item reply=false text=false set="item" clear=true`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Messages of messages that no one could write out are compiled nevertheless: a descriptor is a stranger's.
func TestCompileOfManyPaths(t *testing.T) {
	const levels = 60
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("many.proto"), Syntax: proto.String("proto3"), Dependency: []string{"intentgate/v1/annotations.proto"}}
	field := func(name string, number int32, of int) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{
			Name: proto.String(name), Number: proto.Int32(number), TypeName: proto.String(fmt.Sprintf(".M%d", of)),
			Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}
	}
	annotated := func(f *descriptorpb.FieldDescriptorProto, options *intentgatev1.ParameterOptions) *descriptorpb.FieldDescriptorProto {
		f.Options = new(descriptorpb.FieldOptions)
		proto.SetExtension(f.Options, intentgatev1.E_Field, options)
		return f
	}
	for i := range levels {
		message := &descriptorpb.DescriptorProto{Name: proto.String(fmt.Sprintf("M%d", i))}
		if i < levels-1 {
			message.Field = []*descriptorpb.FieldDescriptorProto{field("a", 1, i+1), field("b", 2, i+1)}
		} else {
			text := &descriptorpb.FieldDescriptorProto{Name: proto.String("a"), Number: proto.Int32(1), Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
			message.Field = append(message.Field, annotated(text, &intentgatev1.ParameterOptions{Text: true}))
		}
		file.MessageType = append(file.MessageType, message)
	}
	file.MessageType = append(file.MessageType, &descriptorpb.DescriptorProto{Name: proto.String("Response"), Field: []*descriptorpb.FieldDescriptorProto{
		annotated(field("whole", 1, 0), &intentgatev1.ParameterOptions{Set: "whole"}), field("inside", 2, 0),
	}})
	file.Service = []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("Service"), Method: []*descriptorpb.MethodDescriptorProto{
		{Name: proto.String("Method"), InputType: proto.String(".M0"), OutputType: proto.String(".Response")},
	}}}
	built, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	m, err := binding.Compile(built.Services().Get(0).Methods().Get(0), binding.Options{Platform: dialogflow.ES})
	if err != nil {
		t.Fatal(err)
	}
	response := raw{}.bytes(1, "said")
	for range levels - 1 {
		response = raw{}.bytes(2, string(response))
	}
	answer, err := m.Answer(raw{}.bytes(2, string(response)))
	wantReply(t, answer, err, `{"texts": ["said"]}`)
	m.Describe()
}

func BenchmarkMethodAnswer(b *testing.B) {
	response := descriptor(b, "AnswersService.TrackOrder").Output()
	wire := wireOf(b, response, `{"text": "Order A-1042 is on its way.", "status": "ORDER_STATUS_SENT", "warehouseNote": "shelf 5", "paid": {"currencyCode": "EUR", "units": 19, "nanos": 990000000}}`)
	method := compile(b, "AnswersService.TrackOrder", binding.Options{Platform: dialogflow.ES})
	b.Run("compiled", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := method.Answer(wire); err != nil {
				b.Fatal(err)
			}
		}
	})
	// For comparison: the message by reflection alone, out of which nothing is made yet.
	b.Run("dynamicpb", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := proto.Unmarshal(wire, dynamicpb.NewMessage(response)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
