package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/simulator"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/serve"
)

const (
	// peerVariable holds the folder of the certificates in the environment of a benchmark's other process.
	peerVariable = "INTENTGATE_BENCHMARK_PEER"
	connections  = 16
	benchTurn    = "../../testdata/turns/es-order-track.good.json"
	benchToken   = "token" // a file beside the certificates' folder
	benchAnswer  = "Order A-1001 left our warehouse on Friday."
)

// TestMain runs the tests, unless this is the other process of a benchmark, a service to be judged, or the program itself.
func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		main()
		return
	}
	if os.Getenv(judgedVariable) != "" {
		if judged() != 0 {
			panic("the service failed")
		}
		return
	}
	dir := os.Getenv(peerVariable)
	if dir == "" {
		m.Run()
		return
	}
	if err := runPeer(dir, os.Stdin, os.Stdout, os.NewFile(3, "log")); err != nil {
		fmt.Fprintln(os.Stderr, "benchmark's other process:", err)
	}
}

// runPeer is an intent service, and a Dialogflow that calls: for each line `URL N` it plays N turns and answers with
// `done N FAILURES`. It ends with its input. The log is read, for its writer not to wait.
func runPeer(dir string, in io.Reader, out io.Writer, log io.Reader) error {
	go func() { _, _ = io.Copy(io.Discard, log) }()
	certs := filepath.Join(dir, certsFolder)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	config := serve.Config{
		Name: "orders", Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), Drain: time.Second,
		TLS: mtls.Files{
			Cert: filepath.Join(certs, pki.OrdersCert), Key: filepath.Join(certs, pki.OrdersKey), CA: filepath.Join(certs, pki.InternalCA),
		},
		Asserting: []string{"dns:" + pki.GatewayName},
		Register: func(r grpc.ServiceRegistrar) {
			intentgatev1.RegisterIntentServiceServer(r, fixedService{})
			ordersv1.RegisterOrderServiceServer(r, fixedOrders{})
		},
	}
	if err := serve.Run(ctx, []string{"--descriptors", filepath.Join(dir, "orders.binpb")}, io.Discard, io.Discard, config); err != nil {
		return err
	}
	service, err := serve.New(ctx, config)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- service.Serve(ctx) }()
	if _, err := fmt.Fprintf(out, "service %s\n", service.Addr()); err != nil {
		return err
	}
	template, err := os.ReadFile(benchTurn)
	if err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(dir, benchToken)) //nolint:gosec // a file of the benchmark's
	if err != nil {
		return err
	}
	load := load{certs: certs, token: string(token), template: template, agents: map[string][]*simulator.Client{}}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var url string
		var n int64
		if _, err := fmt.Sscan(lines.Text(), &url, &n); err != nil {
			return fmt.Errorf("line %q: %w", lines.Text(), err)
		}
		failures, err := load.play(ctx, url, n)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "done %d %s\n", n, failures); err != nil {
			return err
		}
	}
	stop()
	return <-served
}

// fixedService answers every turn alike.
type fixedService struct {
	intentgatev1.UnimplementedIntentServiceServer
}

func (fixedService) Fulfill(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
	return &intentgatev1.FulfillResponse{Reply: &intentgatev1.Reply{Texts: []string{benchAnswer}}}, nil
}

// fixedOrders answers every order's turn alike.
type fixedOrders struct {
	ordersv1.UnimplementedOrderServiceServer
}

func (fixedOrders) TrackOrder(_ context.Context, request *ordersv1.TrackOrderRequest) (*ordersv1.TrackOrderResponse, error) {
	return &ordersv1.TrackOrderResponse{Text: benchAnswer, OrderId: &request.OrderId, Status: ordersv1.OrderStatus_ORDER_STATUS_SHIPPED.Enum()}, nil
}

// load makes turns.
type load struct {
	certs    string
	token    string
	template []byte
	turns    atomic.Int64                   // so far: no two turns have the same id or session
	agents   map[string][]*simulator.Client // by URL; each has one connection
}

// play plays n turns on all connections and says how many failed, and how the first one did.
func (l *load) play(ctx context.Context, url string, n int64) (failures string, err error) {
	agents := l.agents[url]
	if agents == nil {
		if agents, err = l.connect(url); err != nil {
			return "", err
		}
		l.agents[url] = agents
	}
	var left, failed atomic.Int64
	var first atomic.Pointer[error]
	left.Store(n)
	var playing sync.WaitGroup
	for _, agent := range agents {
		playing.Go(func() {
			for left.Add(-1) >= 0 {
				if err := l.turn(ctx, agent); err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	playing.Wait()
	if err := first.Load(); err != nil {
		return fmt.Sprintf("%d, the first because %v", failed.Load(), *err), nil
	}
	return "0", nil
}

func (l *load) connect(url string) ([]*simulator.Client, error) {
	certificate, err := tls.LoadX509KeyPair(filepath.Join(l.certs, pki.SSLComCert), filepath.Join(l.certs, pki.SSLComKey))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(l.certs, pki.EdgeCA))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("no certificate in " + pki.EdgeCA)
	}
	var agents []*simulator.Client
	for range connections {
		agent, err := simulator.New(simulator.Config{
			URL:   url,
			TLS:   &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{certificate}},
			Token: func() (string, error) { return l.token, nil },
		})
		if err != nil {
			return nil, err
		}
		agents = append(agents, agent)
	}
	return agents, nil
}

// turn plays one turn, of an id and a session of its own.
func (l *load) turn(ctx context.Context, agent *simulator.Client) error {
	const session, responseID = "90be2d7f6c11", "2f6b1c0a9e77" // the ends of those of the template
	number := fmt.Appendf(nil, "%012x", l.turns.Add(1))
	body := bytes.ReplaceAll(l.template, []byte(session), number)
	body = bytes.ReplaceAll(body, []byte(responseID), number)
	answer, err := agent.Call(ctx, body)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK || !bytes.Contains(answer.Body, []byte(benchAnswer)) {
		return fmt.Errorf("HTTP %d: %s", answer.Status, answer.Body)
	}
	return nil
}
