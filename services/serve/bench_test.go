package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

// BenchmarkChain measures what stands before a handler: of a call for an agent, and of one of the peer's own.
func BenchmarkChain(b *testing.B) {
	gateway, err := mtls.ParseSAN("dns:gateway.internal")
	if err != nil {
		b.Fatal(err)
	}
	server := &Server{config: Config{Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)).With("service", "orders"), Now: time.Now}} //nolint:sloglint // lines are made, too
	unary, _ := split(server.chain(caller.Policy{Allowed: []mtls.SAN{gateway}, Asserting: []mtls.SAN{gateway}}))
	info := &grpc.UnaryServerInfo{FullMethod: "/shop.orders.v1.OrderService/TrackOrder"}
	var handler grpc.UnaryHandler = func(context.Context, any) (any, error) { return struct{}{}, nil }
	for i := len(unary) - 1; i >= 0; i-- {
		link, next := unary[i], handler
		handler = func(ctx context.Context, request any) (any, error) { return link(ctx, request, info, next) }
	}

	leaf := mtlstest.NewCA(b).Identity(gateway.String()).Certificate().Leaf
	ctx := peer.NewContext(b.Context(), &peer.Peer{AuthInfo: credentials.TLSInfo{State: tls.ConnectionState{
		PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}},
	}}})
	direct := metadata.Pairs(":authority", "orders.internal:8443", "content-type", "application/grpc", "user-agent", "grpc-go/1.85.0",
		"grpc-accept-encoding", "gzip")
	value := func(text string, proof intentgatev1.Caller_Proof) *intentgatev1.Caller_Value {
		return &intentgatev1.Caller_Value{Value: text, Proof: proof}
	}
	asserted, err := caller.Outgoing{
		Caller: &intentgatev1.Caller{
			Platform:      intentgatev1.Platform_PLATFORM_ES,
			ProjectId:     value("shop", intentgatev1.Caller_PROOF_ID_TOKEN),
			ProjectNumber: value("415104041262", intentgatev1.Caller_PROOF_ID_TOKEN),
			Environment:   value("prod", intentgatev1.Caller_PROOF_STATED),
			Certificate: &intentgatev1.Caller_Certificate{
				Profile: "dialogflow", Subject: "CN=Google LLC,O=Google LLC,L=Mountain View,ST=California,C=US", Issuer: "CN=SSL.com Client CA",
				Sha256: make([]byte, 32),
			},
			IdToken: &intentgatev1.Caller_IdToken{Email: "service-415104041262@gcp-sa-dialogflow.iam.gserviceaccount.com", Audience: "https://fulfil.shop.example/es"},
		},
		Ref: &intentgatev1.CallRef{
			Session: "projects/shop/agent/sessions/7d1f0a52-3c1b-4e0a-8a55-90be2d7f6c11", TurnId: "5c9f2d1e-7a44-4b0e-9d38-2f6b1c0a9e77-21947381",
			RequestId: "1.47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
		},
	}.Metadata()
	if err != nil {
		b.Fatal(err)
	}
	for name, md := range map[string]metadata.MD{"direct": direct, "asserted": metadata.Join(direct, asserted)} {
		b.Run(name, func(b *testing.B) {
			ctx := metadata.NewIncomingContext(ctx, md)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := handler(ctx, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
