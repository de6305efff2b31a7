package dialogflow_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
)

// page is docs/answers.md: blocks that are a Reply or the response of a method, each followed by what goes out for it.
const page = "../../docs/answers.md"

// A block of JSON whose info string says what it is: "turn ES", "reply" or "response" with the name of a method of the
// orders service. What goes out stands between marks behind the last two.
var (
	jsonBlock = regexp.MustCompile("(?s)```json (turn|reply|response)(?: (\\w+))?\n(.*?)```\n")
	goesOut   = regexp.MustCompile(`(?s)\A\n<!-- goes out -->\n.*?<!-- end -->\n`)
)

// TestDocumentedAnswers plays every reply of docs/answers.md, for each API, and has Dialogflow judge what goes out; with
// -update it writes that into the page. Every field and every value of an enum that a Reply has is in one of them.
func TestDocumentedAnswers(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var (
		seen     = shown{}
		turns    = map[string]string{}
		out, end = new(bytes.Buffer), 0
	)
	for _, at := range jsonBlock.FindAllSubmatchIndex(text, -1) {
		part := func(i int) string {
			if at[2*i] < 0 {
				return ""
			}
			return string(text[at[2*i]:at[2*i+1]])
		}
		kind, name, body := part(1), part(2), part(3)
		out.Write(text[end:at[1]])
		end = at[1]
		if kind == "turn" {
			turns[name] = body
			continue
		}
		stale := goesOut.Find(text[end:])
		if stale == nil && !*update {
			t.Errorf("nothing says what goes out for %s", body)
		}
		end += len(stale)
		out.WriteString("\n<!-- goes out -->\n\n")
		for _, answer := range seen.play(t, turns, name, body) {
			fmt.Fprintf(out, "**%s**\n\n```json\n%s\n```\n\n", answer.api, answer.body)
			for _, sentence := range answer.dropped {
				fmt.Fprintf(out, "- Left out: `%s`\n", sentence)
			}
			if len(answer.dropped) > 0 {
				out.WriteByte('\n')
			}
		}
		out.WriteString("<!-- end -->\n")
	}
	out.Write(text[end:])
	if *update {
		golden(t, page, out.Bytes())
	} else if got, want := lines(out.Bytes()), lines(text); !slices.Equal(got, want) {
		i := 0
		for i < min(len(got), len(want)) && got[i] == want[i] {
			i++
		}
		t.Errorf("docs/answers.md:%d: what goes out is no longer what the page says; run this test with -update and look at the difference", i+1)
	}
	for _, path := range paths(new(intentgatev1.Reply).ProtoReflect().Descriptor(), "") {
		if !seen[path] {
			t.Errorf("docs/answers.md does not show %s", path)
		}
	}
}

func lines(text []byte) []string { return strings.Split(string(text), "\n") }

// TestDocumentedWarnings wants every sentence about what is left out of an answer in docs/answers.md.
func TestDocumentedWarnings(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("write*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		source, err := os.ReadFile(file) //nolint:gosec // the package's own
		if err != nil {
			t.Fatal(err)
		}
		for _, sentence := range regexp.MustCompile(`(?:w\.drop\(|problem = |return "", "", )"((?:[^"\\]|\\.)+)"`).FindAllSubmatch(source, -1) {
			seen++
			for _, piece := range regexp.MustCompile(`%[a-z]`).Split(strings.ReplaceAll(string(sentence[1]), "%%", "%"), -1) { // what stands between values
				if !strings.Contains(string(text), strings.TrimSpace(piece)) {
					t.Errorf("%s: docs/answers.md does not show %q", file, sentence[1])
					break
				}
			}
		}
	}
	if seen < 25 {
		t.Errorf("%d sentences: are they written otherwise now?", seen)
	}
}

// answered is what goes out for one reply.
type answered struct {
	api     string // all of ES, or one of its versions, or CX
	body    string
	dropped []string
}

// shown are the fields and values of enums that replies had, as paths names them.
type shown map[string]bool

