package binding_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// A field of type Turn is the turn that IntentService gets; its id, and that alone, is not hashed.
func TestMethodTakesTheTurn(t *testing.T) {
	for platform, body := range map[dialogflow.Platform]string{dialogflow.ES: esBody, dialogflow.CX: cxBody} {
		method := compile(t, "KindsService.Whole", binding.Options{Platform: platform})
		turn := read(t, platform, body)
		got, err := method.Call(turn)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := method.Context()
		whole, err := binding.NewIntentService(binding.IntentServiceOptions{Context: name}).Call(turn)
		if err != nil {
			t.Fatal(err)
		}
		want := request(t, whole.Request).GetTurn()
		if message := wholeTurn(t, method, got.Request); !proto.Equal(message, want) {
			t.Errorf("%v: got %v, want %v", platform, message, want)
		}
		want.Id = ""
		if message := wholeTurn(t, method, got.Hashed); !proto.Equal(message, want) {
			t.Errorf("%v: hashed is %v, want %v", platform, message, want)
		}
		orderID := method.input.Fields().ByName("order_id")
		message := method.decode(t, got.Hashed).ProtoReflect()
		if id := message.Get(orderID).String(); platform == dialogflow.ES && id != "A-1001" {
			t.Errorf("the other field is %q", id)
		}
	}
	whole := compile(t, "KindsService.Whole", binding.Options{Platform: dialogflow.ES})
	if _, err := whole.Call(&dialogflow.Turn{Channel: dialogflow.Channel{Payload: dialogflow.Value(`{`)}}); violation(err).Field != "turn" {
		t.Errorf("got %v, want an error of the turn", err)
	}
}

// wholeTurn is the turn in a request, as the gateway's own messages have it.
func wholeTurn(t *testing.T, method *typed, wire []byte) *intentgatev1.Turn {
	t.Helper()
	message := method.decode(t, wire).ProtoReflect()
	wire, err := proto.Marshal(message.Get(method.input.Fields().ByName("turn")).Message().Interface())
	if err != nil {
		t.Fatal(err)
	}
	turn := new(intentgatev1.Turn)
	if err := proto.Unmarshal(wire, turn); err != nil {
		t.Fatal(err)
	}
	return turn
}

func TestOneof(t *testing.T) {
	method := compile(t, "KindsService.Kinds", binding.Options{Platform: dialogflow.ES})
	method.play(t, dialogflow.ES, []play{
		{name: "one", body: string(turnOf(t, dialogflow.ES, `{"phone": 0, "email": "", "gift": {}}`).Body), want: `{"phone": 0}`},
		{name: "two", body: string(turnOf(t, dialogflow.ES, `{"phone": 0, "email": "a@b", "bool": true}`).Body), field: "phone", parameter: "phone"},
	})
}

// TestInvalidErrors proves that errors say what was seen and wanted, and nothing of what is sensitive.
func TestInvalidErrors(t *testing.T) {
	long := strings.Repeat("ü", 100)
	for _, c := range []struct{ method, parameters, want string }{
		{"Kinds", `{"int32": 7.5}`, `field int32, from parameter "int32": saw 7.5, wanted a whole number of 32 bits`},
		{"Kinds", `{"uint64": [1, 2]}`, `field uint64, from parameter "uint64": saw a list, wanted one value`},
		{"Kinds", `{"size": "huge"}`, `field size, from parameter "size": saw "huge", wanted one of SMALL, LARGE, BELOW`},
		{"Kinds", `{"size": "` + long + `"}`, `field size, from parameter "size": saw "` + long[:62] + `…, wanted one of SMALL, LARGE, BELOW`},
		{
			"Kinds", `{"items": [{"sku": "a"}, {"price": {"amount": true}}]}`,
			`field items[1].price, from parameter "items": saw an object, wanted an amount of at most 9 decimals and a currency of three letters`,
		},
		{"Kinds", `{"by_flag": {"true": {"count": "x"}}}`, `field by_flag[0].count, from parameter "by_flag": saw "x", wanted a whole number of 32 bits`},
		{"Kinds", `{"item": {"size": 1}}`, `field item, from parameter "item": saw an object, wanted an object with members of Item`},
		{"Kinds", `{"phone": 0, "email": "a@b"}`, `field phone, from parameter "phone": email is given as well, wanted one of oneof contact`},
		{"Kinds", `{"line": {"secret": {"pin": 1234}}}`, `field line.secret, from parameter "line": saw an object, wanted a text`},
		{"Origins", `{"pin": "1234x"}`, `field pin, from parameter "pin": saw a text, wanted a whole number of 32 bits`},
		{"Origins", `{"pin": 12345678901}`, `field pin, from parameter "pin": saw a number, wanted a whole number of 32 bits`},
		{"Origins", `{"count": 1, "number": 2}`, `field number, from parameter "count": has another value than parameter "number", wanted one of them or the same`},
	} {
		method := compile(t, "KindsService."+c.method, binding.Options{Platform: dialogflow.ES})
		if _, err := method.Call(turnOf(t, dialogflow.ES, c.parameters)); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.parameters, err, c.want)
		}
	}
}

