package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/intentgate/intentgate/gateway/authn"
)

// TurnEvent is all that is said of one turn, in one log line and in the metrics. It is filled along the way by one
// goroutine and finished once, and is no one's from then on; what is empty is left out. Texts may be a stranger's: they are escaped and cut. What users say,
// and what came of it, is in none of its fields: Tell keeps it, where it is asked for, and SetSession what is told as a hash.
type TurnEvent struct {
	// Who asks. Project, agent and environment are what the request states; the proofs say what else vouches for them.
	Webhook      string        // the path
	Timeout      time.Duration // Dialogflow's time limit there
	Platform     string        // ES or CX
	Project      string
	ProjectProof string // STATED, CERTIFICATE, ID_TOKEN, SECRET
	Agent        string
	AgentProof   string
	Environment  string
	Profile      string // the trust profile that accepted the certificate
	ForwardedBy  string // the proxy that hands the certificate on
	Credential   string // the name of the credential that was presented
	IDToken      string // what became of the ID token: accepted, or why not; empty: none was asked for
	Peer         string // the address
	// KnownProject and KnownAgent are those that are proven, or configured: strangers cannot choose them.
	KnownProject, KnownAgent string

	// What is asked.
	TurnID      string
	Intent      string
	Action, Tag string
	Language    string
	BytesIn     int
	Unknown     []string // names of fields that no published schema has, each once

	// Who is asked. Service and Method are set by the route, ServiceDuration by the call.
	Service         string
	Method          string
	RequestID       string
	ServiceCode     codes.Code    // what the service's call ended with
	ServiceReason   string        // why it refused the gateway's call, such as TOKEN_EXPIRED; empty: it did not, or did not say
	ServiceDuration time.Duration // of all tries; zero: no call was made
	Tries           int
	Queued          time.Duration // how long the call waited for its turn
	BudgetLeft      time.Duration // of Dialogflow's clock, when the service was called
	Joined          string        // call, answer, continuation: what of another turn's was used; empty: nothing

	// What is answered.
	HTTPStatus int            // zero: the handler did not get as far as an answer
	Answered   Answered       // whose answer it is
	Fallback   string         // where the fallback stands in the configuration: its words, or its status on purpose
	Cause      string         // what it is answered for, as the configuration calls it; empty: it is not
	Code       codes.Code     // OK, or that of the failure: what was answered instead, or what there were fallback words for
	Reason     string         // of what is not OK: stable, snake_case, out of a fixed set
	Detail     string         // of the reason, in words without users' data
	Refusal    *authn.Refusal // why the caller is not who may ask; nil: that is not it
	WriteError error          // why the answer did not get out
	Dropped    []string       // parts of the reply that the platform cannot express
	BytesOut   int
	// FailureStatus is the HTTP status of a failure, whether it was answered, or words for it were.
	FailureStatus int

	telemetry *Telemetry
	start     time.Time
	quirks    []quirk
	trace     turnTrace
	session   string
	told      []told
}

type quirk struct {
	kind  string
	count int
}

// StartTurn begins the event of a turn whose clock started at start. It may be one that was finished, of which it has nothing left.
func (t *Telemetry) StartTurn(start time.Time) *TurnEvent {
	e, _ := t.events.Get().(*TurnEvent)
	e.telemetry, e.start = t, start
	return e
}

// AddQuirk notes that the request was written in a way that no protobuf reader would accept, count times.
func (e *TurnEvent) AddQuirk(kind string, count int) {
	if count > 0 {
		e.quirks = append(e.quirks, quirk{kind, count})
	}
}

// Answered says whose answer was sent.
type Answered string

// Those who answer.
const (
	ByNobody   Answered = ""         // an HTTP status was sent
	ByService  Answered = "service"  // the service's reply
	ByStatus   Answered = "status"   // the details of the status that the service returned
	ByRule     Answered = "rule"     // the words for a value that does not fit the request, or breaks a rule of it
	BySlots    Answered = "slots"    // nothing, so that the agent asks for the next parameter
	ByFallback Answered = "fallback" // the words for a failure
	// ByContinuation is an event by which the answer is fetched later.
	ByContinuation Answered = "continuation"
)

