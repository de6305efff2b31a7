package binding_test

import (
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/words"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

func texts(t *testing.T, text string) *words.Texts {
	t.Helper()
	all, err := words.New(map[string]string{words.Default: text})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// All that does not fit is told at once, as far as the fields of the request go, and not without end.
func TestInvalidTellsAll(t *testing.T) {
	method := compile(t, "KindsService.Kinds", binding.Options{Platform: dialogflow.ES})
	_, err := method.Call(turnOf(t, dialogflow.ES, `{"Int32": 7.5, "bool": "maybe", "items": [{"count": "x"}, {"count": "y"}], "string": "fine"}`))
	want := `field bool, from parameter "bool": saw "maybe", wanted true or false; ` +
		`field int32, from parameter "Int32": saw 7.5, wanted a whole number of 32 bits; ` +
		`field items[0].count, from parameter "items": saw "x", wanted a whole number of 32 bits`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var all []string
	for i := range method.input.Fields().Len() {
		all = append(all, `"`+string(method.input.Fields().Get(i).Name())+`": [[1, 2], {}]`)
	}
	_, err = method.Call(turnOf(t, dialogflow.ES, `{`+strings.Join(all, ", ")+`}`))
	if count := strings.Count(err.Error(), "; ") + 1; count != 20 {
		t.Errorf("%d violations, want as many as are told", count)
	}
}

func TestField(t *testing.T) {
	const day, open = `{"displayName": "DAY", "state": "FILLED", "value": {"year": 2026}}`, `{"displayName": "time", "required": true, "state": "EMPTY"}`
	cx := func(form, session string) string {
		return `{"fulfillmentInfo": {"tag": "kinds"}, "pageInfo": {"formInfo": {"parameterInfo": [` + form + `]}},
			"sessionInfo": {"session": "projects/p/locations/l/agents/a/sessions/s", "parameters": {` + session + `}}}`
	}
	es := func(parameters string) string { return string(turnOf(t, dialogflow.ES, parameters).Body) }
	fulfill := binding.NewIntentService(binding.IntentServiceOptions{})
	for _, c := range []struct{ method, path, body, want string }{
		{"Kinds", "string", es(`{"STRING": "a"}`), "STRING"},
		{"Kinds", "maybe_int32", es(`{"maybe-int32": ""}`), "maybe-int32"},
		{"Kinds", "maybeInt32", es(`{"maybe-int32": 1, "MaybeInt32": 2}`), "maybe-int32"},
		{"Kinds", "string", es(`{}`), "string"},
		{"Kinds", "items[1].price.units", es(`{"Items": []}`), "Items"},
		{"Kinds", `labels["a.b]"]`, es(`{"labels": {}}`), "labels"},
		{"Kinds", "contact", es(`{"email": "", "phone": 1}`), "email phone gift"},
		{"Kinds", "", es(`{"string": "a"}`), ""},
		{"Kinds", "nothing", es(`{"nothing": "a"}`), ""},
		{"Kinds", "[", es(`{"string": "a"}`), ""},
		{"Joins", "pick_up", es(`{"day": "2026-11-22", "time": ""}`), "time"},
		{"Joins", "pick_up.year", es(`{"day": "2026-11-22", "time": "12:00"}`), "day time"},
		{"Joins", "days", es(`{"end-date": "2026-11-22"}`), "end-date"},
		{"Joins", "pickUp", cx(day+`, `+open, ``), "time"},
		{"Joins", "pickUp", cx(day+`, `+open, `"time": {"hours": 1}`), "DAY time"},
		{"Origins", "number", cx(``, `"Count": 1`), "Count"},
		{"Origins", "number", cx(``, ``), "number count"},
		{"Origins", "language", es(`{"language": "en"}`), ""},
		{"Origins", "caller", es(`{"caller": "en"}`), ""},
		{"", "order_id", es(`{"order_id": ""}`), "order_id"},
		{"", "parameters.order_id.x", cx(`{"displayName": "Order-Id", "state": "EMPTY"}`, ``), "Order-Id"},
		{"", "parameters.order.id", cx(``, `"order": 1, "order.id": 2`), "order.id"},
		{"", "parameters", cx(``, `"order": 1`), "parameters"},
		{"", "", cx(``, `"order": 1`), ""},
	} {
		on := dialogflow.ES
		if strings.Contains(c.body, "fulfillmentInfo") {
			on = dialogflow.CX
		}
		field := fulfill.Field
		if c.method != "" {
			field = compile(t, "KindsService."+c.method, binding.Options{Platform: on, TimeZone: berlin(t)}).Field
		}
		got := field(read(t, on, c.body), c.path)
		if want := (binding.Violation{Field: c.path, Parameters: strings.Fields(c.want)}); strings.Join(got.Parameters, " ") != c.want || got.Field != want.Field {
			t.Errorf("%s of %s for %s: got %+v, want %q", c.path, c.method, c.body, got, c.want)
		}
	}
	turn := read(t, dialogflow.ES, esBody)
	if got := compileCanonical(t, "v2").Field(turn, "query_result"); !reflect.DeepEqual(got, binding.Violation{Field: "query_result"}) {
		t.Errorf("got %+v of Dialogflow's own request, want nothing", got)
	}
}

// What the configuration says by a field's name wins over what the annotation says, and the innermost field over those around.
func TestReprompts(t *testing.T) {
	annotations := &binding.Annotations{Fields: map[string]*intentgatev1.ParameterOptions{
		"request.int32": {Reprompt: map[string]string{"en": "by annotation"}},
		"request.items": {Reprompt: map[string]string{"en": "items"}},
		"request.bool":  {Reprompt: map[string]string{"en": "a bool"}},
	}}
	price, elsewhere := &binding.Reprompt{Texts: texts(t, "price")}, &binding.Reprompt{Texts: texts(t, "nobody")}
	options := binding.Options{Platform: dialogflow.ES, Annotations: annotations, Reprompts: map[protoreflect.FullName]*binding.Reprompt{
		"kinds.v1.KindsRequest.bool": {Texts: texts(t, "by configuration")}, "kinds.v1.Item.price": price, "kinds.v1.Item.weight": elsewhere,
	}}
	method := compile(t, "KindsService.Kinds", options)
	if !price.Used || elsewhere.Used {
		t.Errorf("got %t, %t, want that the first is used", price.Used, elsewhere.Used)
	}
	for _, c := range []struct{ parameters, path, want string }{
		{`{"int32": "x"}`, "int32", "by annotation"},
		{`{"bool": "x"}`, "bool", "by configuration"},
		{`{"items": [{"count": "x"}]}`, "items[0].count", "items"},
		{`{"items": [{"price": "x"}]}`, "items[0].price", "price"},
		{`{"item": {"price": "x"}}`, "item.price", "price"},
		{`{"item": {"count": "x"}}`, "item.count", ""},
	} {
		turn := turnOf(t, dialogflow.ES, c.parameters)
		_, err := method.Call(turn)
		for _, v := range []binding.Violation{violation(err), method.Field(turn, c.path)} {
			if text, _ := v.Reprompt.In("en"); text != c.want || v.Field != c.path {
				t.Errorf("%s: got %+v with %q, want %q", c.parameters, v, text, c.want)
			}
		}
	}
	annotations.Fields["request.int32"].Reprompt["english"] = "x"
	annotations.Fields["request.bool"].Reprompt["de"] = " "
	options.Reprompts = nil
	_, err := binding.Compile(descriptor(t, "KindsService.Kinds"), options)
	got := problems(t, err)
	for field, want := range map[string]string{"int32": `"english" is no language`, "bool": `"de" is empty`} {
		if all := got["kinds.proto: kinds.v1.KindsRequest."+field]; len(all) != 1 || !strings.Contains(all[0], want) {
			t.Errorf("%s: got %q, want %q", field, all, want)
		}
	}
}

func TestSlotFilling(t *testing.T) {
	for _, filling := range []bool{true, false} {
		annotations := &binding.Annotations{Intent: &intentgatev1.IntentOptions{SlotFilling: filling}}
		if got := compile(t, "KindsService.Kinds", binding.Options{Platform: dialogflow.ES, Annotations: annotations}).SlotFilling(); got != filling {
			t.Errorf("the method: got %t, want %t", got, filling)
		}
		if got := binding.NewIntentService(binding.IntentServiceOptions{AfterSlotFilling: !filling}).SlotFilling(); got != filling {
			t.Errorf("the service: got %t, want %t", got, filling)
		}
	}
}
