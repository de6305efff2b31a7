//go:build !race

package gateway_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/bench/peer"
	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/joins"
	"github.com/intentgate/intentgate/gateway/logqueue"
	"github.com/intentgate/intentgate/gateway/router"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
	"github.com/intentgate/intentgate/gateway/telemetry"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// rooms are what a turn about an order costs: how often each room allocates for it, at most, and the handler with all of them. These are
// counted exactly, unless the race detector allocates besides, hence the build tag; times are compared by gateway/bench. Who has a room
// allocate less lowers its bound.
var rooms = []struct {
	name string
	most float64
	play func(*cost) error
}{
	{"read, ES", 6, reading(dialogflow.ES)},
	{"read, CX", 14, reading(dialogflow.CX)},
	{"judge the certificate", 0, (*cost).judge},
	{"judge a token seen before", 0, (*cost).verify},
	{"join certificate, token and session, of another agent than before", 4, (*cost).join},
	{"find the route", 0, (*cost).find},
	{"bind the request", 1, (*cost).call},
	{"say who calls, likewise", 5, (*cost).metadata},
	{"bind the response", 11, (*cost).answer},
	{"write", 1, (*cost).write},
	{"tell of it", 1, (*cost).tell},
	{"a turn, all rooms on", 38, (*cost).whole},
}

// TestAllocations compares each room with its bound.
func TestAllocations(t *testing.T) {
	c := newCost(t)
	for _, room := range rooms {
		var err error
		play := func() error { return room.play(c) }
		for range 100 { // what is kept from one turn to the next is there
			err = play()
		}
		got := testing.AllocsPerRun(400, func() {
			if failed := play(); failed != nil {
				err = failed
			}
		})
		switch {
		case err != nil:
			t.Errorf("%s: %v", room.name, err)
		case got > room.most:
			t.Errorf("%s: %g allocations a turn, want %g at most", room.name, got, room.most)
		case got < room.most:
			t.Logf("%s: %g allocations a turn: lower its bound of %g", room.name, got, room.most)
		}
	}
}

