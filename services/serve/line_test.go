package serve_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

const secret = "4111 1111 1111 1111"

func secretly() *intentgatev1.FulfillRequest {
	return &intentgatev1.FulfillRequest{Turn: &intentgatev1.Turn{Input: &intentgatev1.Turn_Text{Text: secret}}}
}

func TestLine(t *testing.T) {
	w := run(t, hello)

	if _, err := w.client(t, gateway).Fulfill(asserted(t), secretly()); err != nil {
		t.Fatal(err)
	}
	line := w.log.next(t, "Call")
	for key, want := range map[string]string{
		"level":      "INFO",
		"service":    "orders",
		"method":     "/intentgate.v1.IntentService/Fulfill",
		"code":       "OK",
		"peer":       "[dns:gateway.internal]",
		"caller":     "map[platform:ES project:shop proof:STATED]",
		"request_id": "1.request",
	} {
		if got := fmt.Sprint(line[key]); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	if took, ok := line["duration"].(float64); !ok || took <= 0 {
		t.Errorf("duration is %v", line["duration"])
	}
	if strings.Contains(fmt.Sprint(line), secret) {
		t.Error("the line tells what the user said")
	}

	_, err := w.client(t, stranger).Fulfill(t.Context(), secretly())
	if status.Code(err) != codes.PermissionDenied {
		t.Fatalf("got %v", err)
	}
	line = w.log.next(t, "Call")
	if line["level"] != "WARN" || line["code"] != "PermissionDenied" || fmt.Sprint(line["peer"]) != "["+stranger+"]" {
		t.Errorf("a refusal's line: %v", line)
	}
	if !strings.Contains(fmt.Sprint(line["refusal"]), "not_allowed") {
		t.Errorf("the refusal's line does not say why: %v", line)
	}
	if line["caller"] != nil || line["request_id"] != nil {
		t.Errorf("a refused caller is believed: %v", line)
	}

	if _, err := grpc_health_v1.NewHealthClient(w.dial(t, reports)).Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if line = w.log.next(t, "Call"); line["level"] != "DEBUG" {
		t.Errorf("a health check's line: %v", line)
	}
}

func TestLevel(t *testing.T) {
	var fails error
	w := run(t, func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		return nil, fails
	})
	client := w.client(t, reports)
	for _, c := range []struct {
		fails       error
		code, level string
	}{
		{status.Error(codes.NotFound, "no such order"), "NotFound", "INFO"},
		{status.Error(codes.Unavailable, "warehouse is down"), "Unavailable", "WARN"},
		{fmt.Errorf("ask the warehouse: %w", context.DeadlineExceeded), "DeadlineExceeded", "WARN"},
		{errors.New("row 7: no such column"), "Unknown", "ERROR"},
	} {
		fails = c.fails
		if _, err := client.Fulfill(t.Context(), nil); status.Code(err).String() != c.code {
			t.Errorf("caller of %v got %v", c.fails, err)
		}
		if line := w.log.next(t, "Call"); line["code"] != c.code || line["level"] != c.level || line["error"] == nil {
			t.Errorf("line of %v: %v", c.fails, line)
		}
	}
}

func TestPanic(t *testing.T) {
	w := run(t, func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		panic("the till is empty")
	})
	client := w.client(t, reports)
	for range 2 { // and the server lives on
		_, err := client.Fulfill(t.Context(), nil)
		if got := status.Convert(err); got.Code() != codes.Internal || got.Message() != "internal error" || len(got.Details()) > 0 {
			t.Errorf("got %v, want INTERNAL, and nothing of what panicked", err)
		}
		line := w.log.next(t, "Panic")
		if line["value"] != "the till is empty" || !strings.Contains(fmt.Sprint(line["stack"]), "TestPanic") {
			t.Errorf("the log does not say what panicked, and where: %v", line)
		}
		if line := w.log.next(t, "Call"); line["code"] != "Internal" || line["level"] != "ERROR" {
			t.Errorf("line: %v", line)
		}
	}
}
