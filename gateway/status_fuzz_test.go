package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// dice are the bytes of the fuzzer, as choices. When they are used up, the first of everything is chosen.
type dice struct{ left []byte }

func (d *dice) roll(sides int) int {
	if len(d.left) == 0 {
		return 0
	}
	b := d.left[0]
	d.left = d.left[1:]
	return int(b) % sides
}

// chosen are texts that mean something somewhere in an answer, or nearly so.
var chosen = []string{
	"size", "colour", "unknown", "", " ", "orders", "Orders", "order-confirm", "__system_counters__", "shop_order_dialog_context",
	"projects/shop/agent/sessions/s/contexts/x", "projects/other/agent/sessions/s/contexts/x", "a b", "ä", "x/y", strings.Repeat("c", 251),
	"pages/P", "flows/F/pages/P", "flows/F", "pages/", "projects/shop", agentName + "/flows/f", agentName + "/flows/f/pages/END_SESSION", "pages/P/Q",
	"projects/shop/agent/sessions/s/entityTypes/size", "en", "de", "de-AT", "???", "SLACK", "TELEPHONY", "NONE", "+15550100", "<speak>x</speak>",
	"https://example.com/x.wav", "size.original", "order-not-found", "\u2028\u0000\"\\", strings.Repeat("\"", 20<<10), "items[0].quantity", "parameters.size", private,
}

// text is one of the chosen, or bytes that are no text.
func (d *dice) text() string {
	if d.roll(3) == 0 {
		return chosen[0]
	}
	if n := d.roll(len(chosen) + 2); n < len(chosen) {
		return chosen[n]
	}
	n := min(d.roll(16), len(d.left))
	text := string(d.left[:n])
	d.left = d.left[n:]
	return strings.ToValidUTF8(text, "\uFFFD")
}

// fill gives some fields of a message values.
func (d *dice) fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for range 1 + d.roll(4) {
		if len(d.left) == 0 {
			return
		}
		f := fields.Get(d.roll(fields.Len()))
		switch {
		case f.IsMap():
			entries := m.Mutable(f).Map()
			for range d.roll(4) {
				entries.Set(d.value(f.MapKey(), nil, depth).MapKey(), d.value(f.MapValue(), entries.NewValue, depth))
			}
		case f.IsList():
			list := m.Mutable(f).List()
			for range d.roll(4) {
				list.Append(d.value(f, list.NewElement, depth))
			}
		default:
			m.Set(f, d.value(f, func() protoreflect.Value { return m.NewField(f) }, depth))
		}
	}
}

// value is one of a field's type.
func (d *dice) value(f protoreflect.FieldDescriptor, empty func() protoreflect.Value, depth int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(d.text())
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(d.text()))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(d.roll(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(d.roll(6) - 1)) //nolint:gosec // it fits
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64([]float64{7, 0.1, 1e300, math.Copysign(0, -1), math.NaN(), math.Inf(1)}[d.roll(6)])
	case protoreflect.MessageKind:
		value := empty()
		if depth < 40 {
			d.fill(value.Message(), depth+1)
		}
		return value
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(d.roll(9) - 2)) //nolint:gosec // it fits
	case protoreflect.Int64Kind, protoreflect.Sint64Kind:
		return protoreflect.ValueOfInt64(int64(d.roll(256)))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(d.roll(256))) //nolint:gosec // it fits
	default:
		return f.Default()
	}
}

func (d *dice) reply() *intentgatev1.Reply {
	reply := new(intentgatev1.Reply)
	for range 3 {
		d.fill(reply.ProtoReflect(), 0)
	}
	return reply
}

// status is any status, with details of every kind, damaged ones among them.
func (d *dice) status() error {
	s := &spb.Status{Code: int32(1 + d.roll(18)), Message: private} //nolint:gosec // it fits
	for range 1 + d.roll(5) {
		detail := d.detail()
		packed, err := anypb.New(detail)
		if err != nil {
			continue
		}
		if d.roll(8) == 7 && len(packed.GetValue()) > 0 {
			packed.Value = packed.GetValue()[d.roll(len(packed.GetValue())):]
		}
		s.Details = append(s.Details, packed)
	}
	return status.FromProto(s).Err()
}

func (d *dice) detail() proto.Message {
	paths := []string{"size", "parameters.colour", "colour.amount", "offered", "items[0].size", "", private}
	switch d.roll(8) {
	case 0, 1:
		return d.reply()
	case 2, 3:
		bad := new(errdetails.BadRequest)
		for range 1 + d.roll(3) {
			v := &errdetails.BadRequest_FieldViolation{Field: paths[d.roll(len(paths))], Description: private}
			if d.roll(2) == 0 {
				v.LocalizedMessage = &errdetails.LocalizedMessage{Locale: d.text(), Message: d.text()}
			}
			bad.FieldViolations = append(bad.FieldViolations, v)
		}
		return bad
	case 4:
		return &validate.Violations{Violations: []*validate.Violation{{Field: &validate.FieldPath{
			Elements: []*validate.FieldPathElement{{FieldName: proto.String(paths[d.roll(len(paths))])}},
		}}}}
	case 5:
		any := new(validate.Violations)
		d.fill(any.ProtoReflect(), 0)
		return any
	case 6:
		return new(errdetails.ErrorInfo)
	default:
		return &errdetails.LocalizedMessage{Locale: d.text(), Message: d.text()}
	}
}

