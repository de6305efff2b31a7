package gateway

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/authn/secret"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/callertoken"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/fallback"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/joins"
	"github.com/intentgate/intentgate/gateway/router"
	"github.com/intentgate/intentgate/gateway/telemetry"
	"github.com/intentgate/intentgate/gateway/telemetry/traces"
)

// Webhook is a path that Dialogflow agents call.
type Webhook struct {
	authn.Webhook

	Path string
	API  dialogflow.API
	// Timeout is Dialogflow's time limit; Reserve is the part of it that is kept for the answer's way back.
	Timeout, Reserve time.Duration
	// Token says which ID tokens prove whose agent calls, Secrets which credentials do instead. Nil takes none; both nil
	// take every request.
	Token   *idtoken.Rules
	Secrets *secret.Set
	// RetriesRepeatID says that a retry of Dialogflow's carries the turn id of the first try.
	RetriesRepeatID bool
	// ReopenParameters has ES ask again for a parameter that was refused, in ways that Google does not document.
	ReopenParameters bool
}

// challenges tell a client what it may prove itself with.
func (w *Webhook) challenges() []string {
	var all []string
	if w.Token != nil {
		all = append(all, "Bearer")
	}
	if w.Secrets != nil && w.Secrets.Basic() {
		all = append(all, `Basic realm="intentgate"`)
	}
	return all
}

// Service is an intent service that can be called. It is safe for concurrent use.
type Service interface {
	// Invoke makes a call, notes in it what came of it, and returns the encoded response. An error is a gRPC status.
	Invoke(ctx context.Context, call *backend.Call) ([]byte, error)
}

// Config names what a Handler is made of. All of it is needed, but for Sign, TimeZone, Fallbacks, Draining, Admission and Traces; Tokens only where the webhook
// asks for one, and Intents where services claim any.
type Config struct {
	Webhook  Webhook
	Tokens   *idtoken.Verifier
	Router   *router.Router
	Services map[string]Service // by name: at least those that the routes name, and those of Intents
	// Sign returns the token that a call of a service carries, whose Workload it fills in; nil: calls carry none.
	Sign      func(service string, call *callertoken.Call) (string, error)
	Intents   *intents.Catalog   // what services claim; nil: nothing
	Fallbacks *fallback.Set      // what is answered where services do not; nil: HTTP statuses
	Joins     *joins.Calls       // the process's, whatever its configuration
	Draining  func() bool        // reports that the gateway is about to stop; nil: it never is
	TimeZone  string             // of the agent's users, by its name in the IANA database; empty: not known
	Admission *admission.Control // of all webhooks; nil: as many turns as come
	BodyLimit int64              // bytes
	Telemetry *telemetry.Telemetry
	Traces    *traces.Traces // nil: turns are not traced
	Now       func() time.Time
}

// Handler answers the calls of one webhook, behind package edge. It is safe for concurrent use.
type Handler struct {
	Config

	agents       agents
	view         intents.View
	destinations []destination // of the declared routes, by their index
}

// destination is a service with the way in which turns are put to it.
type destination struct {
	Service
	Binding

	name  string
	route int // the index of the declared route; fallback.NoRoute: the service claims the turn, or nobody knows
}

// Binding is a way in which turns are put to a method. It is safe for concurrent use.
type Binding interface {
	Call(turn *dialogflow.Turn) (binding.Call, error)
	Answer(response []byte) (binding.Answer, error)
	// Context returns the name of the ES context that keeps what the service remembers, and its lifespan.
	Context() (name string, lifespan int32)
	// SlotFilling reports whether a turn is put to it while an ES agent still collects required parameters, too.
	SlotFilling() bool
	// Sensitive reports whether something in the request or the response is never to be told.
	Sensitive() bool
	// ContinueFor is how long a call may take where its answer is fetched later; 0: it never is.
	ContinueFor() time.Duration
	// Field returns what is known of a field that the method refused, by its path in the request.
	Field(turn *dialogflow.Turn, path string) binding.Violation
}

// claimed says that the service claims the turn.
func (d *destination) claimed() bool { return d.Binding != nil && d.route == fallback.NoRoute }

// leavesSlots says that the agent's own prompts stand while it still collects required parameters. So they do where it is not
// known yet what the service asks for.
func (d *destination) leavesSlots() bool {
	if d.Binding == nil {
		return d.name != ""
	}
	return !d.SlotFilling()
}

