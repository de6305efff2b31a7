package intents_test

import (
	"errors"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/words"
)

// trackBy is the method track with a rule on order_id.
func trackBy(expression string) method {
	m := track
	m.edit = func(file *descriptorpb.FileDescriptorProto) {
		options := &descriptorpb.FieldOptions{}
		proto.SetExtension(options, validate.E_Field, validate.FieldRules_builder{CelExpression: []string{expression}}.Build())
		file.MessageType[0].Field[0].Options = options
	}
	return m
}

// checks reports whether the method that answers order.track refuses an order id.
func (c *catalog) checks(id string) bool {
	c.t.Helper()
	turn := intent("order.track")
	turn.Parameters = dialogflow.Parameters{{Name: "order_id", Value: jsontext.Value(`"` + id + `"`)}}
	target, ok := c.Find(es, turn)
	if !ok {
		c.t.Fatal("nothing answers")
	}
	_, err := target.Method.Call(turn)
	_, invalid := errors.AsType[*binding.InvalidError](err)
	return invalid
}

// Rules that cannot be used break their method alone, which stays as it was before; those that are new are in force at once.
func TestRules(t *testing.T) {
	source := &source{set: methods(t, trackBy("this != 'A-1'"), cancel)}
	c := loaded(t, []intents.View{es, cx}, intents.Service{Name: "orders", Allow: everything, Load: source.load})
	c.problems("orders")
	if !c.checks("A-1") || c.checks("A-2") {
		t.Error("the rule is not applied")
	}
	for expression, want := range map[string]string{
		"this.size(": "is no CEL", "this.nothing == 1": "do not compile", "this.matches(this)": "a pattern that is computed",
		"this.replace('', this) == ''": "may take too long",
	} {
		source.become(methods(t, trackBy(expression), cancel), nil)
		c.load("orders")
		problems := c.problems("orders", intents.Broken, intents.Broken)
		if !strings.Contains(problems[0].Text, want) || problems[0].Element != "shop.v1.OrdersTrack.proto: shop.v1.TrackRequest.order_id" ||
			problems[1].Text != "is called as it was described before" {
			t.Errorf("%s: got %+v, want %q", expression, problems, want)
		}
		if !c.checks("A-1") {
			t.Errorf("%s: the rule that was there is gone", expression)
		}
		c.finds(es, intent("order.cancel"), "orders /shop.v1.Cancelling/Cancel")
	}
	source.become(methods(t, trackBy("this != 'A-2'"), cancel), nil)
	c.load("orders")
	c.problems("orders")
	if c.checks("A-1") || !c.checks("A-2") {
		t.Error("the new rule is not applied")
	}
}

// A reprompt of the configuration that is for no field of a request is a mistake that somebody wants to know of.
func TestReprompts(t *testing.T) {
	texts, err := words.New(map[string]string{"en": "Which order?"})
	if err != nil {
		t.Fatal(err)
	}
	c := loaded(t, []intents.View{es, cx}, intents.Service{Name: "orders", Allow: everything, Load: from(methods(t, track, plain)), Reprompts: map[protoreflect.FullName]*words.Texts{
		"shop.v1.TrackRequest.order_id": texts, "shop.v1.TrackRequest.orderId": texts, "shop.v1.TrackResponse.text": texts, "shop.v1.ReindexRequest.order_id": texts,
	}})
	problems := c.problems("orders", intents.Broken, intents.Broken, intents.Broken)
	for i, field := range []string{"shop.v1.ReindexRequest.order_id", "shop.v1.TrackRequest.orderId", "shop.v1.TrackResponse.text"} {
		if problems[i].Element != field || !strings.Contains(problems[i].Text, "no method that answers intents has such a field") {
			t.Errorf("got %+v, want it of %s", problems[i], field)
		}
	}
	turn := intent("order.track")
	target, ok := c.Find(es, turn)
	if !ok {
		t.Fatal("nothing answers")
	}
	if text, _ := target.Method.Field(turn, "order_id").Reprompt.In("en-GB"); text != "Which order?" {
		t.Errorf("got %q", text)
	}
}
