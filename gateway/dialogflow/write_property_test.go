package dialogflow_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// TestWriteEverything: whatever a reply holds, Dialogflow takes the answer and uses all of it; what of the reply has no effect
// on the answer is named, or means nothing; and what is remembered comes back with the next turn as it was said.
func TestWriteEverything(t *testing.T) {
	all := answerable(t)
	for data := range randoms(300) {
		for _, e := range all {
			e.check(t, madeReply(data))
		}
	}
}

// FuzzWriteEverything looks for a reply that TestWriteEverything does not hold for.
func FuzzWriteEverything(f *testing.F) {
	for data := range randoms(100) {
		f.Add(data)
	}
	all := answerable(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, e := range all {
			e.check(t, madeReply(data))
		}
	})
}

// randoms are data to make replies of, the same in every run and longer and longer.
func randoms(n int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		random := rand.NewChaCha8([32]byte{})
		for i := range n {
			data := make([]byte, i*500/n)
			_, _ = random.Read(data) // never fails
			if !yield(data) {
				return
			}
		}
	}
}

// everything is what replies to one turn are checked with.
type everything struct {
	api      dialogflow.API
	platform dialogflow.Platform
	request  string
	turn     *dialogflow.Turn
}

func answerable(tb testing.TB) (all []*everything) {
	tb.Helper()
	for _, api := range []dialogflow.API{dialogflow.V2, dialogflow.V2Beta1, dialogflow.V3} {
		e := &everything{api: api, platform: dialogflow.ES, request: answerableES}
		if api == dialogflow.V3 {
			e.platform, e.request = dialogflow.CX, answerableCX
		}
		var err error
		if e.turn, err = dialogflow.Read(e.platform, []byte(e.request)); err != nil {
			tb.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func (e *everything) write(reply *intentgatev1.Reply) ([]byte, []string, error) {
	return dialogflow.Write(e.turn, reply, dialogflow.WriteOptions{API: e.api, Context: answerableContext})
}

func (e *everything) check(t *testing.T, reply *intentgatev1.Reply) {
	t.Helper()
	body, dropped, err := e.write(reply)
	if err != nil {
		var large *dialogflow.TooLargeError
		if body != nil || !errors.As(err, &large) && !regexp.MustCompile(`^reply: .*(value of no kind|number (NaN|\+Inf)|nesting beyond 29 levels)`).MatchString(err.Error()) {
			t.Errorf("%v: %s, %v", e.api, body, err)
		}
		return
	}
	judged := simulator.Judge(e.api, []byte(e.request), simulator.Answer{Status: http.StatusOK, Body: body}, nil)
	if !judged.Accepted || len(judged.Problems) > 0 || strings.Contains(strings.Join(judged.Effects, "\n"), " optional") {
		t.Errorf("%v: Dialogflow says %q\nof %s\nfor %v", e.api, judged.Problems, body, reply)
	}
	twice := regexp.MustCompile(`(\w+)\[\d+\]: ".*" is named before`).FindStringSubmatch(strings.Join(dropped, "\n"))
	for _, leaf := range leaves(reply.ProtoReflect(), "", func(m protoreflect.Message) protoreflect.Message { return m }) {
		without := proto.CloneOf(reply)
		if leaf.clear(without.ProtoReflect()); twice != nil && strings.HasPrefix(leaf.path, twice[1]+"[") {
			continue // another one of the name may take its place
		}
		other, _, err := e.write(without)
		if err == nil && string(other) == string(body) && !named(leaf.path, dropped) && !e.means(reply, body, leaf) {
			t.Errorf("%v: %s has no effect, which %q does not say\n%s\nfor %v", e.api, leaf.path, dropped, body, reply)
		}
	}
	e.remembered(t, reply, body)
}

// leaf is a value in a reply: of a scalar, of a Struct or a Value, or a message with nothing in it.
type leaf struct {
	path  string
	field protoreflect.FieldDescriptor
	value protoreflect.Value
	clear func(reply protoreflect.Message) // takes it out of a copy
}

// leaves are those of a message, which reach finds in a copy of the reply.
func leaves(m protoreflect.Message, path string, reach func(protoreflect.Message) protoreflect.Message) (all []leaf) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := strings.TrimPrefix(path+"."+string(f.Name()), ".")
		one := func(at string, v protoreflect.Value, reach func(protoreflect.Message) protoreflect.Message, clear func(protoreflect.Message)) {
			if ours(f) {
				if within := leaves(v.Message(), at, reach); len(within) > 0 {
					all = append(all, within...)
					return
				}
			}
			all = append(all, leaf{at, f, v, clear})
		}
		if !f.IsList() {
			one(at, v, func(r protoreflect.Message) protoreflect.Message { return reach(r).Mutable(f).Message() },
				func(r protoreflect.Message) { reach(r).Clear(f) })
			return true
		}
		for i := range v.List().Len() {
			one(fmt.Sprintf("%s[%d]", at, i), v.List().Get(i),
				func(r protoreflect.Message) protoreflect.Message { return reach(r).Mutable(f).List().Get(i).Message() },
				func(r protoreflect.Message) {
					list := reach(r).Mutable(f).List()
					for j := i; j < list.Len()-1; j++ {
						list.Set(j, list.Get(j+1))
					}
					list.Truncate(list.Len() - 1)
				})
		}
		return true
	})
	return all
}

