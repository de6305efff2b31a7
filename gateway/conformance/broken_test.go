package conformance_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/reflection"

	"github.com/intentgate/intentgate/gateway/conformance"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/caller/token"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/serve/probe"
)

// broken is a service that is good but for its faults, each of which is left out by its zero value.
type broken struct {
	tls             func(*tls.Config)
	keepCertificate bool // for ever
	keepCA          bool // likewise
	keepTokenKeys   bool // likewise
	brittle         bool // nobody is let in while a file is no good
	options         []grpc.ServerOption
	policy          func(*caller.Policy)
	strange         func(*x509.Certificate) bool             // whether somebody is let in without a policy; nil: he has no certificate
	lenient         func(reason string, md metadata.MD) bool // what is refused for a reason, and is let in
	outer, inner    grpc.UnaryServerInterceptor              // before the policy, and before the method
	health          grpc_health_v1.HealthServer
	noHealth        bool
	noReflection    bool
	openReflection  bool
	stop            func(*running)

	config func(*conformance.Config)
}

// running is a service in this process.
type running struct {
	broken

	keys   *conformance.Keys
	server *grpc.Server
	ended  chan struct{}

	mu          sync.Mutex
	certificate *tls.Certificate // nil: none was read yet
	roots       *x509.CertPool
}

// run runs a service until the test ends.
func (b broken) run(t *testing.T, keys *conformance.Keys) (*running, string) {
	t.Helper()
	s := &running{broken: b, keys: keys, ended: make(chan struct{})}
	policy := caller.Policy{Asserting: []mtls.SAN{san(t, conformance.Asserting)}, Allowed: []mtls.SAN{san(t, conformance.Allowed)}}
	reload := b.tokens(t, keys, &policy)
	if b.policy != nil {
		b.policy(&policy)
	}
	judge := func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		reload()
		answer, err := policy.UnaryInterceptor()(ctx, req, info, next)
		var refusal *caller.Refusal
		if md, _ := metadata.FromIncomingContext(ctx); b.lenient != nil && errors.As(err, &refusal) && b.lenient(refusal.Reason, md) {
			return next(caller.NewContext(ctx, &caller.Call{}), req)
		}
		return answer, err
	}
	if known := judge; b.strange != nil {
		judge = func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if b.strange(leaf(ctx)) {
				return next(ctx, req)
			}
			return known(ctx, req, info, next)
		}
	}
	unary := []grpc.UnaryServerInterceptor{s.recover, judge}
	if b.outer != nil {
		unary = append([]grpc.UnaryServerInterceptor{b.outer}, unary...)
	}
	if b.inner != nil {
		unary = append(unary, b.inner)
	}
	options := []grpc.ServerOption{
		grpc.Creds(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: s.shake})),
		grpc.ChainUnaryInterceptor(unary...), grpc.MaxHeaderListSize(32 << 10),
	}
	if !b.openReflection {
		options = append(options, grpc.StreamInterceptor(policy.StreamInterceptor()))
	}
	s.server = grpc.NewServer(append(options, b.options...)...)
	probe.Beside(register)(s.server)
	if b.health == nil {
		s.health = health.NewServer()
	}
	if !b.noHealth {
		grpc_health_v1.RegisterHealthServer(s.server, s.health)
	}
	if !b.noReflection {
		reflection.Register(s.server)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.server.Serve(listener) // ends when it is stopped
	}()
	t.Cleanup(s.server.Stop)
	return s, listener.Addr().String()
}

// tokens has a service ask for tokens, and returns what reads their keys anew, and gives it a policy.
func (b broken) tokens(t *testing.T, files *conformance.Keys, policy *caller.Policy) (reload func()) {
	t.Helper()
	source := files.JWKS
	if b.keepTokenKeys {
		source = filepath.Join(t.TempDir(), "kept")
		if err := os.Link(files.JWKS, source); err != nil { // what is published later is another file
			t.Fatal(err)
		}
	}
	keys, err := token.NewKeys(token.KeysConfig{Source: source, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.Config{Keys: keys, TrustDomain: conformance.TrustDomain, Issuer: conformance.Issuer, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	forwarder, err := caller.ParseForwarder(conformance.Forward)
	if err != nil {
		t.Fatal(err)
	}
	policy.Tokens = &caller.Tokens{Verifier: verifier, Forwarders: []caller.Forwarder{forwarder}}
	text, err := os.ReadFile(files.Policy)
	if err != nil {
		t.Fatal(err)
	}
	if policy.Methods, err = caller.ParseMethods(text); err != nil {
		t.Fatal(err)
	}
	return func() { _, _ = keys.Reload(t.Context()) } // the old ones stay where it fails
}

// Terminate stops the service.
func (s *running) Terminate() error {
	go func() {
		defer close(s.ended)
		if s.stop != nil {
			s.stop(s)
			return
		}
		s.server.GracefulStop()
	}()
	return nil
}

// Wait waits until it has stopped.
func (s *running) Wait(ctx context.Context) error {
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return errors.New("it has not ended")
	}
}

// recover says little of a panic.
func (s *running) recover(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (_ any, err error) {
	defer func() {
		if recover() != nil {
			err = errInternal
		}
	}()
	return next(ctx, req)
}

// shake reads the files for each handshake.
func (s *running) shake(*tls.ClientHelloInfo) (*tls.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pair, err := mtls.ReadKeyPair(s.keys.Service.Cert, s.keys.Service.Key)
	switch {
	case err != nil && s.brittle:
		return nil, err
	case err == nil && (s.certificate == nil || !s.keepCertificate):
		s.certificate = pair
	}
	if text, err := os.ReadFile(s.keys.Service.CA); err == nil && (s.roots == nil || !s.keepCA) {
		s.roots = x509.NewCertPool()
		s.roots.AppendCertsFromPEM(text)
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{*s.certificate},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: s.roots, SessionTicketsDisabled: true,
	}
	if s.tls != nil {
		s.tls(config)
	}
	return config, nil
}

// leaf returns the certificate of the peer, or nil.
func leaf(ctx context.Context) *x509.Certificate {
	other, _ := peer.FromContext(ctx)
	if info, ok := other.AuthInfo.(credentials.TLSInfo); ok && len(info.State.PeerCertificates) > 0 {
		return info.State.PeerCertificates[0]
	}
	return nil
}

func san(t *testing.T, name string) mtls.SAN {
	t.Helper()
	san, err := mtls.ParseSAN(name)
	if err != nil {
		t.Fatal(err)
	}
	return san
}

// another is a name that is nobody's here.
func another(t *testing.T) []mtls.SAN {
	t.Helper()
	return []mtls.SAN{san(t, "dns:another.internal")}
}
