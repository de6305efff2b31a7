package main

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/refuse"
)

const soldOut = "We are full at two."

// refusals are the turns that a service refuses, for the value of order_id.
const (
	refusedES = `{"responseId": "es", "session": "projects/shop/agent/sessions/s-1", "queryResult": {"languageCode": "en-GB", "allRequiredParamsPresent": true,
		"intent": {"displayName": "order.refused"}, "parameters": {"order_id": "A-1"}}}`
	refusedCX = `{"detectIntentResponseId": "cx", "languageCode": "en-GB", "fulfillmentInfo": {"tag": "refused-order"},
		"sessionInfo": {"session": "projects/shop/locations/global/agents/a-1/sessions/s-1"},
		"pageInfo": {"currentPage": "projects/shop/locations/global/agents/a-1/flows/f/pages/p", "formInfo": {"parameterInfo": [
			{"displayName": "order_id", "required": true, "state": "FILLED", "value": "A-1"}]}}}`
)

// TestRefusals has a service refuse a turn over a real hop, in words, and with more of them than anybody reads.
func TestRefusals(t *testing.T) {
	t.Parallel()
	g := start(t)
	client := g.dialogflow(t)
	asNothing := func(code codes.Code) string { return http.StatusText(binding.HTTPStatus(code)) }
	for name, c := range map[string]struct {
		refusal error
		es, cx  string // the answers, or the HTTP status where there is none
		dropped string
	}{
		"in words": {
			refuse.With(codes.FailedPrecondition, private, refuse.Saying("de", "Um zwei ist alles voll."), refuse.Saying("en", soldOut), refuse.Field("order_id", private),
				&intentgatev1.Reply{Texts: []string{"How about three?"}}),
			`{"fulfillmentText":"We are full at two.\nHow about three?","fulfillmentMessages":[{"text":{"text":["We are full at two."]}},{"text":{"text":["How about three?"]}}]}`,
			`{"fulfillmentResponse":{"messages":[{"text":{"text":["We are full at two."]}},{"text":{"text":["How about three?"]}}]},` +
				`"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"order_id","required":true,"value":"A-1","state":"INVALID"}]}}}`, "",
		},
		"without words": {
			refuse.With(codes.FailedPrecondition, private, refuse.Field("order_id", private)), asNothing(codes.FailedPrecondition),
			`{"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"order_id","required":true,"value":"A-1","state":"INVALID"}]}}}`, "",
		},
		"too late": {
			refuse.With(codes.DeadlineExceeded, private, refuse.Saying("en", soldOut)),
			`{"fulfillmentText":"We are full at two.","fulfillmentMessages":[{"text":{"text":["We are full at two."]}}]}`,
			`{"fulfillmentResponse":{"messages":[{"text":{"text":["We are full at two."]}}]}}`, "",
		},
		"more than is read": {
			refuse.With(codes.NotFound, private, &intentgatev1.Reply{Texts: []string{strings.Repeat("x", 80<<10)}}),
			asNothing(codes.NotFound), asNothing(codes.NotFound), "status.details[0:]: a status may have 16 details of 65536 bytes",
		},
		"more than is taken off the wire": {
			refuse.With(codes.NotFound, private, &intentgatev1.Reply{Texts: []string{strings.Repeat("x", 300<<10)}}),
			asNothing(codes.Internal), asNothing(codes.Internal), "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g.service.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
				return nil, c.refusal
			})
			for _, way := range []struct {
				path, turn, want string
				api              dialogflow.API
			}{{esPath, refusedES, c.es, dialogflow.V2}, {cxPath, refusedCX, c.cx, dialogflow.V3}} {
				id := strings.ReplaceAll(name, " ", "-")
				turn := strings.Replace(strings.Replace(way.turn, `"es"`, `"es-`+id+`"`, 1), `"cx"`, `"cx-`+id+`"`, 1)
				got := g.post(t, client, way.path, turn)
				if leaks(got) {
					t.Errorf("%v %s tells what is private", got.Header, got.body)
				}
				line := g.log.await(t, 1, entry{"msg": "Turn", "turn_id": way.path[len("/dialogflow/"):] + "-" + id})[0]
				if line.text("dropped") != c.dropped {
					t.Errorf("dropped is %q, want %q", line.text("dropped"), c.dropped)
				}
				if !strings.HasPrefix(way.want, "{") {
					if http.StatusText(got.StatusCode) != way.want || line.text("answer") != "" {
						t.Errorf("status %d, %s, want %s", got.StatusCode, line, way.want)
					}
					continue
				}
				if got.StatusCode != http.StatusOK || got.body != way.want {
					t.Errorf("status %d, answer\n%s\nwant\n%s", got.StatusCode, got.body, way.want)
				}
				outcome := simulator.Judge(way.api, []byte(turn), simulator.Answer{Status: got.StatusCode, Body: []byte(got.body)}, nil)
				if !outcome.Accepted || len(outcome.Problems) > 0 {
					t.Errorf("Dialogflow would find: %q", outcome.Problems)
				}
				if line.text("answer") != "status" || line.text("code") != "OK" || line.text("outcome") != "answered" ||
					line.text("service_code") != status.Code(c.refusal).String() || line.text("error") == "" {
					t.Errorf("logged as %v", line)
				}
			}
		})
	}
	if all := g.log.String(); strings.Contains(all, private) {
		t.Errorf("the log tells what the service says:\n%s", all)
	}
	const counted = `intentgate_turns_total{agent="",answer="status",code="OK",method="/intentgate.v1.IntentService/Fulfill",outcome="answered",platform="CX",project="shop",reason="",service="shop-orders"} 3`
	if metrics := get(t, g.Status+"/metrics").body; !strings.Contains(metrics, counted) {
		t.Errorf("no %s in the metrics", counted)
	}
}

