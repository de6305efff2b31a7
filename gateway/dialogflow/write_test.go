package dialogflow_test

import (
	"bytes"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cloud.google.com/go/dialogflow/apiv2/dialogflowpb"
	betapb "cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

func TestWriteNothing(t *testing.T) {
	for _, d := range dialects {
		for _, reply := range []*intentgatev1.Reply{
			nil,
			{},
			{Payload: &structpb.Struct{}, SessionParameters: &structpb.Struct{}},
			{Messages: []*intentgatev1.Reply_Message{nil, {}}, Texts: []string{""}},
		} {
			body, dropped, err := dialogflow.Write(d.turn(), reply, d.options)
			if err != nil || len(dropped) > 0 || string(body) != "{}" {
				t.Errorf("%s: %v: got %s, %q, %v; want {}", d.name, reply, body, dropped, err)
			}
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	number := structpb.NewNumberValue
	structOf := func(v *structpb.Value) *structpb.Struct {
		return &structpb.Struct{Fields: map[string]*structpb.Value{"x": v}}
	}
	listOf := func(v ...*structpb.Value) *structpb.Value {
		return structpb.NewListValue(&structpb.ListValue{Values: v})
	}
	deep := number(1)
	for range 40 {
		deep = listOf(deep)
	}
	for name, c := range map[string]struct {
		reply *intentgatev1.Reply
		want  []string
	}{
		"NaN":       {&intentgatev1.Reply{Payload: structOf(listOf(number(1), number(math.NaN())))}, []string{"payload", `"x"`, "element 1", "NaN"}},
		"infinity":  {&intentgatev1.Reply{SessionParameters: structOf(number(math.Inf(-1)))}, []string{"session_parameters", `"x"`, "-Inf"}},
		"no kind":   {&intentgatev1.Reply{SessionParameters: structOf(&structpb.Value{})}, []string{"session_parameters", `"x"`, "no kind"}},
		"nil value": {&intentgatev1.Reply{Payload: structOf(nil)}, []string{"payload", `"x"`, "no kind"}},
		"depth":     {&intentgatev1.Reply{Payload: structOf(deep)}, []string{"payload", "29 levels"}},
		"not UTF-8": {&intentgatev1.Reply{Payload: structOf(structpb.NewStringValue("a\xff"))}, []string{"payload", `"x"`, "UTF-8"}},
		"a name":    {&intentgatev1.Reply{Texts: []string{"a\xff"}}, []string{"UTF-8"}},
		"message": {&intentgatev1.Reply{Messages: []*intentgatev1.Reply_Message{
			{}, {Kind: &intentgatev1.Reply_Message_Payload{Payload: structOf(number(math.NaN()))}},
		}}, []string{"messages[1].payload", `"x"`, "NaN"}},
	} {
		for _, d := range dialects {
			t.Run(name+" "+d.name, func(t *testing.T) {
				body, _, err := dialogflow.Write(d.turn(), c.reply, d.options)
				if err == nil || body != nil {
					t.Fatalf("got %s, %v; want an error alone", body, err)
				}
				for _, want := range c.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("got %q, which does not say %q", err, want)
					}
				}
			})
		}
	}
	if _, _, err := dialogflow.Write(&dialogflow.Turn{}, nil, dialogflow.WriteOptions{}); err == nil {
		t.Error("a turn of no platform: want an error")
	}
}

// TestWriteDepth proves that nesting up to the limit is written, in every place that takes a Value.
func TestWriteDepth(t *testing.T) {
	for levels, ok := range map[int]bool{29: true, 30: false} {
		value := structpb.NewNumberValue(1)
		for range levels - 1 { // the outermost object is a level too
			value = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{value}})
		}
		reply := &intentgatev1.Reply{SessionParameters: &structpb.Struct{Fields: map[string]*structpb.Value{"x": value}}}
		for _, d := range dialects {
			_, _, err := dialogflow.Write(d.turn(), reply, d.options)
			if (err == nil) != ok {
				t.Errorf("%s: %d levels: got error %v, want none: %t", d.name, levels, err, ok)
			}
		}
	}
}

func TestWriteTooLarge(t *testing.T) {
	for _, d := range dialects {
		text := func(n int) *intentgatev1.Reply {
			return &intentgatev1.Reply{Payload: &structpb.Struct{Fields: map[string]*structpb.Value{
				"x": structpb.NewStringValue(strings.Repeat("a", n)),
			}}}
		}
		body, _, err := dialogflow.Write(d.turn(), text(1), d.options)
		if err != nil {
			t.Fatal(err)
		}
		room := dialogflow.MaxAnswer - len(body) + 1
		if body, _, err = dialogflow.Write(d.turn(), text(room), d.options); err != nil || len(body) != dialogflow.MaxAnswer {
			t.Errorf("%s: got %d bytes, %v; want the largest answer there may be", d.name, len(body), err)
		}
		_, _, err = dialogflow.Write(d.turn(), text(room+1), d.options)
		var tooLarge *dialogflow.TooLargeError
		if !errors.As(err, &tooLarge) || tooLarge.Size != dialogflow.MaxAnswer+1 {
			t.Errorf("%s: got %v, want an answer that is one byte too large", d.name, err)
		}
	}
}

