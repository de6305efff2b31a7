package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

var update = flag.Bool("update", false, "write the golden files anew; look at the difference before committing it")

// private is in all that a service writes for developers, in each of its statuses.
const private = "PRIVATE"

// circumstance is a state that a parameter named size is in when its value is refused.
type circumstance struct {
	name  string
	setup func(*setup)
	body  string
}

func circumstances() []circumstance {
	const contexts = `, "outputContexts": [
		{"name": "projects/shop/agent/sessions/s/contexts/shop_order_dialog_context", "lifespanCount": 2, "parameters": {"size": 7.10, "colour": ""}},
		{"name": "projects/shop/agent/sessions/s/contexts/0a1b_id_dialog_context", "lifespanCount": 2, "parameters": {"size": 7.10, "colour": ""}},
		{"name": "projects/shop/agent/sessions/s/contexts/shop_order_dialog_params_colour", "lifespanCount": 1, "parameters": {"size": 7.10, "colour": ""}}]`
	es := func(parameters, more string) string {
		return `{"responseId": "1", "session": "projects/shop/agent/sessions/s", "queryResult": {"languageCode": "en",
			"intent": {"name": "projects/shop/agent/intents/0a1b", "displayName": "shop.order"}, "parameters": {` + parameters + `}` + more + `}}`
	}
	cx := func(form string) string {
		if form != "" {
			form = `, "formInfo": {"parameterInfo": [` + form + `]}`
		}
		return `{"detectIntentResponseId": "1", "languageCode": "en", "fulfillmentInfo": {"tag": "order"},
			"pageInfo": {"currentPage": "` + agentName + `/flows/f/pages/p"` + form + `},
			"sessionInfo": {"session": "` + agentName + `/sessions/s", "parameters": {"size": 7.10}}}`
	}
	onES := func(api dialogflow.API, reopen bool) func(*setup) {
		return func(s *setup) { s.API, s.ReopenParameters = api, reopen }
	}
	const allThere = `, "allRequiredParamsPresent": true`
	return []circumstance{
		{"CX, in the form, FILLED", onCX(nil), cx(`{"displayName": "size", "required": true, "state": "FILLED", "value": 7.10}`)},
		{"CX, in the form, INVALID", onCX(nil), cx(`{"displayName": "size", "required": true, "state": "INVALID", "value": 7.10}`)},
		{"CX, in the form, EMPTY", onCX(nil), cx(`{"displayName": "size", "required": true, "state": "EMPTY"}`)},
		{"CX, in the form, EMPTY, and not required", onCX(nil), cx(`{"displayName": "size", "state": "EMPTY"}`)},
		{"CX, of the session, beside a form", onCX(nil), cx(`{"displayName": "colour", "required": true, "state": "FILLED", "value": "red"}`)},
		{"CX, of the session, no form", onCX(nil), cx("")},
		{"ES V2, there", onES(dialogflow.V2, false), es(`"size": 7.10`, allThere)},
		{"ES V2, there, while another slot is filled", onES(dialogflow.V2, false), es(`"size": 7.10, "colour": ""`, contexts)},
		{"ES V2, there, while another slot is filled, reopen_parameters", onES(dialogflow.V2, true), es(`"size": 7.10, "colour": ""`, contexts)},
		{"ES V2, a slot that is filled next", onES(dialogflow.V2, false), es(`"size": ""`, "")},
		{"ES V2BETA1, there", onES(dialogflow.V2Beta1, false), es(`"size": 7.10`, allThere)},
	}
}

// saying is what a service says with its status.
type saying struct {
	name    string
	details []proto.Message
}

