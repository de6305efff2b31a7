package gateway_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/fallback"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/joins"
	"github.com/intentgate/intentgate/gateway/mux"
	"github.com/intentgate/intentgate/gateway/router"
	"github.com/intentgate/intentgate/gateway/telemetry"
	"github.com/intentgate/intentgate/gateway/telemetry/traces"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

const (
	agentName = "projects/shop/locations/europe-west1/agents/5f8a3c1e-2b7d-4c90-a6e4-1d0f9b3c7a52"
	bodyLimit = 32 << 10
	patience  = 30 * time.Second // more than any test takes
)

// invocation is a call as it reached the service.
type invocation struct {
	method   string
	request  []byte
	metadata metadata.MD
	deadline time.Time
}

// service is an intent service without a network.
type service struct {
	calls  chan invocation
	answer func(context.Context) ([]byte, error)
}

// Invoke notes the call.
func (s *service) Invoke(ctx context.Context, call *backend.Call) ([]byte, error) {
	md, _ := metadata.FromOutgoingContext(ctx)
	deadline, _ := ctx.Deadline()
	call.Tries = 1
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	s.calls <- invocation{call.Method, call.Request, md, deadline}
	return s.answer(ctx)
}

// reply answers with a reply.
func reply(reply *intentgatev1.Reply) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		return proto.Marshal(&intentgatev1.FulfillResponse{Reply: reply})
	}
}

// setup is what a test may change of a gateway before it starts.
type setup struct {
	gateway.Webhook
	match       router.Match
	webhookJSON bool
	tokens      *idtoken.Verifier
	answer      func(context.Context) ([]byte, error)
	orders      gateway.Service  // instead of one without a network
	intents     *intents.Catalog // what it claims
	fallbacks   string           // the configuration of them, as JSON
	afterSlots  bool             // the route's after_slot_filling
	bodyLimit   int64
	admission   *admission.Control
	seen        func(*http.Request) // what comes
	draining    func() bool
	continueFor time.Duration    // the route's continue_for
	clock       func() time.Time // instead of one that stands still
	late        time.Duration    // how far the handler's clock is ahead of that of the edge
	joins       *joins.Calls     // that it shares with others
	logs        []slog.Handler   // that hear what is logged, too
	audit       slog.Handler
	traces      *traces.Traces
}

// fixture is a handler behind a real edge, with a client that keeps its one connection alive. The clock stands still at
// a time that is not far from now: deadlines are about as long as they say.
type fixture struct {
	t       testing.TB
	now     time.Time
	url     string
	client  *http.Client
	trust   *authn.Trust
	ca      *devca.Authority
	service *service
	lines   chan line // of turns
	others  chan line
	meters  *telemetry.Telemetry
}

// line is one of the log.
type line struct {
	Message    string `json:"msg"`
	Reason     string `json:"reason"`
	Code       string `json:"code"`
	Answer     string `json:"answer"`
	Dropped    string `json:"dropped"`
	Error      string `json:"error"`
	Fallback   string `json:"fallback"`
	Outcome    string `json:"outcome"`
	HTTPStatus int    `json:"http_status"`
	RequestID  string `json:"request_id"`
	Joined     string `json:"joined"`
	Service    string `json:"service"`

	Panic, Stack, Hint string
}

// Write keeps the lines about turns.
func (f *fixture) Write(text []byte) (int, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return 0, err
	}
	if l.Message == "Turn" {
		f.lines <- l
		return len(text), nil
	}
	select {
	case f.others <- l:
	default: // nobody looks for it
	}
	return len(text), nil
}

