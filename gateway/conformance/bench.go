package conformance

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/doctor"
	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
)

// bench is a service under judgement.
type bench struct {
	Config

	hop    doctor.Report
	conns  []*grpc.ClientConn
	conn   *grpc.ClientConn // the gateway's
	probe  conformancev1.ProbeServiceClient
	probed bool   // whether it is known to be there
	set    []byte // the descriptors; nil: not known yet
}

// dial returns a new connection of somebody, which is closed with the bench. It is made as the gateway makes it, but for the
// options.
func (b *bench) dial(files mtls.Files, but ...grpc.DialOption) (*grpc.ClientConn, error) {
	files.CA = b.Gateway.CA
	identity, err := mtls.Open(files, mtls.Options{Logger: slog.New(slog.DiscardHandler), Now: b.Now})
	if err != nil {
		return nil, err
	}
	options := append(backend.DialOptions(b.Target, identity.ClientCredentials(b.ServerName)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<20)), grpc.WithChainUnaryInterceptor(b.patient, b.signed))
	conn, err := grpc.NewClient(b.Target, append(options, but...)...)
	if err == nil {
		b.conns = append(b.conns, conn)
	}
	return conn, err
}

// as is dial for somebody who goes on to call a service that is not well, such as one that does not tell him of its health.
func (b *bench) as(files mtls.Files) (*grpc.ClientConn, error) {
	return b.dial(files, grpc.WithDefaultServiceConfig(`{}`))
}

func (b *bench) close() {
	for _, conn := range b.conns {
		_ = conn.Close() // nobody calls any more
	}
}

// patient gives a call up after a while, without a deadline of which the service would be told.
func (b *bench) patient(ctx context.Context, method string, req, resp any, conn *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption) error {
	patience, giveUp := context.WithCancel(ctx)
	defer giveUp()
	defer time.AfterFunc(b.Patience, giveUp).Stop()
	err := call(patience, method, req, resp, conn, options...)
	if status.Code(err) == codes.Canceled && patience.Err() != nil && ctx.Err() == nil {
		return status.Errorf(codes.DeadlineExceeded, "no answer within %s", b.Patience)
	}
	return err
}

// health asks for the health of the whole service, which every service answers: it does for judging who is let in.
func health(ctx context.Context, conn *grpc.ClientConn, md metadata.MD, options ...grpc.CallOption) error {
	_, err := grpc_health_v1.NewHealthClient(conn).Check(metadata.NewOutgoingContext(ctx, md), &grpc_health_v1.HealthCheckRequest{}, options...)
	return err
}

// turn is a turn of an agent's, as the gateway tells of it: each has a key of its own.
func turn() caller.Outgoing {
	value := func(value string, proof intentgatev1.Caller_Proof) *intentgatev1.Caller_Value {
		return &intentgatev1.Caller_Value{Value: value, Proof: proof}
	}
	return caller.Outgoing{
		Caller: &intentgatev1.Caller{
			Platform:    intentgatev1.Platform_PLATFORM_CX,
			ProjectId:   value("conformance", intentgatev1.Caller_PROOF_ID_TOKEN),
			Agent:       value(rand.Text(), intentgatev1.Caller_PROOF_CERTIFICATE),
			Environment: value("prüfung 🧪", intentgatev1.Caller_PROOF_STATED),
			Certificate: &intentgatev1.Caller_Certificate{Profile: "dialogflow", Sans: []string{"dns:a.example", "uri:spiffe://b"}, Sha256: []byte{0, 1, 0xfe, 0xff}},
		},
		Ref: &intentgatev1.CallRef{Session: "projects/conformance/locations/europe-west1/sessions/1", TurnId: "7", RequestId: "1." + rand.Text()},
	}
}

// echo asks the probe for what it was asked for a turn, and compares that.
func (b *bench) echo(ctx context.Context, turn caller.Outgoing, request *conformancev1.EchoRequest) (*conformancev1.EchoResponse, error) {
	ctx, err := caller.NewOutgoingContext(ctx, turn)
	if err != nil {
		return nil, err
	}
	response, err := b.probe.Echo(ctx, request)
	if err != nil {
		return nil, err
	}
	return response, same("the message", response.GetRequest(), request)
}

// echoed is echo for a turn that does not matter.
func (b *bench) echoed(ctx context.Context, what string, request *conformancev1.EchoRequest) error {
	if _, err := b.echo(ctx, turn(), request); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// same compares two messages.
func same(what string, got, want proto.Message) error {
	if proto.Equal(got, want) {
		return nil
	}
	const most = 200 // bytes are told
	return fmt.Errorf("%s: %.*s instead of %.*s", what, most, fmt.Sprint(got), most, fmt.Sprint(want))
}

// until tries something every now and then, until it succeeds or patience ends, then it returns the last error.
func (b *bench) until(ctx context.Context, try func() error) (err error) {
	for end := time.Now().Add(b.Patience); ; {
		if err = try(); err == nil || time.Now().After(end) || !pause(ctx, 20*time.Millisecond) {
			return err
		}
	}
}

// pause is false if the context ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// hop makes a check of the doctor's findings: all that there are have to be good, and one has to be there.
func hop(names ...string) func(context.Context, *bench) (string, error) {
	return func(_ context.Context, b *bench) (string, error) {
		var saw []string
		for _, f := range b.hop {
			switch {
			case !slices.Contains(names, f.Check):
			case f.Verdict == doctor.Failed, f.Verdict == doctor.Warning && f.Check == "health":
				f.Verdict = doctor.Failed
				return "", unfit{f}
			case f.Verdict != doctor.Skipped:
				saw = append(saw, f.Saw)
			}
		}
		if saw == nil {
			return "", skip("not judged, since an earlier check has failed")
		}
		return strings.Join(saw, "; "), nil
	}
}