func sayings() []saying {
	en, de := &errdetails.LocalizedMessage{Locale: "en", Message: "Seven is sold out."}, &errdetails.LocalizedMessage{Locale: "de", Message: "Sieben ist ausverkauft."}
	field := func(words *errdetails.LocalizedMessage) *errdetails.BadRequest {
		return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "size." + private, Description: private, Reason: private, LocalizedMessage: words},
		}}
	}
	rule := &validate.Violations{Violations: []*validate.Violation{{
		Field:  &validate.FieldPath{Elements: []*validate.FieldPathElement{{FieldName: proto.String("size")}, {FieldName: proto.String(private)}}},
		RuleId: proto.String(private), Message: proto.String(private),
	}}}
	alternatives := &intentgatev1.Reply{
		Texts:             []string{"Six and eight are there."},
		SessionParameters: &structpb.Struct{Fields: map[string]*structpb.Value{"offered": structpb.NewStringValue("6, 8")}},
	}
	clears := &intentgatev1.Reply{FormParameters: []*intentgatev1.Reply_FormParameter{{Name: "size", Value: structpb.NewNullValue()}}}
	marks := &intentgatev1.Reply{FormParameters: []*intentgatev1.Reply_FormParameter{{Name: "size", Invalid: true}}}
	tooLarge := &intentgatev1.Reply{Texts: []string{strings.Repeat(`"`, 40<<10)}} // in JSON twice as long
	return []saying{
		{"nothing for the user", nil},
		{"LocalizedMessage", []proto.Message{en}},
		{"LocalizedMessage in two languages", []proto.Message{de, en}},
		{"LocalizedMessage of another language", []proto.Message{de}},
		{"Reply", []proto.Message{alternatives}},
		{"LocalizedMessage, Reply", []proto.Message{en, alternatives}},
		{"BadRequest", []proto.Message{field(nil)}},
		{"BadRequest with words", []proto.Message{field(&errdetails.LocalizedMessage{Locale: "en", Message: "Which size instead?"})}},
		{"LocalizedMessage, BadRequest", []proto.Message{en, field(nil)}},
		{"LocalizedMessage, BadRequest with the same words", []proto.Message{en, field(en)}},
		{"LocalizedMessage, BadRequest, Reply", []proto.Message{en, field(nil), alternatives}},
		{"BadRequest, Reply that clears the parameter", []proto.Message{field(nil), clears}},
		{"buf.validate.Violations", []proto.Message{rule}},
		{"LocalizedMessage, buf.validate.Violations", []proto.Message{en, rule}},
		{"BadRequest, Reply that marks the field, whatever its state", []proto.Message{field(nil), marks}},
		{"Reply larger than an answer may be", []proto.Message{tooLarge}},
	}
}

// refusing is the error of a status, which also has what developers would put there.
func refusing(tb testing.TB, code codes.Code, details []proto.Message) error {
	tb.Helper()
	all := []protoadapt.MessageV1{
		&errdetails.ErrorInfo{Reason: private, Domain: private, Metadata: map[string]string{private: private}},
		&errdetails.DebugInfo{StackEntries: []string{private}, Detail: private},
		&errdetails.Help{Links: []*errdetails.Help_Link{{Description: private, Url: private}}},
	}
	for _, detail := range details {
		all = append(all, protoadapt.MessageV1Of(detail))
	}
	return must(status.New(code, private).WithDetails(all...))(tb).Err()
}

// TestStatuses plays all codes with all details in all circumstances, and compares what the user gets to hear with a table that people
// can read. Nothing depends on the code where there are words, and nothing private ever leaves.
func TestStatuses(t *testing.T) {
	var table bytes.Buffer
	fmt.Fprintln(&table, "What becomes of the status of a service that refuses the parameter `size`, which the user gave as 7.10. Written by")
	fmt.Fprintln(&table, "`go test ./gateway -run TestStatuses -update`.")
	for _, c := range circumstances() {
		f := start(t, c.setup)
		var with setup
		c.setup(&with)
		fmt.Fprintf(&table, "\n=== %s\n", c.name)
		for _, s := range sayings() {
			fmt.Fprintf(&table, "\n%s\n", s.name)
			var first string
			for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
				f.service.answer = func(context.Context) ([]byte, error) { return nil, refusing(t, code, s.details) }
				got := f.send(f.request(t.Context(), fresh(c.body)))
				<-f.service.calls
				text := judged(t, with.API, c.body, got, f.line(), code)
				if got.status == 200 && code > codes.Canceled && text != first {
					t.Errorf("%s, %s, %s: %s, and otherwise: %s", c.name, s.name, code, text, first)
				}
				if code == codes.Canceled {
					first = text
				}
				if code == codes.InvalidArgument {
					table.WriteString(text)
				}
			}
		}
	}
	compare(t, "statuses.golden.txt", table.Bytes())
}

