package caller_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

func whole() caller.Outgoing {
	return caller.Outgoing{
		Caller: &intentgatev1.Caller{Platform: intentgatev1.Platform_PLATFORM_ES},
		Ref:    &intentgatev1.CallRef{RequestId: "1.a"},
	}
}

func TestOutgoingRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*caller.Outgoing)
		want   string
	}{
		"no caller":     {func(o *caller.Outgoing) { o.Caller = nil }, "Caller is missing"},
		"no platform":   {func(o *caller.Outgoing) { o.Caller.Platform = 0 }, "Caller is missing, or its platform"},
		"no reference":  {func(o *caller.Outgoing) { o.Ref = nil }, "Ref is missing"},
		"no request id": {func(o *caller.Outgoing) { o.Ref.RequestId = "" }, "or its request_id"},
		"no UTF-8": {func(o *caller.Outgoing) {
			o.Caller.ProjectId = &intentgatev1.Caller_Value{Value: "\xff"}
		}, "caller: "},
		"no UTF-8 in the reference": {func(o *caller.Outgoing) { o.Ref.Session = "\xff" }, "call reference: "},
		"long session": {func(o *caller.Outgoing) {
			o.Ref.Session = strings.Repeat("s", caller.MaxCall)
		}, "intentgate-call-bin is 4104 bytes long, at most 4096"},
		"long caller": {func(o *caller.Outgoing) {
			o.Caller.ProjectId = &intentgatev1.Caller_Value{Value: strings.Repeat("p", caller.MaxCaller)}
		}, "at most 8192"},
		"long request id": {func(o *caller.Outgoing) {
			o.Ref.RequestId = strings.Repeat("1", caller.MaxRequestID+1)
		}, "at most 256"},
	} {
		t.Run(name, func(t *testing.T) {
			o := whole()
			c.change(&o)
			if _, err := caller.NewOutgoingContext(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

var info = &grpc.UnaryServerInfo{FullMethod: "/shop.orders.v1.OrderService/TrackOrder"}

// TestUnprovenPeers gives the policy connections whose peer proved nothing, which no server of ours makes.
func TestUnprovenPeers(t *testing.T) {
	leaf := mtlstest.NewCA(t).Identity("dns:gateway.internal").Certificate().Leaf
	policy := caller.Policy{Asserting: parse(t, []string{"dns:gateway.internal"})}
	presented := credentials.TLSInfo{State: tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}}
	for name, ctx := range map[string]context.Context{
		"no peer":             t.Context(),
		"no security":         peer.NewContext(t.Context(), &peer.Peer{}),
		"other security":      peer.NewContext(t.Context(), &peer.Peer{AuthInfo: otherSecurity{}}),
		"presented, unproven": peer.NewContext(t.Context(), &peer.Peer{AuthInfo: presented}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := policy.UnaryInterceptor()(ctx, nil, info, func(context.Context, any) (any, error) {
				t.Error("a handler ran")
				return nil, nil
			})
			var refusal *caller.Refusal
			if status.Code(err) != codes.Unauthenticated || !errors.As(err, &refusal) || refusal.Reason != caller.ReasonNoCertificate {
				t.Errorf("error %v", err)
			}
		})
	}
}

type otherSecurity struct{}

func (otherSecurity) AuthType() string { return "other" }

// proven is a context of a call from a peer with a verified certificate of that name.
func proven(t *testing.T, san string, md metadata.MD) context.Context {
	t.Helper()
	leaf := mtlstest.NewCA(t).Identity(san).Certificate().Leaf
	ctx := peer.NewContext(t.Context(), &peer.Peer{AuthInfo: credentials.TLSInfo{
		State: tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}},
	}})
	return metadata.NewIncomingContext(ctx, md)
}

func TestTooLarge(t *testing.T) {
	policy := caller.Policy{Asserting: parse(t, []string{"dns:gateway.internal"})}
	for key, limit := range map[string]int{caller.MetadataCaller: caller.MaxCaller, caller.MetadataCall: caller.MaxCall} {
		md, err := whole().Metadata()
		if err != nil {
			t.Fatal(err)
		}
		md.Set(key, strings.Repeat("\x00", limit+1))
		_, err = policy.UnaryInterceptor()(proven(t, "dns:gateway.internal", md), nil, info, nil)
		var refusal *caller.Refusal
		if status.Code(err) != codes.InvalidArgument || !errors.As(err, &refusal) || refusal.Reason != caller.ReasonTooLarge {
			t.Errorf("%s: error %v", key, err)
		}
	}
}

