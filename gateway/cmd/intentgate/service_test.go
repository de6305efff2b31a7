package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	grpcpeer "google.golang.org/grpc/peer"

	"github.com/intentgate/intentgate/gateway/pki"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/serve"
)

// answerer is what an intent service does.
type answerer func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error)

// service is an intent service that keeps what reaches it, behind services/serve as any other.
type service struct {
	intentgatev1.UnimplementedIntentServiceServer

	addr string

	mu     sync.Mutex
	calls  []received
	answer answerer
}

// received is a call as the service saw it.
type received struct {
	request  *intentgatev1.FulfillRequest
	call     *caller.Call
	metadata metadata.MD
	peer     string        // the connection
	left     time.Duration // until the deadline; 0: there was none
}

// Fulfill answers with the text `heard` and the turn's id, unless the test gave another answerer.
func (s *service) Fulfill(ctx context.Context, request *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
	r := received{request: request}
	r.call, _ = caller.FromContext(ctx)
	r.metadata, _ = metadata.FromIncomingContext(ctx)
	if p, ok := grpcpeer.FromContext(ctx); ok {
		r.peer = p.Addr.String()
	}
	if deadline, ok := ctx.Deadline(); ok {
		r.left = time.Until(deadline)
	}
	s.mu.Lock()
	s.calls = append(s.calls, r)
	answer := s.answer
	s.mu.Unlock()
	if answer == nil {
		return says("heard " + request.GetTurn().GetId()), nil
	}
	return answer(ctx, request)
}

func says(text string) *intentgatev1.FulfillResponse {
	return &intentgatev1.FulfillResponse{Reply: &intentgatev1.Reply{Texts: []string{text}}}
}

// answers sets what is answered from now on.
func (s *service) answers(answer answerer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// all returns the calls so far.
func (s *service) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// of returns the calls so far for the turn with an id.
func (s *service) of(turn string) []received {
	return slices.DeleteFunc(s.all(), func(r received) bool { return r.request.GetTurn().GetId() != turn })
}

// one returns the only call for a turn.
func (s *service) one(t *testing.T, turn string) received {
	t.Helper()
	calls := s.of(turn)
	if len(calls) != 1 {
		t.Fatalf("%d calls for the turn %q reached the service, want 1", len(calls), turn)
	}
	return calls[0]
}

// startService starts a service with the certificate for it in a folder of certificates, until the test ends.
func startService(t *testing.T, dir, listen string, changes ...func(*serve.Config)) *service {
	t.Helper()
	s := &service{}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	file := func(name string) string { return filepath.Join(dir, certsFolder, name) }
	config := serve.Config{
		Name: serviceName, Listen: listen, Logger: slog.New(slog.DiscardHandler),
		TLS:       mtls.Files{Cert: file(pki.OrdersCert), Key: file(pki.OrdersKey), CA: file(pki.InternalCA)},
		Asserting: []string{"dns:" + pki.GatewayName},
		Register:  func(r grpc.ServiceRegistrar) { intentgatev1.RegisterIntentServiceServer(r, s) },
	}
	for _, change := range changes {
		if change != nil {
			change(&config)
		}
	}
	server, err := serve.New(ctx, config)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	s.addr = server.Addr().String()
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the service ended with %v", err)
		}
	})
	return s
}