// TestTypedRefusals has a service of its own contract refuse a field, and the gateway refuse a value that does not fit one: the user
// hears what the configuration says of that field.
func TestTypedRefusals(t *testing.T) {
	t.Parallel()
	dir, files := folder(t), typedFiles(t)
	turns := startTyped(t, dir, files, turnsService, func(proto.Message, *dynamicpb.Message) error {
		return refuse.With(codes.InvalidArgument, private, refuse.Field("orderId", private))
	})
	file, err := files.FindFileByPath("turns.proto")
	if err != nil {
		t.Fatal(err)
	}
	writeSet(t, filepath.Join(dir, "turns.binpb"), file)
	configure(t, dir, edit{"platform: CX\n", "platform: CX\n    time_zone: Europe/Berlin\n"}, typedSettings("turns", turns.addr, `descriptor_set: turns.binpb,
      allow: {intents: ["order.*"], tags: ["*-order"]}, reprompts: [
        {field: kinds.v1.HearRequest.order_id, text: {en: "There is no such order. Which one?", de: "Welche Bestellung?"}},
        {field: kinds.v1.HearRequest.date, text: {en: "Which day?"}}]`))
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	client := g.dialogflow(t)
	withDay := strings.NewReplacer(`{"order_id": "A-1"}`, `{"order_id": "A-1", "date": "tomorrow"}`,
		`"value": "A-1"}`, `"value": "A-1"}, {"displayName": "date", "required": true, "state": "FILLED", "value": {"year": 2026.0, "month": "x"}}`)
	for name, c := range map[string]struct{ path, turn, want, answer string }{
		"ES, the service": {
			esPath, refusedES, `{"fulfillmentText":"There is no such order. Which one?","fulfillmentMessages":[{"text":{"text":["There is no such order. Which one?"]}}]}`, "status",
		},
		"CX, the service": {
			cxPath, refusedCX, `{"fulfillmentResponse":{"messages":[{"text":{"text":["There is no such order. Which one?"]}}]},` +
				`"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"order_id","required":true,"value":"A-1","state":"INVALID"}]}}}`, "status",
		},
		"ES, the gateway": {
			esPath, withDay.Replace(refusedES), `{"fulfillmentText":"Which day?","fulfillmentMessages":[{"text":{"text":["Which day?"]}}]}`, "rule",
		},
		"CX, the gateway": {
			cxPath, withDay.Replace(refusedCX), `{"fulfillmentResponse":{"messages":[{"text":{"text":["Which day?"]}}]},` +
				`"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"date","required":true,"value":{"year":2026.0,"month":"x"},"state":"INVALID"}]}}}`, "rule",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := g.post(t, client, c.path, c.turn)
			if got.StatusCode != http.StatusOK || got.body != c.want {
				t.Errorf("status %d, answer\n%s\nwant\n%s", got.StatusCode, got.body, c.want)
			}
			if called := len(turns.take()) > 0; called == (c.answer == "rule") {
				t.Errorf("the service was called: %t", called)
			}
		})
	}
	g.log.await(t, 2, entry{"msg": "Turn", "answer": "status", "code": "OK", "service_code": "InvalidArgument"})
	g.log.await(t, 2, entry{"msg": "Turn", "answer": "rule", "code": "OK"})
}