// Equal values give equal bytes, in whatever order the members of maps were written.
func TestMethodIsDeterministic(t *testing.T) {
	method := compile(t, "KindsService.Kinds", binding.Options{Platform: dialogflow.ES})
	var want []byte
	for _, parameters := range []string{
		`{"labels": {"b": "1", "a": "2", "cc": "3"}, "struct": {"y": {"n": 1, "m": 2}, "x": 0}, "rates": {"2": 1, "10": 2}}`,
		`{"rates": {"10": 2.0, "2": 1.0}, "struct": {"x": 0.0, "y": {"m": 2, "n": 1}}, "labels": {"cc": 3, "a": 2, "b": 1}}`,
	} {
		call, err := method.Call(turnOf(t, dialogflow.ES, parameters))
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = call.Request
		}
		if !bytes.Equal(call.Request, want) || !bytes.Equal(call.Hashed, want) {
			t.Errorf("%s: got %q, want %q", parameters, call.Request, want)
		}
	}
}

// What a call holds is its own, whatever is put together after it and beside it.
func TestMethodCallsShareNothing(t *testing.T) {
	method := compile(t, "KindsService.TrackOrder", binding.Options{Platform: dialogflow.ES})
	turns, want := []*dialogflow.Turn{}, []binding.Call{}
	for i := range 20 {
		turn := turnOf(t, dialogflow.ES, `{"order_id": "A-`+strings.Repeat("1", i)+`", "items": [{"sku": "\u0041", "price": {"amount": 1, "currency": "EUR"}}]}`)
		call, err := compile(t, "KindsService.TrackOrder", binding.Options{Platform: dialogflow.ES}).Call(turn)
		if err != nil {
			t.Fatal(err)
		}
		turns, want = append(turns, turn), append(want, call)
	}
	got := make([]binding.Call, len(turns))
	var calls sync.WaitGroup
	for i, turn := range turns {
		calls.Go(func() {
			if _, err := method.Call(turnOf(t, dialogflow.ES, `{"items": [{"sku": "a"}, 7]}`)); err == nil {
				t.Error("no error for an item that is none")
			}
			var err error
			if got[i], err = method.Call(turn); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	for i := range want {
		if !bytes.Equal(got[i].Request, want[i].Request) {
			t.Errorf("call %d is another one", i)
		}
	}
}

// trackOrder is what an order asks for.
const trackOrder = `{"order_id": "A-1042", "date": "2026-11-22T12:00:00+01:00", "day": "2026-11-23T12:00:00+01:00", "time": "2026-11-22T15:30:00+01:00",
	"status": "sent", "other": ""}`

// returnOrder has lists and objects too.
const returnOrder = `{"order_id": "A-1042", "date": "2026-11-22T12:00:00+01:00", "day": "2026-11-23T12:00:00+01:00", "time": "2026-11-22T15:30:00+01:00",
	"status": "sent", "paid": {"amount": 19.99, "currency": "EUR"}, "items": [{"sku": "B-1", "count": 2.0}, {"sku": "B-2", "count": 1.0}], "other": ""}`

func BenchmarkMethodCall(b *testing.B) {
	method := compile(b, "KindsService.TrackOrder", binding.Options{Platform: dialogflow.ES})
	for name, parameters := range map[string]string{"track": trackOrder, "return": returnOrder} {
		turn := turnOf(b, dialogflow.ES, parameters)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := method.Call(turn); err != nil {
					b.Fatal(err)
				}
			}
		})
		// For comparison: the same message by protojson, from JSON that has its shape already, and on to wire bytes.
		call, err := method.Call(turn)
		if err != nil {
			b.Fatal(err)
		}
		shaped := document(b, method.decode(b, call.Request))
		b.Run(name+" by protojson", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				message := dynamicpb.NewMessage(method.input)
				if err := protojson.Unmarshal(shaped, message); err != nil {
					b.Fatal(err)
				}
				if _, err := proto.Marshal(message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