// A kind of message that is left out takes the message along.
var kindOfMessage = regexp.MustCompile(`^(messages\[\d+\])\.(ssml|audio_uri|image|card|quick_replies)$`)

// named reports whether one of the sentences is about the path, or about what it is in.
func named(path string, dropped []string) bool {
	return slices.ContainsFunc(dropped, func(sentence string) bool {
		places, what, _ := strings.Cut(sentence, ": ")
		if what == "more than can be named here" {
			return true
		}
		return slices.ContainsFunc(strings.Split(places, ", "), func(place string) bool {
			if m := kindOfMessage.FindStringSubmatch(place); m != nil {
				place = m[1]
			}
			rest, ok := strings.CutPrefix(path, place)
			return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
		})
	})
}

// means reports whether it is right that a value has no effect and is not named: it says nothing, or nothing else than there
// would be without it, or it is not meant for this platform.
func (e *everything) means(reply *intentgatev1.Reply, body []byte, l leaf) bool {
	if !says(l.value) {
		return true
	}
	es, index := e.platform == dialogflow.ES, 0
	if i := strings.IndexByte(l.path, '['); i >= 0 {
		_, _ = fmt.Sscanf(l.path[i:], "[%d]", &index)
	}
	switch field, _, _ := strings.Cut(l.path, "["); field {
	case "es_payload":
		return !es
	case "cx_payload":
		return es
	case "payload":
		return es && reply.EsPayload != nil || !es && reply.CxPayload != nil
	case "merge_behavior":
		// On ES there is nothing else, where there are messages or an event.
		return es && reply.GetMergeBehavior() == intentgatev1.Reply_MERGE_BEHAVIOR_REPLACE && regexp.MustCompile("fulfillmentMessages|followupEventInput").Match(body)
	case "target_page", "end_interaction": // they say the same
		return strings.HasSuffix(reply.GetTargetPage(), "pages/END_SESSION") && reply.GetEndInteraction()
	case "followup_event.language":
		return strings.EqualFold(reply.GetFollowupEvent().GetLanguage(), "en")
	case "session_parameters":
		// Null forgets what there may not be, and an explicit context wins.
		return es && (onlyNulls(reply.GetSessionParameters()) || slices.ContainsFunc(reply.GetContexts(), func(c *intentgatev1.Reply_Context) bool {
			return strings.EqualFold(c.GetName(), answerableContext)
		}))
	case "messages":
		m := reply.GetMessages()[index]
		elsewhere := m.GetPlatform() != 0 && m.GetPlatform() != e.platform.Proto()
		speech := m.GetSsml() != "" || m.GetAudioUri() != ""
		return elsewhere || strings.HasSuffix(l.path, ".platform") || !content(m) || es && speech && strings.HasSuffix(l.path, ".channel")
	case "contexts":
		c := reply.GetContexts()[index]
		return l.field.Name() == "lifespan" && c.GetLifespan() < 0 || l.field.Name() == "parameters" && onlyNulls(c.GetParameters()) ||
			l.field.Name() == "name" && strings.EqualFold(c.GetName(), answerableContext) // it is there anyway
	case "form_parameters":
		p := reply.GetFormParameters()[index]
		_, null := p.GetValue().GetKind().(*structpb.Value_NullValue)
		return p.GetValue() == nil && !p.GetInvalid() || null || p.GetInvalid() && p.GetValue().GetStringValue() == "M" // which it is
	case "session_entity_types":
		itself := func(e *intentgatev1.Reply_SessionEntityType_Entity) bool { return e.GetValue() == l.value.String() }
		return strings.HasSuffix(l.path, ".mode") && l.value.Enum() == 2 || // the default
			strings.Contains(l.path, ".synonyms[") && slices.ContainsFunc(reply.GetSessionEntityTypes()[index].GetEntities(), itself)
	}
	return false
}