// TestRefusalSpeaksTwice checks that the log learns what the peer does not.
func TestRefusalSpeaksTwice(t *testing.T) {
	policy := caller.Policy{Allowed: parse(t, []string{"dns:reports.internal"})}
	_, err := policy.UnaryInterceptor()(proven(t, "dns:stranger.internal", nil), nil, info, nil)
	for _, want := range []string{"not_allowed", "dns:stranger.internal", "dns:reports.internal"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if public := status.Convert(err).Message(); strings.Contains(public, "internal") {
		t.Errorf("the peer is told %q", public)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("Refused", "refusal", err)
	if !strings.Contains(log.String(), "refusal.reason=not_allowed") || !strings.Contains(log.String(), "refusal.saw=") {
		t.Errorf("log %q, want a group", log.String())
	}
}

func TestFromContextFindsNone(t *testing.T) {
	if call, ok := caller.FromContext(t.Context()); ok || call != nil {
		t.Errorf("call %v in an empty context", call)
	}
	if _, ok := caller.FromContext(caller.NewContext(t.Context(), nil)); ok {
		t.Error("nil is no call")
	}
}

// A handler asks the context who calls. A test of it gives the context a call, and needs no server.
func ExampleFromContext() {
	handler := func(ctx context.Context) string {
		call, ok := caller.FromContext(ctx)
		switch {
		case !ok:
			return "nobody"
		case call.Direct():
			return "the program " + call.Peer.SANs[0]
		default:
			project := call.Caller.GetProjectId()
			return fmt.Sprintf("an agent of project %s (%s)", project.GetValue(), project.GetProof())
		}
	}
	fmt.Println(handler(context.Background()))
	fmt.Println(handler(caller.NewContext(context.Background(), &caller.Call{
		Peer: caller.Peer{SANs: []string{"dns:reports.internal"}},
	})))
	fmt.Println(handler(caller.NewContext(context.Background(), &caller.Call{
		Peer: caller.Peer{SANs: []string{"dns:gateway.internal"}},
		Caller: &intentgatev1.Caller{
			Platform:  intentgatev1.Platform_PLATFORM_CX,
			ProjectId: &intentgatev1.Caller_Value{Value: "shop", Proof: intentgatev1.Caller_PROOF_STATED},
		},
	})))
	// Output:
	// nobody
	// the program dns:reports.internal
	// an agent of project shop (PROOF_STATED)
}

func BenchmarkMetadata(b *testing.B) {
	b.ReportAllocs()
	value := &intentgatev1.Caller_Value{Value: "415104041262", Proof: intentgatev1.Caller_PROOF_ID_TOKEN}
	o := caller.Outgoing{
		Caller: &intentgatev1.Caller{
			Platform: intentgatev1.Platform_PLATFORM_ES, ProjectId: value, ProjectNumber: value,
			Certificate: &intentgatev1.Caller_Certificate{Profile: "dialogflow", Subject: "CN=Google LLC,O=Google LLC,L=Mountain View,ST=California,C=US"},
			IdToken:     &intentgatev1.Caller_IdToken{Email: "service-415104041262@gcp-sa-dialogflow.iam.gserviceaccount.com"},
		},
		Ref: &intentgatev1.CallRef{
			Session: "projects/shop/agent/sessions/7d1f0a52-3c1b-4e0a-8a55-90be2d7f6c11", TurnId: "5c9f2d1e-7a44-4b0e-9d38-2f6b1c0a9e77-21947381",
			RequestId: "1.47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
		},
	}
	for b.Loop() {
		if _, err := o.Metadata(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRequestID(b *testing.B) {
	b.ReportAllocs()
	turn := "a1b2"
	key := caller.RequestKey{Platform: "ES", ProjectID: "shop", Session: "projects/shop/agent/sessions/123", TurnID: &turn, Request: make([]byte, 1000)}
	for b.Loop() {
		caller.RequestID(key)
	}
}