// parameter is a value as Dialogflow would send it, and the state that goes with it.
func (d *dice) parameter() (value, state string) {
	values := []string{`7.10`, `"red"`, `["a", {"amount": 0.1}]`, `{"year": 2026.0}`, `9007199254740993`, `""`, `[]`, `null`}
	return values[d.roll(len(values))], []string{"FILLED", "INVALID", "EMPTY", "PARAMETER_STATE_UNSPECIFIED"}[d.roll(4)]
}

// FuzzAnswer looks for a status, or a reply, that makes the gateway answer what Dialogflow would refuse, or tell what is private.
func FuzzAnswer(f *testing.F) {
	apis := []dialogflow.API{dialogflow.V2, dialogflow.V2Beta1, dialogflow.V3}
	var gateways []*fixture
	for _, api := range apis {
		gateways = append(gateways, start(f, func(s *setup) {
			if s.API, s.ReopenParameters = api, true; api == dialogflow.V3 {
				s.Platform = dialogflow.CX
			}
		}))
	}
	noise := uint32(1)
	for seed := range 300 {
		bytes := []byte{byte(seed)}
		for range seed {
			noise = noise*1664525 + 1013904223
			bytes = append(bytes, byte(noise>>24))
		}
		f.Add(bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &dice{b}
		n := d.roll(len(apis))
		g := gateways[n]
		g.t = t
		asked := d.turn(apis[n])
		isStatus := d.roll(3) > 0
		var refused error
		var said *intentgatev1.Reply
		if isStatus {
			refused = d.status()
		} else {
			said = d.reply()
		}
		g.service.answer = func(context.Context) ([]byte, error) {
			if refused != nil {
				return nil, refused
			}
			return proto.Marshal(&intentgatev1.FulfillResponse{Reply: said})
		}
		asked = fresh(asked) // the same is not asked again
		got := g.send(g.request(t.Context(), asked))
		logged := g.line()
		if len(g.service.calls) > 0 {
			<-g.service.calls
		}
		if got.status == 200 {
			outcome := simulator.Judge(apis[n], []byte(asked), simulator.Answer{Status: got.status, Body: []byte(got.body)}, nil)
			if !outcome.Accepted || len(outcome.Problems) > 0 {
				t.Errorf("%q, with\n%s\nto\n%s\nfor %v %v", outcome.Problems, got.body, asked, said, refused)
			}
			return
		}
		want := binding.HTTPStatus(codes.Internal) // of a reply that cannot be sent
		if isStatus {
			want = binding.HTTPStatus(status.Code(refused))
		}
		if got.status != want || strings.Contains(got.body+fmt.Sprint(got.header), private) {
			t.Errorf("HTTP %d, want %d: %s, logged as %+v", got.status, want, got.body, logged)
		}
	})
}

// turn is a request of an agent of an API, with parameters in some state.
func (d *dice) turn(api dialogflow.API) string {
	size, state := d.parameter()
	colour, _ := d.parameter()
	language := []string{"en", "de-AT", "", "esES", "???"}[d.roll(5)]
	session := "projects/shop/agent/sessions/s"
	body := map[string]any{"responseId": "1", "session": session, "queryResult": map[string]any{
		"intent": map[string]any{"name": "projects/shop/agent/intents/0a1b", "displayName": "shop.order"}, "languageCode": language,
		"parameters": json.RawMessage(`{"size": ` + size + `, "colour": ` + colour + `}`), "allRequiredParamsPresent": d.roll(2) == 0,
		"outputContexts": []any{
			map[string]any{"name": session + "/contexts/orders", "lifespanCount": d.roll(3), "parameters": json.RawMessage(`{"offered": ` + colour + `}`)},
			map[string]any{"name": session + "/contexts/shop_order_dialog_context", "lifespanCount": 2, "parameters": json.RawMessage(`{"size": ` + size + `}`)},
		},
	}}
	if api == dialogflow.V3 {
		parameter := map[string]any{"displayName": "size", "state": state, "required": d.roll(2) == 0}
		if state != "EMPTY" {
			parameter["value"] = json.RawMessage(size)
		}
		page := map[string]any{"currentPage": agentName + "/flows/f/pages/p"}
		if d.roll(3) > 0 {
			page["formInfo"] = map[string]any{"parameterInfo": []any{parameter}}
		}
		body = map[string]any{
			"detectIntentResponseId": "1", "languageCode": language, "fulfillmentInfo": map[string]any{"tag": "order"}, "pageInfo": page,
			"sessionInfo": map[string]any{"session": agentName + "/sessions/s", "parameters": json.RawMessage(`{"colour": ` + colour + `}`)},
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(text)
}
