// Package probe answers what the conformance kit asks of a service that cannot be seen from outside. It has the means of every
// service, and no others. It is served in test mode only: serve's flag --probe.
package probe

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/once"
	"github.com/intentgate/intentgate/services/refuse"
)

// Beside returns a function that registers the probe beside what another one does.
func Beside(register func(grpc.ServiceRegistrar)) func(grpc.ServiceRegistrar) {
	return func(r grpc.ServiceRegistrar) {
		register(r)
		conformancev1.RegisterProbeServiceServer(r, New())
	}
}

// Service implements intentgate.conformance.v1.ProbeService, whose comments say what its methods do. It is safe for concurrent use.
type Service struct {
	conformancev1.UnimplementedProbeServiceServer

	answers *once.Answers

	mu    sync.Mutex // guards all below
	count int64
	waits map[string]conformancev1.WaitedResponse_End
}

// New returns a service that knows of no wait, and has counted nothing.
func New() *Service {
	return &Service{answers: once.NewAnswers(nil), waits: map[string]conformancev1.WaitedResponse_End{}}
}

// Echo answers what it was asked, and tells what the library made of the call.
func (s *Service) Echo(ctx context.Context, req *conformancev1.EchoRequest) (*conformancev1.EchoResponse, error) {
	call, ok := caller.FromContext(ctx)
	if !ok {
		return nil, errors.New("no policy stands before the probe")
	}
	resp := &conformancev1.EchoResponse{
		Request: req, Peer: call.Peer.SANs, Direct: call.Direct(), Caller: call.Caller, Ref: call.Ref, RequestId: call.RequestID,
	}
	if deadline, ok := ctx.Deadline(); ok {
		resp.TimeLeft = durationpb.New(time.Until(deadline))
	}
	return resp, nil
}

// Refuse ends with the status that it is asked for.
func (s *Service) Refuse(_ context.Context, req *conformancev1.RefuseRequest) (*conformancev1.RefuseResponse, error) {
	if req.GetCrash() {
		panic(req.GetMessage())
	}
	var details []proto.Message
	for _, language := range slices.Sorted(maps.Keys(req.GetLocalized())) {
		details = append(details, refuse.Saying(language, req.GetLocalized()[language]))
	}
	for _, violation := range req.GetViolations() {
		details = append(details, refuse.Field(violation.GetField(), violation.GetDescription()))
	}
	details = append(details, req.GetReply())
	return nil, refuse.With(codes.Code(req.GetCode()), req.GetMessage(), details...) //nolint:gosec // a code is what it should be
}

// Wait answers after a while.
func (s *Service) Wait(ctx context.Context, req *conformancev1.WaitRequest) (*conformancev1.WaitResponse, error) {
	s.note(req.GetId(), conformancev1.WaitedResponse_END_WAITING)
	timer := time.NewTimer(req.GetTime().AsDuration())
	defer timer.Stop()
	select {
	case <-timer.C:
		s.note(req.GetId(), conformancev1.WaitedResponse_END_COMPLETED)
		return &conformancev1.WaitResponse{}, nil
	case <-ctx.Done():
		s.note(req.GetId(), conformancev1.WaitedResponse_END_CANCELLED)
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

func (s *Service) note(id string, end conformancev1.WaitedResponse_End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits[id] = end
}

// Waited tells how a wait has ended.
func (s *Service) Waited(_ context.Context, req *conformancev1.WaitedRequest) (*conformancev1.WaitedResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &conformancev1.WaitedResponse{End: s.waits[req.GetId()]}, nil
}

// Once counts up by one, once for each idempotency key.
func (s *Service) Once(ctx context.Context, _ *conformancev1.OnceRequest) (*conformancev1.OnceResponse, error) {
	return once.Do(ctx, s.answers, func() (*conformancev1.OnceResponse, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.count++
		return &conformancev1.OnceResponse{Count: s.count}, nil
	})
}