// play writes what goes out for a reply, or for the response of a method.
func (s shown) play(t *testing.T, turns map[string]string, method, body string) (all []answered) {
	t.Helper()
	for _, api := range []dialogflow.API{dialogflow.V2, dialogflow.V2Beta1, dialogflow.V3} {
		platform, name := dialogflow.ES, "ES "+api.String()
		if api == dialogflow.V3 {
			platform, name = dialogflow.CX, "CX"
		}
		request := []byte(turns[platform.String()])
		turn, err := dialogflow.Read(platform, request)
		if err != nil {
			t.Fatalf("the turn of %s: %v", platform, err)
		}
		options := dialogflow.WriteOptions{API: api, Context: "orders"}
		reply := new(intentgatev1.Reply)
		if method == "" {
			if err := protojson.Unmarshal([]byte(body), reply); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
		} else {
			reply = typed(t, platform, method, body, &options)
		}
		s.note(reply.ProtoReflect(), "")
		answer, dropped, err := dialogflow.Write(turn, reply, options)
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		judged := simulator.Judge(api, request, simulator.Answer{Status: http.StatusOK, Body: answer}, nil)
		if !judged.Accepted || len(judged.Problems) > 0 {
			t.Errorf("Dialogflow would say %q of %s", judged.Problems, answer)
		}
		now := answered{name, pretty(t, jsontext.Value(answer), ""), dropped}
		if api == dialogflow.V2Beta1 && all[0].body == now.body && slices.Equal(all[0].dropped, dropped) {
			all[0].api = "ES"
			continue
		}
		all = append(all, now)
	}
	return all
}

// typed is what becomes of the response of a method of the orders service.
func typed(t *testing.T, platform dialogflow.Platform, name, body string, options *dialogflow.WriteOptions) *intentgatev1.Reply {
	t.Helper()
	descriptor := ordersv1.File_shop_orders_v1_order_service_proto.Services().ByName("OrderService").Methods().ByName(protoreflect.Name(name))
	method, err := binding.Compile(descriptor, binding.Options{Platform: platform})
	if err != nil {
		t.Fatal(err)
	}
	response := dynamicpb.NewMessage(descriptor.Output())
	if err := protojson.Unmarshal([]byte(body), response); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	wire, err := proto.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := method.Answer(wire)
	if err != nil {
		t.Fatal(err)
	}
	options.Context, options.ContextLifespan = method.Context()
	return answer.Reply
}

// note adds the fields that a message has.
func (s shown) note(m protoreflect.Message, path string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := path + string(f.Name())
		s[at] = true
		switch {
		case f.Enum() != nil:
			s[at+" "+string(f.Enum().Values().ByNumber(v.Enum()).Name())] = true
		case !ours(f):
		case f.IsList():
			for i := range v.List().Len() {
				s.note(v.List().Get(i).Message(), at+".")
			}
		default:
			s.note(v.Message(), at+".")
		}
		return true
	})
}

// paths are all that could be noted of a message.
func paths(message protoreflect.MessageDescriptor, path string) (all []string) {
	for i := range message.Fields().Len() {
		f := message.Fields().Get(i)
		at := path + string(f.Name())
		all = append(all, at)
		if f.Enum() != nil {
			for i := 1; i < f.Enum().Values().Len(); i++ { // the first one says nothing
				all = append(all, at+" "+string(f.Enum().Values().Get(i).Name()))
			}
		}
		if ours(f) {
			all = append(all, paths(f.Message(), at+".")...)
		}
	}
	return all
}

// ours says that a field is a message of the contract's own.
func ours(f protoreflect.FieldDescriptor) bool {
	return f.Message() != nil && f.Message().ParentFile().Package() == "intentgate.v1"
}

// pretty is JSON for people: what fits into a line stands in one.
func pretty(t *testing.T, value jsontext.Value, indent string) string {
	t.Helper()
	const width = 110
	line, err := jsontext.AppendFormat(nil, value, jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true), jsontext.PreserveRawStrings(true))
	if err != nil {
		t.Fatal(err)
	}
	if len(indent)+len(line) <= width || value.Kind() != '{' && value.Kind() != '[' {
		return string(line)
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(value))
	if _, err := decoder.ReadToken(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteByte(line[0])
	within := indent + "  "
	for i := 0; decoder.PeekKind() != '}' && decoder.PeekKind() != ']'; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + within)
		member, err := decoder.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		if line[0] == '{' {
			b.WriteString(string(member) + ": ")
			if member, err = decoder.ReadValue(); err != nil {
				t.Fatal(err)
			}
		}
		b.WriteString(pretty(t, member.Clone(), within))
	}
	b.WriteString("\n" + indent + string(line[len(line)-1:]))
	return b.String()
}