// TestWriteChannels compares the channels that are known with those of Google's own enums.
func TestWriteChannels(t *testing.T) {
	names := map[string]bool{}
	enums := map[dialogflow.API]protoreflect.EnumValueDescriptors{
		dialogflow.V2:      dialogflowpb.Intent_Message_PLATFORM_UNSPECIFIED.Descriptor().Values(),
		dialogflow.V2Beta1: betapb.Intent_Message_PLATFORM_UNSPECIFIED.Descriptor().Values(),
	}
	for _, values := range enums {
		for i := range values.Len() {
			names[string(values.Get(i).Name())] = true
		}
	}
	for api, values := range enums {
		for name := range names {
			reply := &intentgatev1.Reply{Messages: []*intentgatev1.Reply_Message{{
				Kind:    &intentgatev1.Reply_Message_Text{Text: &intentgatev1.Reply_Text{Variants: []string{"a"}}},
				Channel: name,
			}}}
			body, dropped, err := dialogflow.Write(esTurn(), reply, dialogflow.WriteOptions{API: api})
			if err != nil {
				t.Fatal(err)
			}
			value := values.ByName(protoreflect.Name(name))
			want := value != nil && value.Number() != 0
			if got := bytes.Contains(body, []byte(`"platform":"`+name+`"`)); got != want || (len(dropped) == 0) != want {
				t.Errorf("%s: channel %s: got %s, dropped %q; want it written: %t", api, name, body, dropped, want)
			}
		}
	}
}

// TestWriteOfNewerContract proves that what this gateway does not know is told of.
func TestWriteOfNewerContract(t *testing.T) {
	unknown := []byte{0xf8, 0x07, 0x01} // field 127, a varint
	reply := &intentgatev1.Reply{Messages: []*intentgatev1.Reply_Message{{}}}
	reply.ProtoReflect().SetUnknown(unknown)
	reply.GetMessages()[0].ProtoReflect().SetUnknown(unknown)
	for _, d := range dialects {
		body, dropped, err := dialogflow.Write(d.turn(), reply, d.options)
		if err != nil || string(body) != "{}" || len(dropped) != 2 {
			t.Errorf("%s: got %s, %q, %v; want {} and two sentences", d.name, body, dropped, err)
		}
	}
}

