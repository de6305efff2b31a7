package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
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

// maxResponse is what the gateway takes.
const maxResponse = 1 << 20

// as returns a new connection of a program with a certificate, which is closed with the bench. It is one connection, whatever
// the service says of its health.
func (b *bench) as(files mtls.Files) (*grpc.ClientConn, error) {
	return b.dial(files, grpc.WithDefaultServiceConfig(`{}`))
}

// dial returns a new connection that is made as the gateway makes it, but for the options.
func (b *bench) dial(files mtls.Files, but ...grpc.DialOption) (*grpc.ClientConn, error) {
	files.CA = b.Gateway.CA
	identity, err := mtls.Open(files, mtls.Options{Logger: slog.New(slog.DiscardHandler), Now: b.Now})
	if err != nil {
		return nil, err
	}
	options := append(backend.DialOptions(identity.ClientCredentials(b.ServerName)), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponse)))
	conn, err := grpc.NewClient(b.Target, append(options, but...)...)
	if err == nil {
		b.conns = append(b.conns, conn)
	}
	return conn, err
}

// gateway returns the connection that the gateway's calls are made on.
func (b *bench) gateway() (conn *grpc.ClientConn, err error) {
	if b.main == nil {
		b.main, err = b.dial(b.Gateway)
	}
	return b.main, err
}

// health asks for the health of the whole service, which every service answers: it does for judging who is let in. More may be
// told by the options.
func (b *bench) health(ctx context.Context, conn *grpc.ClientConn, md metadata.MD, options ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(ctx, md), b.Patience)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}, options...)
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
			Location:    value("europe-west1", intentgatev1.Caller_PROOF_STATED),
			Agent:       value(rand.Text(), intentgatev1.Caller_PROOF_CERTIFICATE),
			Environment: value("prüfung 🧪", intentgatev1.Caller_PROOF_STATED),
			Certificate: &intentgatev1.Caller_Certificate{Profile: "dialogflow", Sans: []string{"dns:a.example", "uri:spiffe://b"}, Sha256: []byte{0, 1, 0xfe, 0xff}},
		},
		Ref: &intentgatev1.CallRef{Session: "projects/conformance/locations/europe-west1/sessions/1", TurnId: "7", RequestId: "1." + rand.Text()},
	}
}

// told is the context of a call for a turn.
func told(ctx context.Context, turn caller.Outgoing) (context.Context, error) {
	return caller.NewOutgoingContext(ctx, turn)
}

// echo asks the probe. The context's metadata are sent.
func echo(ctx context.Context, b *bench, conn *grpc.ClientConn, request *conformancev1.EchoRequest) (*conformancev1.EchoResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Patience)
	defer cancel()
	return conformancev1.NewProbeServiceClient(conn).Echo(ctx, request)
}

// echoed asks the probe for itself, and compares.
func (b *bench) echoed(ctx context.Context, what string, request *conformancev1.EchoRequest) error {
	conn, err := b.gateway()
	if err != nil {
		return err
	}
	response, err := echo(ctx, b, conn, request)
	if err != nil {
		return fmt.Errorf("%s: %w", what, said(err))
	}
	return same(what, response.GetRequest(), request)
}

// same compares two messages.
func same(what string, got, want proto.Message) error {
	if proto.Equal(got, want) {
		return nil
	}
	return fmt.Errorf("%s: %s instead of %s", what, short(got), short(want))
}

func short(m proto.Message) string {
	const most = 200
	text := []rune(fmt.Sprint(m))
	if len(text) > most {
		text = append(text[:most], '…')
	}
	return string(text)
}

// said is an error of a call in one line.
func said(err error) error {
	message, _, _ := strings.Cut(status.Convert(err).Message(), "\n")
	return fmt.Errorf("%s %q", status.Code(err), message)
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
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
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

// all joins what was seen where something failed, one by one.
func all(saw string, problems ...error) (string, error) {
	var texts []string
	for _, problem := range problems {
		if problem != nil {
			texts = append(texts, problem.Error())
		}
	}
	if texts != nil {
		return "", errors.New(strings.Join(texts, "; "))
	}
	return saw, nil
}
