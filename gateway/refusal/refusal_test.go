package refusal_test

import (
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/refusal"
	"github.com/intentgate/intentgate/gateway/words"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// fields are those of a request: the parameter of each is the one of its name, and those named `silent…` have no words.
type fields struct{ t *testing.T }

// Field has words for all fields but those.
func (f fields) Field(_ *dialogflow.Turn, path string) binding.Violation {
	f.t.Helper()
	v := binding.Violation{Field: path, Parameters: []string{path}}
	if path == "both" {
		v.Parameters = []string{"day", "time"}
	}
	if !strings.HasPrefix(path, "silent") {
		v.Reprompt = reprompt(f.t, path)
	}
	return v
}

func reprompt(t *testing.T, field string) *words.Texts {
	t.Helper()
	texts, err := words.New(map[string]string{"en": "Another " + field + "?", "de": "Nochmal " + field + "?"})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func text(locale, message string) *errdetails.LocalizedMessage {
	return &errdetails.LocalizedMessage{Locale: locale, Message: message}
}

func bad(fields ...string) *errdetails.BadRequest {
	request := &errdetails.BadRequest{}
	for _, field := range fields {
		request.FieldViolations = append(request.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: field, Description: "PRIVATE"})
	}
	return request
}

func badIn(field string, said ...*errdetails.LocalizedMessage) *errdetails.BadRequest {
	request := &errdetails.BadRequest{}
	for _, words := range said {
		request.FieldViolations = append(request.FieldViolations,
			&errdetails.BadRequest_FieldViolation{Field: field, Description: "PRIVATE", LocalizedMessage: words})
	}
	return request
}

func broken(paths ...*validate.FieldPath) *validate.Violations {
	violations := &validate.Violations{}
	for _, path := range paths {
		violations.Violations = append(violations.Violations, &validate.Violation{Field: path, RuleId: proto.String("PRIVATE"), Message: proto.String("PRIVATE")})
	}
	return violations
}

func element(name string, index int) *validate.FieldPathElement {
	e := &validate.FieldPathElement{FieldName: proto.String(name)}
	if index >= 0 {
		e.Subscript = &validate.FieldPathElement_Index{Index: uint64(index)}
	}
	return e
}

// cx is a turn of a page on which size and silent are FILLED, colour is EMPTY, and wrap is EMPTY and need not be filled.
func cx() *dialogflow.Turn {
	return &dialogflow.Turn{Platform: dialogflow.CX, Language: "de-AT", Page: dialogflow.Page{Form: []dialogflow.FormParameter{
		{Name: "size", Required: true, State: "FILLED", Value: dialogflow.Value("7")},
		{Name: "silent", Required: true, State: "FILLED", Value: dialogflow.Value("7")},
		{Name: "was_wrong", Required: true, State: "INVALID", Value: dialogflow.Value("7")},
		{Name: "day", Required: true, State: "FILLED", Value: dialogflow.Value("7")},
		{Name: "time", Required: true, State: "FILLED", Value: dialogflow.Value("7")},
		{Name: "colour", Required: true, State: "EMPTY"},
		{Name: "lost", Required: true, State: "INVALID", Value: dialogflow.Value("null")},
		{Name: "wrap", State: "EMPTY"},
	}}}
}

func es() *dialogflow.Turn {
	return &dialogflow.Turn{Platform: dialogflow.ES, Language: "en", Parameters: dialogflow.Parameters{
		{Name: "size", Value: dialogflow.Value("7")}, {Name: "colour", Value: dialogflow.Value(`""`)},
	}}
}

func filling() *dialogflow.Turn {
	turn := es()
	turn.FillingSlots = true
	return turn
}

func TestOfStatus(t *testing.T) {
	t.Parallel()
	reply := func(texts ...string) *intentgatev1.Reply { return &intentgatev1.Reply{Texts: texts} }
	for name, c := range map[string]struct {
		turn    *dialogflow.Turn
		details []proto.Message
		want    string // JSON; empty: nothing is said
	}{
		"nothing":                         {cx(), nil, ""},
		"what it does not know":           {cx(), []proto.Message{durationpb.New(1), &errdetails.ErrorInfo{Reason: "PRIVATE"}, &errdetails.DebugInfo{Detail: "PRIVATE"}}, ""},
		"words":                           {cx(), []proto.Message{text("de", "Nein.")}, `{"texts":["Nein."]}`},
		"no words":                        {cx(), []proto.Message{text("de", " \n")}, ""},
		"words of another language":       {cx(), []proto.Message{text("fr", "Non.")}, `{"texts":["Non."]}`},
		"the turn's language":             {cx(), []proto.Message{text("en", "No."), text("de-DE", "Nein."), text("de", "Nee.")}, `{"texts":["Nee."]}`},
		"underscores":                     {cx(), []proto.Message{text("en_US", "No."), text("de_DE", "Nein.")}, `{"texts":["Nein."]}`},
		"no language":                     {cx(), []proto.Message{text("en", "No."), text("", "Hm.")}, `{"texts":["Hm."]}`},
		"neither is the turn's":           {cx(), []proto.Message{text("???", "Hm."), text("fr", "Non.")}, `{"texts":["Hm."]}`},
		"a Reply":                         {cx(), []proto.Message{reply("Or three?")}, `{"texts":["Or three?"]}`},
		"an empty Reply":                  {cx(), []proto.Message{reply()}, `{}`},
		"two Replies":                     {cx(), []proto.Message{reply("One."), reply("Two.")}, `{"texts":["One."]}`},
		"words and a Reply":               {cx(), []proto.Message{reply("Or three?"), text("de", "Nein.")}, `{"texts":["Nein.", "Or three?"]}`},
		"nothing twice":                   {cx(), []proto.Message{reply("Nein. ", "Or three?", "Or three?"), text("de", "Nein.")}, `{"texts":["Nein.", "Or three?"]}`},
		"filled":                          {cx(), []proto.Message{bad("size")}, `{"texts":["Nochmal size?"], "formParameters":[{"name":"size", "invalid":true}]}`},
		"filled, without words":           {cx(), []proto.Message{bad("silent")}, `{"formParameters":[{"name":"silent", "invalid":true}]}`},
		"filled, with words of its own":   {cx(), []proto.Message{badIn("size", text("fr", "Non."))}, `{"texts":["Non."], "formParameters":[{"name":"size", "invalid":true}]}`},
		"filled, in two languages":        {cx(), []proto.Message{badIn("size", text("en", "No."), text("de", "Nein."))}, `{"texts":["Nein."], "formParameters":[{"name":"size", "invalid":true}]}`},
		"filled, in words of both":        {cx(), []proto.Message{badIn("size", text("de", "Nein.")), text("de", "Nein.")}, `{"texts":["Nein."], "formParameters":[{"name":"size", "invalid":true}]}`},
		"invalid already":                 {cx(), []proto.Message{bad("was_wrong")}, `{"texts":["Nochmal was_wrong?"], "formParameters":[{"name":"was_wrong", "invalid":true}]}`},
		"made of two":                     {cx(), []proto.Message{bad("both")}, `{"texts":["Nochmal both?"], "formParameters":[{"name":"day", "invalid":true}, {"name":"time", "invalid":true}]}`},
		"twice":                           {cx(), []proto.Message{bad("size", "size"), bad("size")}, `{"texts":["Nochmal size?"], "formParameters":[{"name":"size", "invalid":true}]}`},
		"empty":                           {cx(), []proto.Message{bad("colour")}, `{}`},
		"empty, and words":                {cx(), []proto.Message{bad("colour"), text("de", "Nein.")}, `{}`},
		"empty, and a Reply":              {cx(), []proto.Message{bad("colour"), text("de", "Nein."), reply("Or three?")}, `{"texts":["Nein.", "Or three?"]}`},
		"invalid without a value":         {cx(), []proto.Message{bad("lost"), text("de", "Nein.")}, `{}`},
		"empty, and nobody asks":          {cx(), []proto.Message{bad("wrap")}, `{"texts":["Nochmal wrap?"]}`},
		"empty and filled":                {cx(), []proto.Message{bad("colour", "size"), text("de", "Nein.")}, `{"texts":["Nein.", "Nochmal size?"], "formParameters":[{"name":"size", "invalid":true}]}`},
		"elsewhere":                       {cx(), []proto.Message{bad("of_the_session")}, `{"texts":["Nochmal of_the_session?"]}`},
		"elsewhere, without words":        {cx(), []proto.Message{bad("silent_session")}, ""},
		"a Reply that tells of the field": {cx(), []proto.Message{bad("silent"), &intentgatev1.Reply{FormParameters: []*intentgatev1.Reply_FormParameter{{Name: "silent"}}}}, `{"formParameters":[{"name":"silent"}]}`},
		"rules": {
			cx(),
			[]proto.Message{broken(&validate.FieldPath{Elements: []*validate.FieldPathElement{element("size", -1)}})},
			`{"texts":["Nochmal size?"], "formParameters":[{"name":"size", "invalid":true}]}`,
		},
		"rules within": {
			cx(),
			[]proto.Message{broken(&validate.FieldPath{Elements: []*validate.FieldPathElement{element("items", 2), element("size", -1)}}, nil)},
			`{"texts":["Nochmal items[2].size?", "Nochmal ?"]}`,
		},
		"a message beside it": {
			cx(),
			[]proto.Message{text("de", "Nein."), &intentgatev1.Reply{Messages: []*intentgatev1.Reply_Message{{
				Kind: &intentgatev1.Reply_Message_Text{Text: &intentgatev1.Reply_Text{Variants: []string{"Nein."}}},
			}}}},
			`{"messages":[{"text":{"variants":["Nein."]}}]}`,
		},
		"a message to the other platform": {
			cx(),
			[]proto.Message{text("de", "Nein."), &intentgatev1.Reply{Messages: []*intentgatev1.Reply_Message{{
				Kind: &intentgatev1.Reply_Message_Text{Text: &intentgatev1.Reply_Text{Variants: []string{"Nein."}}}, Platform: intentgatev1.Platform_PLATFORM_ES,
			}}}},
			`{"texts":["Nein."], "messages":[{"text":{"variants":["Nein."]}, "platform":"PLATFORM_ES"}]}`,
		},
		"ES":                            {es(), []proto.Message{bad("size"), text("en", "No.")}, `{"texts":["No.", "Another size?"]}`},
		"ES, without words":             {es(), []proto.Message{bad("silent")}, ""},
		"ES, filling slots":             {filling(), []proto.Message{bad("colour"), text("en", "No.")}, `{}`},
		"ES, filling slots, one filled": {filling(), []proto.Message{bad("size")}, `{"texts":["Another size?"]}`},
		"ES, empty and not asked for":   {es(), []proto.Message{bad("colour")}, `{"texts":["Another colour?"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _, _ := refusal.OfStatus(c.turn, pack(t, c.details...), fields{t}, false)
			if c.want == "" {
				if got != nil {
					t.Fatalf("got %v, want nothing", got)
				}
				return
			}
			want := new(intentgatev1.Reply)
			if err := protojson.Unmarshal([]byte(c.want), want); err != nil {
				t.Fatal(err)
			}
			if got == nil || !proto.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func pack(t *testing.T, details ...proto.Message) []*anypb.Any {
	t.Helper()
	all := make([]*anypb.Any, len(details))
	for i, detail := range details {
		var err error
		if all[i], err = anypb.New(detail); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestIgnored has what a service says in vain.
func TestIgnored(t *testing.T) {
	t.Parallel()
	hello := text("en", "Hello.")
	large := pack(t, &intentgatev1.Reply{Texts: []string{strings.Repeat("x", 64<<10)}})
	damaged := pack(t, hello)
	damaged[0].Value = append(damaged[0].GetValue(), 0xff)
	many := make([]string, 33)
	for i := range many {
		many[i] = "silent" + string(rune('A'+i))
	}
	for name, c := range map[string]struct {
		details []*anypb.Any
		said    bool
		want    string
	}{
		"damaged":         {damaged, false, "details[0]: its 13 bytes are no google.rpc.LocalizedMessage"},
		"no Reply":        {[]*anypb.Any{{TypeUrl: "type.googleapis.com/intentgate.v1.Reply", Value: []byte{0x08}}}, false, "details[0]: its 1 bytes are no intentgate.v1.Reply"},
		"no type":         {[]*anypb.Any{{TypeUrl: "///", Value: []byte{0x08}}, {}, nil}, false, ""},
		"too large":       {append(pack(t, hello), large...), true, "details[1:]: a status may have 16 details of 65536 bytes"},
		"too many":        {slices.Concat(slices.Repeat(pack(t, durationpb.New(1)), 16), pack(t, hello)), false, "details[16:]: a status may have 16 details of 65536 bytes"},
		"two Replies":     {slices.Repeat(pack(t, &intentgatev1.Reply{}), 2), true, "details[1]: it is a second Reply; the first is obeyed"},
		"many violations": {pack(t, bad(many...), bad("silent"), hello), true, "violations[32:]: a status may have as many"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _, ignored := refusal.OfStatus(es(), c.details, fields{t}, false)
			if c.said != (got != nil) || strings.Join(ignored, "; ") != c.want {
				t.Errorf("got %v, %q; want %q", got, ignored, c.want)
			}
		})
	}
}

// TestOfViolations has the values that a rule refuses.
func TestOfViolations(t *testing.T) {
	t.Parallel()
	violations := []binding.Violation{
		{Field: "size", Parameters: []string{"size"}, Problem: "PRIVATE", Reprompt: reprompt(t, "size")},
		{Field: "colour", Parameters: []string{"colour"}, Problem: "PRIVATE", Reprompt: reprompt(t, "colour")},
	}
	got := refusal.OfViolations(cx(), violations, true)
	want := &intentgatev1.Reply{Texts: []string{"Nochmal size?"}, FormParameters: []*intentgatev1.Reply_FormParameter{{Name: "size", Invalid: true}}}
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := refusal.OfViolations(es(), []binding.Violation{{Field: "size", Problem: "PRIVATE"}}, true); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
}