// start runs a gateway that answers "Hello" to turns of any agent of the project shop, if change says nothing else. Its
// client's certificate is accepted by the profile dialogflow-like and, as that of one agent, by the profile agent.
func start(tb testing.TB, change func(*setup)) *fixture {
	tb.Helper()
	f := &fixture{
		t: tb, now: time.Now().Truncate(time.Second).Add(time.Second), // ahead of the time that bodies are read by, so that a budget of a second is one
		service: &service{calls: make(chan invocation, 100)}, lines: make(chan line, 100), others: make(chan line, 100),
	}
	with := setup{
		Webhook: gateway.Webhook{
			Webhook: authn.Webhook{
				Platform: dialogflow.ES, Profiles: []string{"dialogflow-like"}, Projects: []authn.Project{{ID: "shop", Number: 415104041262}},
			},
			Path: "/turns", API: dialogflow.V2, Timeout: time.Minute, Reserve: time.Second, RetriesRepeatID: true,
		},
		answer: reply(&intentgatev1.Reply{Texts: []string{"Hello"}}), bodyLimit: bodyLimit,
	}
	if change != nil {
		change(&with)
	}
	f.service.answer = with.answer
	clock := with.clock
	if clock == nil {
		clock = func() time.Time { return f.now }
	}
	if with.orders == nil {
		with.orders = f.service
	}
	if with.joins == nil {
		with.joins = must(joins.New(joins.Config{Now: clock}))(tb)
	}
	logger := slog.New(telemetry.NewJSONHandler(f, slog.LevelInfo))
	if len(with.logs) > 0 {
		logger = slog.New(slog.NewMultiHandler(append(with.logs, logger.Handler())...))
	}
	if with.audit == nil {
		with.audit = slog.DiscardHandler
	}
	meters := must(telemetry.New(telemetry.Config{Logger: logger, Audit: slog.New(with.audit), Now: clock}))(tb)
	f.meters = meters
	handler := must(gateway.NewHandler(gateway.Config{
		Webhook:  with.Webhook,
		Router:   must(router.New([]router.Route{{Match: with.match, Service: "orders", WebhookJSON: with.webhookJSON, AfterSlotFilling: with.afterSlots, ContinueFor: with.continueFor}}))(tb),
		Services: map[string]gateway.Service{"orders": with.orders}, Intents: with.intents, Joins: with.joins, Draining: with.draining, BodyLimit: with.bodyLimit, Admission: with.admission, Telemetry: meters, Traces: with.traces,
		Now:    func() time.Time { return clock().Add(with.late) },
		Tokens: with.tokens, Fallbacks: fallbacks(tb, with.fallbacks),
	}))(tb)
	paths := mux.NewPaths(http.MethodPost, gateway.Unrouted(meters))
	if err := paths.Handle(with.Path, func(w http.ResponseWriter, r *http.Request) {
		if with.seen != nil {
			with.seen(r)
		}
		handler.ServeHTTP(w, r)
	}); err != nil {
		tb.Fatal(err)
	}

	f.ca = must(devca.New(devca.Options{CommonName: "CA", Now: clock}))(tb)
	f.trust = must(authn.NewTrust(f.profile("dialogflow-like"), f.profile("agent", agentName)))(tb)
	own := f.issue(devca.Leaf{DNS: []string{"edge.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	site := &edge.Site{Certificate: func() *tls.Certificate { return &own }, Trust: f.trust, Drain: patience, Handler: paths}
	server := must(edge.New(edge.Config{
		Listen: "127.0.0.1:0", Site: func() *edge.Site { return site },
		Limits: edge.Limits{
			HeaderBytes: 32 << 10, HandshakeTimeout: patience, HeaderTimeout: patience, ReadTimeout: patience, IdleTimeout: patience,
			Handshakes: 64, Connections: 64,
		},
		Logger: logger, Now: clock,
	}))(tb)
	ctx, stop := context.WithCancel(tb.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()

	google := f.issue(devca.Leaf{Subject: pkix.Name{CommonName: "Google LLC"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	transport := &http.Transport{ExpectContinueTimeout: patience, TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: f.ca.Pool(), ServerName: "edge.example", Time: clock, Certificates: []tls.Certificate{google},
	}}
	f.client, f.url = &http.Client{Transport: transport, Timeout: patience}, "https://"+server.Addr().String()+with.Path
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-served; err != nil {
			tb.Error(err)
		}
	})
	return f
}

// fallbacks compiles the fallbacks of a configuration.
func fallbacks(tb testing.TB, settings string) *fallback.Set {
	tb.Helper()
	if settings == "" {
		return nil
	}
	parsed := &gatewayv1.Config{}
	if err := protojson.Unmarshal([]byte(settings), parsed); err != nil {
		tb.Fatal(err)
	}
	return must(config.Fallbacks(parsed))(tb)
}

// profile accepts the client's certificate, for any agent or for those named.
func (f *fixture) profile(name string, agents ...string) *authn.Profile {
	f.t.Helper()
	roots := []*x509.Certificate{f.ca.Certificate()}
	return must(authn.Custom(name, authn.Chain{Roots: roots, Subject: authn.Subject{CommonName: "Google LLC"}}, agents))(f.t)
}

func (f *fixture) issue(leaf devca.Leaf) tls.Certificate {
	f.t.Helper()
	return must(f.ca.Issue(leaf))(f.t).TLS()
}

// request is a turn on its way out.
func (f *fixture) request(ctx context.Context, body string) *http.Request {
	f.t.Helper()
	request := must(http.NewRequestWithContext(ctx, http.MethodPost, f.url, strings.NewReader(body)))(f.t)
	request.Header.Set("Content-Type", "application/json")
	return request
}

// fresh returns a turn with an id that no other one has: no try of an earlier one.
func fresh(body string) string {
	return turnID.ReplaceAllString(body, fmt.Sprintf(`esponseId": "%d"`, ids.Add(1)))
}

var (
	turnID = regexp.MustCompile(`esponseId": ?"[^"]*"`)
	ids    atomic.Int64
)

// answer is what the client gets.
type answer struct {
	status int
	header http.Header
	body   string
	closes bool // the connection
}

func (f *fixture) send(request *http.Request) answer {
	f.t.Helper()
	response, err := f.client.Do(request) //nolint:gosec,nolintlint // gosec is of two minds: of the gateway that this test has started
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body := must(io.ReadAll(response.Body))(f.t)
	return answer{response.StatusCode, response.Header, string(body), response.Close}
}

// play plays a turn that the service has to answer, and returns what the service saw of it.
func (f *fixture) play(body string) invocation {
	f.t.Helper()
	if got := f.send(f.request(f.t.Context(), body)); got.status != http.StatusOK {
		f.t.Fatalf("HTTP %d: %s", got.status, got.body)
	}
	f.line()
	return <-f.service.calls
}

// other returns the next line of a message that is not about a turn.
func (f *fixture) other(message string) line {
	f.t.Helper()
	for {
		select {
		case l := <-f.others:
			if l.Message == message {
				return l
			}
		case <-time.After(patience):
			f.t.Fatalf("nothing was logged: %s", message)
		}
	}
}

// line returns what was logged of the next turn.
func (f *fixture) line() line {
	f.t.Helper()
	select {
	case l := <-f.lines:
		return l
	case <-time.After(patience):
		f.t.Fatal("nothing was logged of the turn")
		return line{}
	}
}

// recorded returns a recorded turn, with replacements, old and new, that must all have their place.
func recorded(t *testing.T, name string, replacements ...string) string {
	t.Helper()
	body := string(must(fs.ReadFile(os.DirFS("testdata/turns"), name+".good.json"))(t))
	for pair := range slices.Chunk(replacements, 2) {
		if !strings.Contains(body, pair[0]) {
			t.Fatalf("%s holds no %q", name, pair[0])
		}
		body = strings.ReplaceAll(body, pair[0], pair[len(pair)-1])
	}
	return body
}

// must returns the value, unless the error ends the test.
func must[T any](value T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}