func says(v protoreflect.Value) bool {
	switch v := v.Interface().(type) {
	case string:
		return v != ""
	case protoreflect.Message:
		o, is := v.Interface().(*structpb.Struct)
		return len(o.GetFields()) > 0 || !is && v.Descriptor().FullName() == "google.protobuf.Value"
	default:
		return true
	}
}

// content reports whether a message has any.
func content(m *intentgatev1.Reply_Message) bool {
	r := m.ProtoReflect()
	kind := r.WhichOneof(r.Descriptor().Oneofs().ByName("kind"))
	if kind == nil || !ours(kind) {
		return kind != nil && says(r.Get(kind))
	}
	return slices.ContainsFunc(leaves(r.Get(kind).Message(), "", nil), func(l leaf) bool { return says(l.value) })
}

func onlyNulls(o *structpb.Struct) bool {
	for _, v := range o.GetFields() {
		if _, null := v.GetKind().(*structpb.Value_NullValue); !null {
			return false
		}
	}
	return true
}

// remembered plays the next turn, which brings back the contexts of an ES answer and the session parameters of a CX one.
func (e *everything) remembered(t *testing.T, reply *intentgatev1.Reply, body []byte) {
	t.Helper()
	answer := decode(t, body)
	next := map[string]any{"sessionInfo": map[string]any{"session": e.turn.Session.Name, "parameters": map[string]any{}}, "fulfillmentInfo": map[string]any{"tag": "t"}}
	want := map[string]*structpb.Value{}
	if e.platform == dialogflow.ES {
		next = map[string]any{"session": e.turn.Session.Name, "queryResult": map[string]any{
			"intent": map[string]any{"displayName": "i"}, "outputContexts": answer["outputContexts"],
		}}
	} else if info := answer["sessionInfo"]; info != nil {
		next["sessionInfo"].(map[string]any)["parameters"] = info.(map[string]any)["parameters"] //nolint:errcheck // of this very answer
	}
	request, err := structpb.NewStruct(next)
	if err != nil {
		t.Fatal(err)
	}
	text, err := protojson.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	turn, err := dialogflow.Read(e.platform, text)
	if err != nil {
		t.Errorf("%v: the next turn: %v\n%s", e.api, err, text)
		return
	}
	held := turn.SessionParameters
	for _, c := range turn.Contexts {
		if strings.EqualFold(c.Name, answerableContext) {
			held = c.Parameters()
		}
	}
	for name, value := range reply.GetSessionParameters().GetFields() {
		if e.platform == dialogflow.CX || !e.means(reply, body, leaf{path: "session_parameters", value: protoreflect.ValueOfBool(true)}) {
			want[name] = value
		}
	}
	for name, value := range want {
		got := new(structpb.Value)
		if there := held.Get(name); there == nil {
			got = structpb.NewNullValue()
		} else if err := protojson.Unmarshal(there, got); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(got, value) {
			t.Errorf("%v: %q comes back as %v, want %v", e.api, name, got, value)
		}
	}
}