// BenchmarkTurn plays the rooms.
func BenchmarkTurn(b *testing.B) {
	c := newCost(b)
	for _, room := range rooms {
		b.Run(room.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := room.play(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// cost is a gateway as it runs, with every check on, before a service without a network.
type cost struct {
	gateway.Config
	http.Handler

	now           time.Time
	trust         *authn.Trust
	verdict       *authn.Verdict
	asks          *http.Request // as the edge hands it on
	body, id      []byte        // id is part of it
	asked         *dialogflow.Turn
	who           *intentgatev1.Caller
	response      []byte
	reply         *intentgatev1.Reply
	reader        bytes.Reader
	writer        writer
	turns, called int
}

// Invoke is the service, which knows what to say.
func (c *cost) Invoke(_ context.Context, call *backend.Call) ([]byte, error) {
	c.called++
	call.Tries = 1
	return c.response, nil
}

func newCost(tb testing.TB) *cost {
	tb.Helper()
	const audience, number = "https://fulfil.shop.example/turns", 415104041262
	c := &cost{writer: writer{header: http.Header{}}}
	f := start(tb, func(s *setup) {
		s.seen = func(r *http.Request) { c.asks = r.WithContext(context.WithoutCancel(r.Context())) }
	})
	if got := f.send(f.request(tb.Context(), "{}")); c.asks == nil {
		tb.Fatal(got)
	}
	c.now, c.trust = f.now, f.trust
	clock := func() time.Time { return c.now }
	google := must(issuer.New(issuer.Options{Now: clock}))(tb)
	keys, descriptors := filepath.Join(tb.TempDir(), "jwks.json"), filepath.Join(tb.TempDir(), "orders.binpb")
	if err := os.WriteFile(keys, google.JWKS(), 0o600); err != nil {
		tb.Fatal(err)
	}
	c.asks.Header.Set("Authorization", "Bearer "+must(google.Token(audience, number))(tb))
	c.response = must(proto.Marshal(&ordersv1.TrackOrderResponse{
		Text: "Order A-1001 left our warehouse on Friday.", OrderId: proto.String("A-1001"), Status: ordersv1.OrderStatus_ORDER_STATUS_SHIPPED.Enum(),
	}))(tb)

	// What the process makes of a configuration.
	if err := peer.RunBackend(tb.Context(), []string{"--descriptors", descriptors}, io.Discard, io.Discard); err != nil {
		tb.Fatal(err)
	}
	set := must(os.ReadFile(descriptors))(tb) //nolint:gosec // of this test's own
	log := logqueue.New(io.Discard, func(int64) {})
	logger := slog.New(telemetry.NewJSONHandler(log, slog.LevelInfo))
	catalog := must(intents.New(intents.Config{
		Services: []intents.Service{{
			Name: "orders", Allow: intents.Allow{Intents: []string{"order.*"}}, Source: "a file",
			Load: func(context.Context) ([]byte, error) { return set, nil },
		}},
		Views: []intents.View{{Platform: dialogflow.ES}}, Logger: logger, Now: clock,
	}))(tb)
	if _, err := catalog.Load(tb.Context(), "orders"); err != nil {
		tb.Fatal(err)
	}
	var routes []router.Route
	for i := range 10 {
		routes = append(routes, router.Route{Match: router.Match{Intent: fmt.Sprintf("faq.%d", i)}, Service: "orders"})
	}
	c.Config = gateway.Config{
		Webhook: gateway.Webhook{
			Webhook: authn.Webhook{Platform: dialogflow.ES, Profiles: []string{"dialogflow-like"}, Projects: []authn.Project{{ID: "shop", Number: number}}},
			Path:    "/turns", API: dialogflow.V2, Timeout: time.Hour, Reserve: time.Second,
			Token: &idtoken.Rules{Audiences: []string{audience}, Numbers: []uint64{number}}, RetriesRepeatID: true,
		},
		Tokens: must(idtoken.New(idtoken.Config{Keys: must(idtoken.NewKeys(idtoken.KeysConfig{File: keys, Logger: logger, Now: clock}))(tb), Now: clock}))(tb),
		Router: must(router.New(routes))(tb), Services: map[string]gateway.Service{"orders": c}, Intents: catalog,
		Joins: must(joins.New(joins.Config{Now: clock}))(tb), Admission: must(admission.New(admission.Limits{Turns: 10, HeldBytes: 1 << 20}, clock))(tb),
		BodyLimit: bodyLimit, Telemetry: must(telemetry.New(telemetry.Config{Logger: logger, Now: clock, LogDropped: log.Dropped}))(tb), Now: clock,
	}
	c.Handler = must(gateway.NewHandler(c.Config))(tb)

	c.verdict = accepted(c.trust.Judge(c.asks.TLS.PeerCertificates, c.now))(tb)
	c.body = must(os.ReadFile("testdata/turns/es-order-track.good.json"))(tb)
	id := []byte("2f6b1c")
	c.id = c.body[bytes.Index(c.body, id):][:len(id)]
	c.asked = must(dialogflow.Read(dialogflow.ES, c.body))(tb)
	c.who = accepted(c.Webhook.Caller(c.verdict, &c.asked.Session))(tb)
	c.reply = must(c.method().Answer(c.response))(tb).Reply
	return c
}

func accepted[T any](value T, refusal *authn.Refusal) func(testing.TB) T {
	if refusal != nil {
		return must(value, error(refusal))
	}
	return must(value, nil)
}

func reading(platform dialogflow.Platform) func(*cost) error {
	body, err := os.ReadFile("testdata/turns/" + strings.ToLower(platform.String()) + "-order-track.good.json")
	return func(*cost) error {
		if err == nil {
			_, err = dialogflow.Read(platform, body)
		}
		return err
	}
}

func (c *cost) judge() error {
	if _, refusal := c.trust.Current(c.verdict, c.now); refusal != nil {
		return refusal
	}
	return nil
}

func (c *cost) verify() error {
	if _, refusal := c.Tokens.Verify(c.asks.Context(), c.asks.Header["Authorization"], c.Webhook.Token); refusal != nil {
		return refusal
	}
	return nil
}

func (c *cost) join() error {
	if _, refusal := c.Webhook.Caller(c.verdict, &c.asked.Session); refusal != nil {
		return refusal
	}
	return nil
}

func (c *cost) find() error {
	if _, ok := c.Router.Find(c.asked); ok || c.method() == nil {
		return errors.New("it leads elsewhere")
	}
	return nil
}

// method is what answers the turn.
func (c *cost) method() *binding.Method {
	target, ok := c.Intents.Find(intents.View{Platform: dialogflow.ES}, c.asked)
	if !ok {
		return nil
	}
	return target.Method
}

func (c *cost) call() error {
	_, err := c.method().Call(c.asked)
	return err
}

func (c *cost) metadata() error {
	ref := &intentgatev1.CallRef{Session: c.asked.Session.Name, TurnId: c.asked.ID, RequestId: "1.abc"}
	_, err := caller.Outgoing{Caller: c.who, Ref: ref}.Metadata()
	return err
}

func (c *cost) answer() error {
	_, err := c.method().Answer(c.response)
	return err
}

func (c *cost) write() error {
	_, _, err := dialogflow.Write(c.asked, c.reply, dialogflow.WriteOptions{API: dialogflow.V2, Context: "shop-orders"})
	return err
}

func (c *cost) tell() error {
	event := c.Telemetry.StartTurn(c.now)
	event.Webhook, event.Platform, event.Project, event.KnownProject, event.ProjectProof = "/turns", "ES", "shop", "shop", "ID_TOKEN"
	event.Service, event.Method, event.RequestID, event.TurnID = "orders", "/shop.orders.v1.OrderService/TrackOrder", "1.abc", c.asked.ID
	event.Intent, event.Action, event.Profile, event.IDToken = c.asked.Intent.DisplayName, c.asked.Action, "dialogflow-like", "accepted"
	event.SetSession(c.asked.Session.Name)
	event.Timeout, event.ServiceDuration, event.HTTPStatus, event.BytesIn, event.BytesOut = 5*time.Second, time.Millisecond, 200, 1400, 300
	event.Finish(c.asks.Context())
	return nil
}

// firstTurn has as many digits as the place of a turn's number.
const firstTurn = 100_000

// whole plays a turn that is no try of an earlier one.
func (c *cost) whole() error {
	c.turns++
	c.id = strconv.AppendInt(c.id[:0], int64(firstTurn+c.turns), 10)
	c.writer.status, c.writer.size = 0, 0
	clear(c.writer.header)
	request := *c.asks
	c.reader.Reset(c.body)
	request.Body, request.ContentLength = io.NopCloser(&c.reader), int64(len(c.body))
	c.ServeHTTP(&c.writer, &request)
	if c.writer.status != http.StatusOK || c.writer.size < len(c.response) || c.called != c.turns {
		return fmt.Errorf("HTTP %d, %d bytes, %d calls in %d turns", c.writer.status, c.writer.size, c.called, c.turns)
	}
	return nil
}

// writer takes answers.
type writer struct {
	header       http.Header
	status, size int
}

func (w *writer) Header() http.Header           { return w.header }
func (w *writer) WriteHeader(status int)        { w.status = status }
func (*writer) SetReadDeadline(time.Time) error { return nil }
func (w *writer) Write(answer []byte) (int, error) {
	w.status, w.size = cmp.Or(w.status, http.StatusOK), w.size+len(answer)
	return len(answer), nil
}
