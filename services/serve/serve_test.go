package serve_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"google.golang.org/grpc"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/serve"
)

const (
	serverName = "orders.internal"
	gateway    = "dns:gateway.internal"
	reports    = "uri:spiffe://shop/reports"
	stranger   = "dns:stranger.internal"
)

// handler is an intent service that is one function.
type handler func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error)

func (h handler) register(r grpc.ServiceRegistrar) {
	intentgatev1.RegisterIntentServiceServer(r, service{handler: h})
}

type service struct {
	intentgatev1.UnimplementedIntentServiceServer

	handler handler
}

func (s service) Fulfill(ctx context.Context, req *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
	return s.handler(ctx, req)
}

// hello answers with a text.
var hello handler = func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
	return &intentgatev1.FulfillResponse{Reply: &intentgatev1.Reply{Texts: []string{"hello"}}}, nil
}

// world is a running server and what can reach it.
type world struct {
	*serve.Server

	ca    *mtlstest.CA
	files mtls.Files
	log   *journal
	// stop tells the server to stop; ended says how it did.
	stop  context.CancelFunc
	ended <-chan error
}

// run starts a server that the gateway may assert to and the reports may call. Where the test has not stopped it, it is
// stopped with the test and must end well.
func run(t *testing.T, h handler, changes ...func(*serve.Config)) *world {
	t.Helper()
	w := &world{ca: mtlstest.NewCA(t), log: newJournal()}
	w.files = w.ca.Files("dns:" + serverName)
	config := serve.Config{
		Name:      "orders",
		Listen:    "127.0.0.1:0",
		TLS:       w.files,
		Allowed:   []string{reports},
		Asserting: []string{gateway},
		Register:  h.register,
		Logger:    slog.New(w.log.handler()),
	}
	for _, change := range changes {
		change(&config)
	}
	var err error
	if w.Server, err = serve.New(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Serve(ctx) }()
	w.stop, w.ended = stop, ended
	t.Cleanup(func() {
		if ctx.Err() != nil {
			return // the test has seen to it
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("server ended: %v", err)
		}
	})
	return w
}

// dial returns a connection of a caller with the given name in its certificate.
func (w *world) dial(t *testing.T, name string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	identity, err := mtls.Open(w.ca.Files(name), mtls.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	options = append(options, grpc.WithTransportCredentials(identity.ClientCredentials(serverName)))
	conn, err := grpc.NewClient(w.Addr().String(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func (w *world) client(t *testing.T, name string) intentgatev1.IntentServiceClient {
	t.Helper()
	return intentgatev1.NewIntentServiceClient(w.dial(t, name))
}

// journal is a log whose lines a test can wait for.
type journal struct {
	lines chan map[string]any
}

func newJournal() *journal { return &journal{lines: make(chan map[string]any, 1000)} }

func (j *journal) handler() slog.Handler {
	return slog.NewJSONHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug})
}

// Write takes one line.
func (j *journal) Write(line []byte) (int, error) {
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		return 0, err
	}
	j.lines <- fields
	return len(line), nil
}

// next returns the next line with a message; what stands before it is dropped.
func (j *journal) next(t *testing.T, message string) map[string]any {
	t.Helper()
	for {
		select {
		case line := <-j.lines:
			if line["msg"] == message {
				return line
			}
		case <-t.Context().Done():
			t.Fatalf("no line %q in the log", message)
		}
	}
}
