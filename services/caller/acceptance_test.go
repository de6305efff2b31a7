package caller_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

type acceptanceRow struct {
	Name string `json:"name"`
	Peer struct {
		SANs        []string `json:"sans"`
		CommonName  string   `json:"common_name"`
		Certificate string   `json:"certificate"`
		TLS         string   `json:"tls"`
	} `json:"peer"`
	Allowed   []string `json:"allowed"`
	Asserting []string `json:"asserting"`
	Metadata  []entry  `json:"metadata"`
	Code      string   `json:"code"`
	Reason    string   `json:"reason"`
	Call      string   `json:"call"`
}

// service is a server of one unary and one streaming method, which note what their handlers see.
type service struct {
	healthpb.UnimplementedHealthServer

	calls    chan *caller.Call
	refusals chan error
}

func (s *service) note(ctx context.Context) error {
	call, ok := caller.FromContext(ctx)
	if !ok {
		return errors.New("no call in the context")
	}
	s.calls <- call
	return nil
}

func (s *service) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return &healthpb.HealthCheckResponse{}, s.note(ctx)
}

func (s *service) Watch(_ *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	return errors.Join(s.note(stream.Context()), stream.Send(&healthpb.HealthCheckResponse{}))
}

// keep keeps the error of a call as a log would see it.
func (s *service) keep(err error) error {
	if err != nil {
		s.refusals <- err
	}
	return err
}

// start serves on a port of its own until the test ends, and returns the address.
func (s *service) start(t *testing.T, identity *mtls.Identity, policy caller.Policy) string {
	t.Helper()
	server := grpc.NewServer(
		grpc.Creds(identity.ServerCredentials()),
		grpc.ChainUnaryInterceptor(
			func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
				response, err := handler(ctx, request)
				return response, s.keep(err)
			}, policy.UnaryInterceptor()),
		grpc.ChainStreamInterceptor(
			func(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
				return s.keep(handler(server, stream))
			}, policy.StreamInterceptor()),
	)
	healthpb.RegisterHealthServer(server, s)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// peerCredentials are those of a row's client.
func (r acceptanceRow) peerCredentials(t *testing.T, ca *mtlstest.CA) credentials.TransportCredentials {
	t.Helper()
	leaf, issuer := ca.Leaf(r.Peer.SANs...), ca
	leaf.Subject.CommonName = r.Peer.CommonName
	switch r.Peer.Certificate {
	case "", "none":
	case "unknown_authority":
		issuer = mtlstest.NewCA(t)
	case "expired":
		leaf.NotBefore, leaf.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	case "server_only":
		leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	default:
		t.Fatalf("unknown certificate %q", r.Peer.Certificate)
	}
	certificate := issuer.Issue(leaf).TLS()
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: "service.internal", RootCAs: ca.Pool(),
		// Shown even to a server that asks for other authorities.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil },
	}
	if r.Peer.Certificate == "none" {
		config.GetClientCertificate = nil
	}
	if r.Peer.TLS == "1.2" {
		config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	}
	return credentials.NewTLS(config)
}

func TestAcceptanceVectors(t *testing.T) {
	ca := mtlstest.NewCA(t)
	identity := ca.Identity("dns:service.internal")
	for _, row := range readVectors(t).Acceptance {
		t.Run(row.Name, func(t *testing.T) {
			s := &service{calls: make(chan *caller.Call, 1), refusals: make(chan error, 1)}
			address := s.start(t, identity, caller.Policy{Allowed: parse(t, row.Allowed), Asserting: parse(t, row.Asserting)})
			conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(row.peerCredentials(t, ca)),
				grpc.WithAuthority("service.internal"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close() //nolint:errcheck // its calls are over
			var pairs []string
			for _, e := range row.Metadata {
				pairs = append(pairs, e.Key, e.value())
			}
			ctx := metadata.AppendToOutgoingContext(t.Context(), pairs...)
			client := healthpb.NewHealthClient(conn)

			_, err = client.Check(ctx, &healthpb.HealthCheckRequest{})
			row.check(t, s, err)
			stream, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			row.check(t, s, err)
		})
	}
}

// check compares a call's outcome on both sides with the row.
func (r acceptanceRow) check(t *testing.T, s *service, err error) {
	t.Helper()
	switch r.Code {
	case "OK":
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		r.checkCall(t, <-s.calls)
		return
	case "HANDSHAKE":
		if status.Code(err) != codes.Unavailable {
			t.Errorf("status %v, want no connection", err)
		}
	default:
		var want codes.Code
		if err := want.UnmarshalJSON([]byte(`"` + r.Code + `"`)); err != nil {
			t.Fatal(err)
		}
		if status.Code(err) != want {
			t.Fatalf("status %v, want %s", err, want)
		}
		// The peer is told little, the log all.
		if text := status.Convert(err).Message(); text != "caller is not allowed" && text != "caller metadata is malformed" {
			t.Errorf("the peer is told %q", text)
		}
		var refusal *caller.Refusal
		if logged := <-s.refusals; !errors.As(logged, &refusal) || refusal.Reason != r.Reason {
			t.Errorf("refused with %v, want the reason %s", logged, r.Reason)
		}
	}
	select {
	case call := <-s.calls:
		t.Errorf("a handler ran: %+v", call)
	default:
	}
}

func (r acceptanceRow) checkCall(t *testing.T, call *caller.Call) {
	t.Helper()
	// The certificate lists its names by kind, as the rows do.
	if !slices.Equal(call.Peer.SANs, r.Peer.SANs) || call.Peer.Certificate == nil {
		t.Errorf("peer %q, want %q", call.Peer.SANs, r.Peer.SANs)
	}
	if call.Direct() != (r.Call == "direct") {
		t.Fatalf("caller %v, want a call that is %s", call.Caller, r.Call)
	}
	if call.Direct() {
		if call.Ref != nil || call.RequestID != "" || call.Caller.GetProjectId().GetValue() != "" {
			t.Errorf("call %+v, want nothing but the peer", call)
		}
		return
	}
	wantCaller, wantRef := &intentgatev1.Caller{}, &intentgatev1.CallRef{}
	for _, e := range r.Metadata {
		var err error
		switch e.Key {
		case caller.MetadataCaller:
			err = proto.Unmarshal(e.Base64, wantCaller)
		case caller.MetadataCall:
			err = proto.Unmarshal(e.Base64, wantRef)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !proto.Equal(call.Caller, wantCaller) || !proto.Equal(call.Ref, wantRef) || call.RequestID != wantRef.GetRequestId() {
		t.Errorf("call %+v, want %v of %v", call, wantRef, wantCaller)
	}
}

func parse(t *testing.T, texts []string) []mtls.SAN {
	t.Helper()
	sans, err := mtls.ParseSANs(texts)
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(texts, " "), err)
	}
	return sans
}