// TestWriteServiceContext walks through what becomes of the context that holds a service's session parameters.
func TestWriteServiceContext(t *testing.T) {
	set := &intentgatev1.Reply{SessionParameters: &structpb.Struct{Fields: map[string]*structpb.Value{"x": structpb.NewNumberValue(1)}}}
	forget := &intentgatev1.Reply{SessionParameters: &structpb.Struct{Fields: map[string]*structpb.Value{"x": structpb.NewNullValue()}}}
	const prefix = `"name":"projects/shop/agent/sessions/s-1/contexts/`
	for name, c := range map[string]struct {
		reply   *intentgatev1.Reply
		options dialogflow.WriteOptions
		held    []dialogflow.Context
		want    string
		dropped string
	}{
		"new, default lifespan": {
			reply: set, options: dialogflow.WriteOptions{Context: "svc"},
			want: `{"outputContexts":[{` + prefix + `svc","lifespanCount":5,"parameters":{"x":1}}]}`,
		},
		"lifespan": {
			reply: set, options: dialogflow.WriteOptions{Context: "svc", ContextLifespan: 20},
			want: `{"outputContexts":[{` + prefix + `svc","lifespanCount":20,"parameters":{"x":1}}]}`,
		},
		"names are compared without case": {
			reply: set, options: dialogflow.WriteOptions{Context: "SVC"},
			held: []dialogflow.Context{{Name: "svc", Object: dialogflow.Value(`{"y": 7.0}`)}},
			want: `{"outputContexts":[{` + prefix + `SVC","lifespanCount":5,"parameters":{"y":7.0,"x":1}}]}`,
		},
		"null was never there": {
			reply: forget, options: dialogflow.WriteOptions{Context: "svc"}, want: `{}`,
		},
		"null was the last": {
			reply: forget, options: dialogflow.WriteOptions{Context: "svc"},
			held: []dialogflow.Context{{Name: "svc", Object: dialogflow.Value(`{"x": 7.0, "x.original": "seven"}`)}},
			want: `{"outputContexts":[{` + prefix + `svc","lifespanCount":0}]}`,
		},
		"no context to hold them": {reply: set, want: `{}`, dropped: `session_parameters: ""`},
		"a context ES would refuse": {
			reply: set, options: dialogflow.WriteOptions{Context: "my service"}, want: `{}`, dropped: `session_parameters: "my service"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			turn := esTurn()
			turn.Contexts = c.held
			body, dropped, err := dialogflow.Write(turn, c.reply, c.options)
			if err != nil {
				t.Fatal(err)
			}
			if string(body) != c.want {
				t.Errorf("got %s\nwant %s", body, c.want)
			}
			if len(dropped) > 1 || c.dropped == "" != (len(dropped) == 0) || !strings.HasPrefix(strings.Join(dropped, ""), c.dropped) {
				t.Errorf("dropped %q, want %q", dropped, c.dropped)
			}
		})
	}
}

// TestWriteTarget proves that a target is completed from what the turn names, and never with holes in it.
func TestWriteTarget(t *testing.T) {
	const byID, byNumber = "projects/shop/locations/europe-west1/agents/a-1/", "projects/415104041262/locations/europe-west1/agents/a-1/"
	usual, pageless, agentless, numbered := cxTurn(), cxTurn(), cxTurn(), cxTurn()
	pageless.Page = dialogflow.Page{}
	agentless.Session = dialogflow.Session{Name: "s", ID: "s"}
	numbered.Page.Name = byNumber + "flows/f-1/pages/p-1"
	for _, c := range []struct {
		turn       *dialogflow.Turn
		page, want string // want is empty if it is to be dropped
	}{
		{usual, "pages/P", byID + "flows/f-1/pages/P"},
		{usual, "flows/f-2/pages/P", byID + "flows/f-2/pages/P"},
		{usual, byID + "flows/f-2/pages/P", byID + "flows/f-2/pages/P"},
		{usual, byNumber + "flows/f-2/pages/P", ""},
		{usual, "", ""},
		{usual, "pages/", ""},
		{usual, "pages/P/Q", ""},
		{usual, "flows//pages/P", ""},
		{usual, "flows/f/../pages/P", ""},
		{usual, byID, ""},
		{usual, "projects/", ""},
		{pageless, "pages/P", ""},
		{pageless, "flows/f-2/pages/P", byID + "flows/f-2/pages/P"},
		{pageless, "projects/other/locations/l/agents/a/flows/f/pages/P", ""},
		{agentless, "pages/P", byID + "flows/f-1/pages/P"},
		{agentless, "flows/f-2/pages/P", ""},
		{numbered, "pages/P", byNumber + "flows/f-1/pages/P"},
		{numbered, "flows/f-2/pages/P", byID + "flows/f-2/pages/P"},
		{numbered, byNumber + "flows/f-2/pages/P", byNumber + "flows/f-2/pages/P"},
		{numbered, byID + "flows/f-2/pages/P", byID + "flows/f-2/pages/P"},
	} {
		reply := &intentgatev1.Reply{Target: &intentgatev1.Reply_TargetPage{TargetPage: c.page}}
		body, dropped, err := dialogflow.Write(c.turn, reply, dialogflow.WriteOptions{API: dialogflow.V3})
		want, sentences := "{}", 1
		if c.want != "" {
			want, sentences = `{"targetPage":"`+c.want+`"}`, 0
		}
		if err != nil || string(body) != want || len(dropped) != sentences {
			t.Errorf("%q at %q: got %s, %q, %v; want %s", c.page, c.turn.Page.Name, body, dropped, err, want)
		}
	}
}

// TestWriteIsPure proves that one reply has one answer, and that writing it changes nothing.
func TestWriteIsPure(t *testing.T) {
	files, err := filepath.Glob("../testdata/replies/*-everything.reply.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		d, reply := dialectOf(t, filepath.Base(file)), readReply(t, file)
		turn, before := d.turn(), proto.Clone(reply)
		first, _, err := dialogflow.Write(turn, reply, d.options)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if again, _, err := dialogflow.Write(turn, reply, d.options); err != nil || !bytes.Equal(first, again) {
				t.Fatalf("got %s, then %s, %v", first, again, err)
			}
		}
		if !proto.Equal(before, reply) || !reflect.DeepEqual(turn, d.turn()) {
			t.Errorf("%s: writing changed what it was given", file)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for name, c := range map[string]struct {
		dialect dialect
		reply   *intentgatev1.Reply
	}{
		"es": {dialects[0], &intentgatev1.Reply{
			Texts:             []string{"Your order A-1001 left our warehouse this morning."},
			SessionParameters: &structpb.Struct{Fields: map[string]*structpb.Value{"order_id": structpb.NewStringValue("A-1001"), "tries": structpb.NewNumberValue(2)}},
		}},
		"cx": {dialects[2], &intentgatev1.Reply{
			Texts:             []string{"Your order A-1001 left our warehouse this morning."},
			SessionParameters: &structpb.Struct{Fields: map[string]*structpb.Value{"order_id": structpb.NewStringValue("A-1001"), "tries": structpb.NewNumberValue(2)}},
			Target:            &intentgatev1.Reply_TargetPage{TargetPage: "pages/END_SESSION"},
		}},
	} {
		b.Run(name, func(b *testing.B) {
			turn := c.dialect.turn()
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := dialogflow.Write(turn, c.reply, c.dialect.options); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