// judged tells what Dialogflow makes of an answer, after checking all that holds for each.
func judged(t *testing.T, api dialogflow.API, asked string, got answer, logged line, code codes.Code) string {
	t.Helper()
	if strings.Contains(got.body+fmt.Sprint(got.header), private) {
		t.Errorf("%s: something private leaves: %s %s", code, got.header, got.body)
	}
	outcome := simulator.Judge(api, []byte(asked), simulator.Answer{Status: got.status, Body: []byte(got.body)}, nil)
	var text strings.Builder
	if got.status == 200 {
		fmt.Fprintf(&text, "    %s\n", compact(t, got.body))
		if len(outcome.Problems) > 0 || logged.Answer != "status" || logged.Code != "OK" || logged.Reason != "" {
			t.Errorf("%s: %s\n%q, logged as %+v", code, got.body, outcome.Problems, logged)
		}
	} else {
		fmt.Fprintf(&text, "    HTTP %d\n", got.status)
		if got.status != binding.HTTPStatus(code) || logged.Answer != "" || logged.Code != code.String() {
			t.Errorf("%s: HTTP %d, logged as %+v", code, got.status, logged)
		}
	}
	for _, heard := range outcome.Heard {
		fmt.Fprintf(&text, "    Dialogflow would say: %s\n", heard)
	}
	for _, effect := range outcome.Effects {
		fmt.Fprintf(&text, "    Dialogflow would %s\n", effect)
	}
	return text.String()
}

// compact is JSON in one line, and what repeats itself in it in short.
func compact(t *testing.T, body string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(body)); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "projects/shop/agent/sessions/s", "…")
}

// compare compares with a file of testdata, or writes it.
func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile("testdata/"+name, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := must(fs.ReadFile(os.DirFS("testdata"), name))(t)
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s:%d: got\n%s\nwant\n%s", name, i+1, g[i], w[i])
		}
	}
	if !slices.Equal(g, w) {
		t.Fatalf("%s: got %d lines, want %d", name, len(g), len(w))
	}
}

// TestCodes has what is done of each code with nothing for the user.
func TestCodes(t *testing.T) {
	var table bytes.Buffer
	fmt.Fprintln(&table, "What becomes of a status without details for the user. Written by `go test ./gateway -run TestCodes -update`.")
	for _, c := range circumstances() {
		if c.name != "CX, of the session, no form" && c.name != "ES V2, there" {
			continue
		}
		f := start(t, c.setup)
		platform, api := "ES", dialogflow.V2
		if strings.HasPrefix(c.name, "CX") {
			platform, api = "CX", dialogflow.V3
		}
		fmt.Fprintln(&table)
		for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
			f.service.answer = func(context.Context) ([]byte, error) { return nil, refusing(t, code, nil) }
			got := f.send(f.request(t.Context(), fresh(c.body)))
			<-f.service.calls
			_ = judged(t, api, c.body, got, f.line(), code)
			outcome := simulator.Judge(api, []byte(c.body), simulator.Answer{Status: got.status, Body: []byte(got.body)}, nil)
			fmt.Fprintf(&table, "%s %-20s HTTP %d: Dialogflow would %s\n", platform, code, got.status, strings.Join(outcome.Effects, " and "))
		}
	}
	compare(t, "codes.golden.txt", table.Bytes())
}
