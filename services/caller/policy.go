package caller

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/intentgate/intentgate/services/mtls"
)

// Policy decides which calls a service accepts, by the names in the peer's verified certificate. The zero Policy accepts
// nobody. Its lists must not be changed once it is in use.
//
// Its interceptors stand before everything that a server registers, health and reflection too. A call that is not
// accepted fails with a [*Refusal], and no handler runs.
type Policy struct {
	// Allowed peers may call on their own account. They may not send any metadata whose key begins with [Prefix].
	Allowed []mtls.SAN
	// Asserting peers may besides say for which Dialogflow agent they call: the gateway, and services that pass a
	// caller on. They need not stand in Allowed.
	Asserting []mtls.SAN
	// Tokens, where it is not nil, has callers count only with a token of the gateway's. Health and reflection need none.
	Tokens *Tokens
	// Methods, where it is not nil, says who may call what. Health and reflection obey Allowed and Asserting alone.
	Methods Methods
}

// UnaryInterceptor judges each unary call.
func (p Policy) UnaryInterceptor() grpc.UnaryServerInterceptor {
	known := newCallers()
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		call, err := p.judge(ctx, info.FullMethod, known)
		if err != nil {
			return nil, err
		}
		return handler(NewContext(ctx, call), request)
	}
}

// StreamInterceptor judges each stream once, when it opens.
func (p Policy) StreamInterceptor() grpc.StreamServerInterceptor {
	known := newCallers()
	return func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		call, err := p.judge(stream.Context(), info.FullMethod, known)
		if err != nil {
			return err
		}
		return handler(server, &judgedStream{ServerStream: stream, ctx: NewContext(stream.Context(), call)})
	}
}

type judgedStream struct {
	grpc.ServerStream

	ctx context.Context
}

func (s *judgedStream) Context() context.Context { return s.ctx }

// judge judges a call of a full method, such as /shop.orders.v1.OrderService/TrackOrder.
func (p Policy) judge(ctx context.Context, method string, known *callers) (*Call, error) {
	cert, refusal := peerCertificate(ctx)
	if refusal != nil {
		return nil, refusal
	}
	sans := slices.Collect(mtls.SANs(cert))
	md, _ := metadata.FromIncomingContext(ctx)
	call, asserting := &Call{}, matches(p.Asserting, cert)
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	switch {
	case asserting || p.Tokens.forwards(cert, md):
		if call, refusal = decode(md, known); refusal != nil {
			return nil, refusal
		}
		if p.Tokens != nil && !open(service) {
			if refusal = p.Tokens.judge(ctx, presented{md: md, cert: cert, asserting: asserting, service: service, call: call}); refusal != nil {
				return nil, refusal
			}
		}
	case !matches(p.Allowed, cert):
		return nil, &Refusal{
			Code: codes.PermissionDenied, Reason: ReasonNotAllowed,
			Saw:    fmt.Sprintf("a certificate with the names %q", sans),
			Wanted: fmt.Sprintf("one of %q", slices.Concat(p.Allowed, p.Asserting)),
		}
	default:
		for key := range md {
			if strings.HasPrefix(key, Prefix) {
				return nil, &Refusal{
					Code: codes.PermissionDenied, Reason: ReasonMayNotAssert,
					Saw:    fmt.Sprintf("metadata %q from a certificate with the names %q", key, sans),
					Wanted: fmt.Sprintf("such metadata only from one of %q", p.Asserting),
				}
			}
		}
	}
	call.Peer, call.received = Peer{Certificate: cert, SANs: sans}, md
	if p.Methods != nil && !open(service) {
		if refusal := p.Methods.judge(strings.TrimPrefix(method, "/"), call); refusal != nil {
			return nil, refusal
		}
	}
	return call, nil
}

// open tells of the services that every server has, which whoever may call at all may ask.
func open(service string) bool {
	switch service {
	case "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection":
		return true
	}
	return false
}

// peerCertificate returns the certificate that the handshake verified. One that was only presented is nobody's.
func peerCertificate(ctx context.Context) (*x509.Certificate, *Refusal) {
	refuse := func(saw string) *Refusal {
		return &Refusal{
			Code: codes.Unauthenticated, Reason: ReasonNoCertificate,
			Saw: saw, Wanted: "a TLS connection with a verified client certificate",
		}
	}
	p, ok := peer.FromContext(ctx)
	if !ok || p.AuthInfo == nil {
		return nil, refuse("no connection")
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {
		return nil, refuse(fmt.Sprintf("a connection secured by %q without a verified certificate", p.AuthInfo.AuthType()))
	}
	return info.State.VerifiedChains[0][0], nil
}

func matches(list []mtls.SAN, cert *x509.Certificate) bool {
	return slices.ContainsFunc(list, func(san mtls.SAN) bool { return san.Matches(cert) })
}
