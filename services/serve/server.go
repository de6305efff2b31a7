package serve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/spiffe"
)

const (
	maxRequest    = 4 << 20 // bytes; a webhook's body is a quarter of that at most
	maxHeaders    = 32 << 10
	maxStreams    = 1024 // calls at one time on one connection
	handshakeTime = 10 * time.Second
	// pingsApart is how often a caller may ping without being told to calm down. Callers do it every five minutes;
	// the network may bring two pings closer together.
	pingsApart = time.Minute
)

// Server is a gRPC server over mutual TLS that is listening.
type Server struct {
	config   Config
	identity *mtls.Identity
	release  func()                        // what the identity comes from
	tokens   []func(context.Context) error // what keeps the keys of tokens fresh
	listener net.Listener
	grpc     *grpc.Server
	health   *health.Server
}

// New checks the configuration, reads the certificates and opens the listener. Where it fails nothing is left open; the
// error names all gaps of the configuration at once. What New returned is closed by Serve alone.
func New(ctx context.Context, config Config) (_ *Server, err error) {
	policy, err := config.check()
	if err != nil {
		return nil, fmt.Errorf("configuration of service %q: %w", config.Name, err)
	}
	config.Logger = config.Logger.With("service", config.Name)
	s := &Server{config: config, health: health.NewServer(), release: func() {}}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if err := s.identify(); err != nil { //nolint:contextcheck // what it begins lasts as long as the server
		return nil, err
	}

	if config.Tokens != nil {
		if policy.Tokens.Verifier, err = s.verifier(); err != nil { //nolint:contextcheck // a file is read at once
			return nil, fmt.Errorf("configuration of service %q: %w", config.Name, err)
		}
	}
	unary, stream := split(s.chain(policy)) //nolint:contextcheck // interceptors have the context of each call
	options := []grpc.ServerOption{
		grpc.Creds(s.identity.ServerCredentials()),
		grpc.ChainUnaryInterceptor(unary...),
		grpc.ChainStreamInterceptor(stream...),
		// A method that is not there goes through the chain, too: strangers learn nothing, and the log does.
		grpc.UnknownServiceHandler(unknownMethod),
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTime),
		// Callers on a connection are judged when they make it, and by mtls when trust is withdrawn or their certificate
		// ends; what neither sees, such as a name that moved to another machine, the age bounds.
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: config.MaxConnectionAge, MaxConnectionAgeGrace: config.Drain}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingsApart}),
	}
	if config.StatsHandler != nil {
		options = append(options, grpc.StatsHandler(config.StatsHandler))
	}
	s.grpc = grpc.NewServer(options...)
	if err := s.register(policy); err != nil {
		return nil, err
	}
	var listen net.ListenConfig
	if s.listener, err = listen.Listen(ctx, "tcp", config.Listen); err != nil {
		return nil, fmt.Errorf("service %q: %w", config.Name, err)
	}
	return s, nil
}

// identify opens the server's certificate, and by what its callers are judged.
func (s *Server) identify() (err error) {
	options := mtls.Options{Logger: s.config.Logger, Now: s.config.Now}
	if s.config.WorkloadAPI == "" {
		s.identity, err = mtls.Open(s.config.TLS, options)
		return err
	}
	source, err := spiffe.Open(s.config.WorkloadAPI, s.config.Logger)
	if err != nil {
		return err
	}
	s.release = source.Close
	s.identity, err = source.Identity(options)
	return err
}

// register registers the service's handlers, and health and reflection for them.
func (s *Server) register(policy caller.Policy) error {
	s.config.Register(s.grpc)
	registered := map[string][]string{}
	for name, info := range s.grpc.GetServiceInfo() {
		registered[name] = nil
		for _, method := range info.Methods {
			registered[name] = append(registered[name], method.Name)
		}
	}
	names := slices.Sorted(maps.Keys(registered))
	if len(names) == 0 {
		return fmt.Errorf("service %q: Register registered nothing: there is nothing to serve", s.config.Name)
	}
	if err := policy.Methods.Check(slices.Concat(policy.Allowed, policy.Asserting), registered); err != nil {
		return fmt.Errorf("service %q: %w", s.config.Name, err)
	}
	for _, name := range names { // "" is there from the start
		s.health.SetServingStatus(name, grpc_health_v1.HealthCheckResponse_SERVING)
	}
	grpc_health_v1.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	return nil
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers calls until the context ends. Then it says NOT_SERVING, takes no more calls, and returns nil when those
// in flight are done, or an error when they were cut off after Config.Drain. It closes the listener, and is called once.
func (s *Server) Serve(ctx context.Context) error {
	// Certificates are looked after while the calls in flight end, too.
	watching, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	var keeping sync.WaitGroup
	defer func() { unwatch(); keeping.Wait(); s.release() }()
	watched, served := make(chan error, 1), make(chan error, 1)
	go func() { watched <- s.identity.Watch(watching) }()
	go func() { served <- s.grpc.Serve(s.listener) }()
	for _, keep := range s.tokens {
		keeping.Go(func() {
			if err := keep(watching); err != nil {
				s.config.Logger.ErrorContext(ctx, "Keys of callers' tokens are read anew no more", "error", err)
			}
		})
	}
	s.config.Logger.InfoContext(ctx, "Listening", "address", s.Addr().String())

	var err error
	select {
	case <-ctx.Done():
		s.config.Logger.InfoContext(ctx, "Draining", "limit", s.config.Drain)
	case err = <-watched: // better to be started anew than to find out when a certificate expires
		watched <- nil
	case err = <-served: // the listener failed
		served <- nil
	}
	err = errors.Join(err, s.drain())
	unwatch()
	<-watched
	<-served // of no interest now: that it was stopped
	if err != nil {
		return fmt.Errorf("service %q: %w", s.config.Name, err)
	}
	return nil
}

// drain ends the calls in flight, kindly at first.
func (s *Server) drain() error {
	s.health.Shutdown()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.grpc.GracefulStop()
	}()
	limit := time.NewTimer(s.config.Drain)
	defer limit.Stop()
	select {
	case <-stopped:
		return nil
	case <-limit.C:
		s.grpc.Stop() // does not wait for handlers that do not look at their context, and nor do we
		return fmt.Errorf("calls in flight were cut off: not done within %s", s.config.Drain)
	}
}
