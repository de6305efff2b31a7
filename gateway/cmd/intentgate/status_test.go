package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// private is what must stay in the house.
const private = "dial 10.0.0.7: password of shop_rw is wrong"

// TestStatuses has the service fail in every way that gRPC knows.
func TestStatuses(t *testing.T) {
	t.Parallel()
	g := start(t, edit{"webhooks:\n", "telemetry: {log: {user_data: [status_texts]}}\nwebhooks:\n"})
	client := g.dialogflow(t)
	for code, want := range map[codes.Code]int{
		codes.Canceled: 499, codes.Unknown: 500, codes.InvalidArgument: 400, codes.DeadlineExceeded: 504, codes.NotFound: 404,
		codes.AlreadyExists: 409, codes.PermissionDenied: 403, codes.ResourceExhausted: 429, codes.FailedPrecondition: 400,
		codes.Aborted: 409, codes.OutOfRange: 400, codes.Unimplemented: 501, codes.Internal: 500, codes.Unavailable: 503,
		codes.DataLoss: 500, codes.Unauthenticated: 401,
		codes.Code(77): 500,
	} {
		t.Run(code.String(), func(t *testing.T) {
			g.service.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
				failure, err := status.New(code, private).WithDetails(&errdetails.DebugInfo{Detail: private})
				if err != nil {
					t.Error(err)
				}
				return nil, failure.Err()
			})
			for _, path := range []string{esPath, cxPath} {
				turn := map[string]string{esPath: esTurn(code.String()), cxPath: cxTurn(code.String())}[path]
				got := g.post(t, client, path, turn)
				told, sentence := got.message(t)
				if got.StatusCode != want || told != known(code) {
					t.Errorf("%s: status %d with code %s, want %d with %s", path, got.StatusCode, told, want, known(code))
				}
				if sentence == "" || leaks(got) {
					t.Errorf("%s: the answer is %v %q", path, got.Header, got.body)
				}
			}
			lines := g.log.await(t, 2, entry{"msg": "Turn", "service_code": known(code).String()})
			if line := lines[len(lines)-1]; line.text("status_texts") != private || strings.Contains(line.text("error"), private) || line["http_status"] != float64(want) {
				t.Errorf("the log does not say what happened: %v", line)
			}
		})
	}
}

// known is what becomes of a number that gRPC has no code for.
func known(code codes.Code) codes.Code {
	if code > codes.Unauthenticated {
		return codes.Unknown
	}
	return code
}

// leaks says whether an answer holds what must stay in the house.
func leaks(got answer) bool {
	for _, values := range got.Header {
		if strings.Contains(strings.Join(values, " "), "shop_rw") {
			return true
		}
	}
	return strings.Contains(got.body, "shop_rw") || strings.Contains(got.body, "10.0.0.7")
}

// TestUnusableAnswers has the service answer what cannot be sent, or not at all.
func TestUnusableAnswers(t *testing.T) {
	t.Parallel()
	g := start(t)
	client := g.dialogflow(t)
	for name, test := range map[string]struct {
		answer answerer
		status int
		reason string
	}{
		"panic": {
			func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
				panic(private)
			},
			500, "service_status",
		},
		"too large": {
			func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
				return says(strings.Repeat("shop_rw ", 9000)), nil
			},
			500, "reply_too_large",
		},
		"far too large": {
			func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
				return says(strings.Repeat("shop_rw ", 1<<18)), nil
			},
			500, "response_too_large",
		},
		"without a reply": {
			func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
				return &intentgatev1.FulfillResponse{}, nil
			},
			200, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g.service.answers(test.answer)
			got := g.post(t, client, esPath, esTurn(name))
			if got.StatusCode != test.status || leaks(got) {
				t.Errorf("status %d, %q; want %d", got.StatusCode, got.body, test.status)
			}
			want := entry{"msg": "Turn", "turn_id": name, "http_status": float64(test.status)}
			if test.reason != "" {
				want["reason"] = test.reason
			} else if got.body != "{}" {
				t.Errorf("the answer to no reply is %q", got.body)
			}
			g.log.await(t, 1, want)
		})
	}
	// After all that it still works.
	g.service.answers(nil)
	if got := g.post(t, client, esPath, esTurn("after")); got.StatusCode != http.StatusOK {
		t.Errorf("status %d", got.StatusCode)
	}
}
