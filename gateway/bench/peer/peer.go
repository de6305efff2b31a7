// Package peer holds what the gateway is measured beside, written in Go as a team without it would: each is a process of its own that
// takes Dialogflow's calls over mutual TLS. It holds the intent service that all call, too.
package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/bench/load"
	"github.com/intentgate/intentgate/gateway/logqueue"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/telemetry"
	"github.com/intentgate/intentgate/services/mtls"
)

// maker makes a peer's handler. Path /es or /cx says which platform calls, after that the floors want what a turn is of: see [Path].
type maker func(ctx context.Context, b *base) (http.Handler, error)

// makers are the peers by name.
func makers() map[string]maker {
	return map[string]maker{
		"static":       static,
		"bare":         bareFloor,
		"tuned":        bareFloor,
		"equal":        equalFloor,
		"protojson":    byProtojson,
		"grpc-gateway": byGRPCGateway,
		"plain":        byGRPCGateway, // without TLS before it: that is nginx' business
	}
}

// Started is the line by which a peer says where it is, like that of `intentgate serve`.
type Started struct {
	Message string `json:"msg"`
	Edge    string `json:"edge"`
	Status  string `json:"status,omitempty"` // has /metrics
	Admin   string `json:"admin,omitempty"`  // has /debug/pprof/
}

// base is what handlers are made with.
type base struct {
	dir       string
	collector string // the address of one of OpenTelemetry
	conn      *grpc.ClientConn
	log       io.Writer
	registry  *prometheus.Registry
}

func (b *base) cert(name string) string { return filepath.Join(b.dir, "certs", name) }

// Run runs the peer that args name until the context ends.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	queue := logqueue.New(stderr, func(int64) {})
	defer func() { _ = queue.Close(time.Second) }()
	b := &base{log: queue, registry: prometheus.NewRegistry()}
	var kind, service string
	flags := flag.NewFlagSet("peer", flag.ContinueOnError)
	flags.StringVar(&kind, "kind", "", "")
	flags.StringVar(&b.dir, "dir", "", "")
	flags.StringVar(&service, "service", "", "")
	flags.StringVar(&b.collector, "collector", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	construct := makers()[kind]
	if construct == nil {
		return fmt.Errorf("--kind %q: there is no such peer", kind)
	}
	if err := errors.Join(describeCanonical(), b.dial(kind, service)); err != nil {
		return err
	}
	if _, set := os.LookupEnv("GOGC"); !set && (kind == "tuned" || kind == "equal") {
		debug.SetGCPercent(400) // as the gateway has it
	}
	handler, err := construct(ctx, b)
	if err != nil {
		return err
	}
	b.registry.MustRegister(collectors.NewGoCollector())
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(b.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	status, err := listen(ctx, &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute})
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	if kind != "plain" {
		if server.TLSConfig, err = b.tls(); err != nil {
			return err
		}
	}
	edge, err := listen(ctx, server)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(Started{Message: "Serving", Edge: edge, Status: status, Admin: status}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// listen serves until the context ends, with TLS if the server has it, and returns the URL.
func listen(ctx context.Context, server *http.Server) (url string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if server.TLSConfig == nil {
		go func() { _ = server.Serve(listener) }()
		return "http://" + listener.Addr().String(), nil
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	return "https://" + listener.Addr().String(), nil
}

// tls demands a client certificate of the chains that Dialogflow's is like.
func (b *base) tls() (*tls.Config, error) {
	certificate, err := tls.LoadX509KeyPair(b.cert(pki.EdgeCert), b.cert(pki.EdgeKey))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	for _, name := range []string{pki.SSLComRoot, load.ECDSARoot} {
		certs, err := mtls.ReadCertificates(b.cert(name))
		if err != nil {
			return nil, err
		}
		for _, cert := range certs {
			roots.AddCert(cert)
		}
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
	}, nil
}

// dial connects to the service as grpc's own guide has it, or as the gateway does, whose hop the equal floor has.
func (b *base) dial(kind, service string) error {
	certificate, err := tls.LoadX509KeyPair(b.cert(pki.GatewayCert), b.cert(pki.GatewayKey))
	if err != nil {
		return err
	}
	authorities, err := mtls.ReadCertificates(b.cert(pki.InternalCA))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	for _, authority := range authorities {
		roots.AddCert(authority)
	}
	creds := credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, RootCAs: roots, ServerName: pki.OrdersName,
	})
	options := []grpc.DialOption{grpc.WithTransportCredentials(creds)}
	if kind == "equal" {
		options = backend.DialOptions(service, creds)
	}
	b.conn, err = grpc.NewClient(service, options...)
	return err
}

// logger writes the log as the gateway does.
func (b *base) logger() *slog.Logger {
	return slog.New(telemetry.NewJSONHandler(b.log, slog.LevelInfo))
}