// NewHandler returns the handler of a webhook.
func NewHandler(config Config) (*Handler, error) {
	switch {
	case config.Router == nil || config.Joins == nil || config.Telemetry == nil || config.Now == nil || config.BodyLimit <= 0:
		return nil, errors.New("gateway: Router, Joins, BodyLimit, Telemetry and Now are all needed")
	case config.Webhook.Token != nil && config.Tokens == nil:
		return nil, fmt.Errorf("gateway: webhook %s asks for an ID token, and there is nothing to verify it", config.Webhook.Path)
	case config.Webhook.Timeout <= config.Webhook.Reserve:
		return nil, fmt.Errorf("gateway: webhook %s: a reserve of %s leaves nothing of a timeout of %s",
			config.Webhook.Path, config.Webhook.Reserve, config.Webhook.Timeout)
	}
	h := &Handler{
		Config: config,
		agents: agents{seed: maphash.MakeSeed()},
		view:   intents.View{Platform: config.Webhook.Platform, TimeZone: config.TimeZone},
	}
	bindings := map[binding.IntentServiceOptions]Binding{} // thousands of routes share a few
	for _, route := range config.Router.Routes() {
		service := config.Services[route.Service]
		if service == nil {
			return nil, fmt.Errorf("gateway: the route %q leads to service %q, which is not there", route.Match, route.Service)
		}
		options := binding.IntentServiceOptions{
			Context: route.Service, WebhookJSON: route.WebhookJSON, AfterSlotFilling: route.AfterSlotFilling, ContinueFor: route.ContinueFor,
		}
		if bindings[options] == nil {
			bindings[options] = binding.NewIntentService(options)
		}
		h.destinations = append(h.destinations, destination{Service: service, name: route.Service, route: route.Index, Binding: bindings[options]})
	}
	return h, nil
}

// Unrouted tells of a request that no webhook's path takes, as of a turn that was refused: without a line nobody would
// find the mistake in an agent's URL.
func Unrouted(t *telemetry.Telemetry) func(r *http.Request, httpStatus int) {
	return func(r *http.Request, httpStatus int) {
		peer, ok := edge.PeerFromContext(r.Context())
		if !ok {
			return
		}
		event := t.StartTurn(peer.Start)
		event.Webhook, event.Peer, event.HTTPStatus = r.URL.Path, peer.Addr, httpStatus
		event.Code, event.Reason = codes.NotFound, "no_webhook"
		if httpStatus == http.StatusMethodNotAllowed {
			event.Code, event.Reason = codes.Unimplemented, "method"
		}
		event.Finish(r.Context())
	}
}

// buffered is up to how many bytes of an answer net/http counts by itself; it cuts a longer one of no stated length into chunks.
const buffered = 2048

// ServeHTTP answers one turn. Unless the caller has gone, it does so before Dialogflow's clock runs out.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	peer, ok := edge.PeerFromContext(r.Context())
	if !ok {
		panic("gateway: the handler is to be served by package edge")
	}
	peer.Listen()
	event := h.Telemetry.StartTurn(peer.Start)
	defer event.Finish(r.Context())
	event.Trace(h.Traces, r.Header)
	event.Webhook, event.Timeout = h.Webhook.Path, h.Webhook.Timeout
	event.Platform, event.Peer = h.Webhook.Platform.String(), peer.Addr

	ctx := clock{r.Context(), peer.Start.Add(h.Webhook.Timeout - h.Webhook.Reserve)}
	turn := turn{Handler: h, event: event, peer: peer, request: r.Context()}
	defer turn.leave()
	body, failure := turn.play(ctx, w, r) //nolint:contextcheck // the request's, but for its end
	if failure != nil {
		event.Code, event.Reason, event.FailureStatus = failure.Code, failure.Reason, failure.httpStatus()
		turn.because(failure)
	}
	turn.tell()
	peer.Answering(w.Header())
	event.Enter(telemetry.AnswerSent)
	if body == nil {
		event.HTTPStatus = failure.write(w)
	} else {
		event.HTTPStatus, event.BytesOut = http.StatusOK, len(body)
		w.Header().Set("Content-Type", "application/json")
		if len(body) > buffered {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		_, event.WriteError = w.Write(body) //nolint:gosec // JSON, for a program
	}
	if r.Context().Err() != nil { // nothing else ends it before its handler
		event.CallerLeft(r.Context(), peer.Heard().Sub(peer.Start), h.Webhook.Timeout)
	}
}
