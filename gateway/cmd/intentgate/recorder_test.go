package main

import (
	"context"
	"testing"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/process"
)

// foreign is a service that says no with a detail that only its own program knows.
type foreign struct{}

func (foreign) Invoke(context.Context, *backend.Call) ([]byte, error) {
	return nil, status.FromProto(&spb.Status{Code: 9, Message: "no", Details: []*anypb.Any{{TypeUrl: "type.googleapis.com/foreign.Why", Value: []byte("x")}}}).Err()
}

// TestRecorder has a call seen of which next to nothing is known, once.
func TestRecorder(t *testing.T) {
	t.Parallel()
	e := &embedded{gateway: &process.Process{}}
	if _, err := e.observed(foreign{}).Invoke(t.Context(), &backend.Call{Method: "/foreign.Service/Ask", Request: []byte("x")}); status.Code(err) != 9 {
		t.Errorf("it returns %v", err)
	}
	calls := e.calls.take("")
	if len(calls) != 1 || calls[0].Method != "foreign.Service/Ask" || calls[0].Request != nil || calls[0].Response != nil || string(calls[0].Status) != `{"code":9,"message":"no"}` {
		t.Errorf("it saw %+v", calls)
	}
	if again := e.calls.take(""); len(again) != 0 {
		t.Errorf("it tells twice of %+v", again)
	}
}