// The outcomes of a turn.
const (
	answered = "answered" // a reply was sent that the service, or the contract with it, is the author of
	refused  = "refused"  // no service was called: the caller, the request or the route was wrong
	failed   = "failed"   // the service's call, or the gateway itself, ended in a status; perhaps there were words for it
	lost     = "lost"     // the answer could not be sent: Dialogflow has gone
)

// callerLeft is the reason of turns that Dialogflow did not wait for: the service was called, whether or not it ever answers.
const callerLeft = "caller_left"

// outcome follows from what was filled in.
func (e *TurnEvent) outcome() string {
	switch {
	case e.WriteError != nil:
		return lost
	case e.HTTPStatus == http.StatusOK && e.FailureStatus == 0:
		return answered
	case e.serverFault(), e.ServiceDuration > 0, e.Joined != "", e.Answered == ByFallback, e.Reason == callerLeft:
		return failed
	default:
		return refused
	}
}

// serverFault reports whether the failure, answered or not, is no fault of the caller's.
func (e *TurnEvent) serverFault() bool {
	return max(e.HTTPStatus, e.FailureStatus) >= http.StatusInternalServerError || e.HTTPStatus == 0
}

// Finish writes the turn's log line and counts it, after which the event may be another turn's. A turn without an HTTP status ended in a panic and is told as such.
func (e *TurnEvent) Finish(ctx context.Context) {
	t := e.telemetry
	took := t.now().Sub(e.start)
	if e.HTTPStatus == 0 && e.Reason == "" {
		e.Code, e.Reason = codes.Internal, "panic"
	}
	outcome := e.outcome()
	e.measure(outcome, took)
	e.auditTurn(ctx)
	if e.traced(outcome, took) {
		root, within := e.spans(outcome, took) //nolint:contextcheck // only a place for what is parsed
		e.trace.Tell(e.trace.ids, root, within)
	}

	level := slog.LevelInfo
	switch {
	case outcome == failed && e.serverFault():
		level = slog.LevelError
	case outcome != answered:
		level = slog.LevelWarn
	}
	if t.logger.Enabled(ctx, level) {
		e.log(ctx, level, outcome, took)
	}
	*e = TurnEvent{} // whoever kept it finds nothing of the turn
	t.events.Put(e)
}

// Continued counts what came of an answer that is fetched later: it was offered, fetched, or why it could not be.
func (e *TurnEvent) Continued(what string) {
	e.telemetry.continuations.count(1, what)
}

// measure feeds the metrics.
func (e *TurnEvent) measure(outcome string, took time.Duration) {
	t := e.telemetry
	series := t.turnSeries.get(turnKey{
		platform: e.Platform, project: e.KnownProject, agent: e.KnownAgent, service: e.Service, method: e.Method,
		outcome: outcome, code: codeName(e.Code), reason: e.Reason, answered: e.Answered, serviceCode: codeName(e.ServiceCode),
	})
	series.turns.Inc()
	series.duration.Observe(took.Seconds())
	if e.ServiceDuration > 0 {
		series.call().Observe(e.ServiceDuration.Seconds())
	}
	if e.Timeout > 0 && e.HTTPStatus != 0 && e.WriteError == nil {
		series.timeLeft().Observe((e.Timeout - took).Seconds())
	}
	if e.IDToken != "" {
		t.tokens.count(1, e.IDToken, e.Webhook)
	}
	if e.Cause != "" {
		t.fallbacks.count(1, e.Cause, e.Platform, e.Service)
	}
	if e.Joined != "" {
		t.joins.count(1, e.Joined)
	}
	if len(e.Dropped) > 0 {
		t.dropped.count(len(e.Dropped), e.Platform)
	}
	for _, name := range e.Unknown {
		t.unknown.count(1, fieldName(name))
	}
	for _, q := range e.quirks {
		t.quirks.count(q.count, q.kind)
	}
}

// codeName returns a code's name; a service may send any number, which is no name.
func codeName(code codes.Code) string {
	if code > codes.Unauthenticated {
		code = codes.Unknown
	}
	return code.String()
}
