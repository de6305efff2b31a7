package peer

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/bench/turns"
	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/telemetry"
	"github.com/intentgate/intentgate/gateway/telemetry/traces"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// Path is what a floor is called by: it does not read what is asked, and has to be told which call it is to make.
func Path(platform string, method turns.Method, size int) string {
	return fmt.Sprintf("/%s/%s/%d", strings.ToLower(platform), method, size)
}

// fixed is a call, and what is answered after it.
type fixed struct {
	platform dialogflow.Platform
	method   string
	request  []byte
	answer   []byte
}

// Sizes are those that turns come in, in bytes. Floors know no other.
func Sizes() []int { return []int{1400, 8 << 10, 40 << 10} }

// paths has a handler for each call that a floor can make.
func paths(b *base, handler func(*fixed) http.HandlerFunc) (http.Handler, error) {
	mux := http.NewServeMux()
	for _, platform := range []string{"ES", "CX"} {
		for _, method := range []turns.Method{turns.Typed, turns.IntentService, turns.Canonical} {
			for _, size := range Sizes() {
				call, err := fix(b.dir, platform, method, size)
				if err != nil {
					return nil, err
				}
				mux.HandleFunc("POST "+Path(platform, method, size), handler(call))
			}
		}
	}
	return mux, nil
}

// fix makes the call that the gateway would make of the template's turn.
func fix(dir, platform string, kind turns.Method, size int) (*fixed, error) {
	template, err := turns.Read(dir, platform, kind, size)
	if err != nil {
		return nil, err
	}
	f := &fixed{platform: dialogflow.ES, answer: fmt.Appendf(nil, `{"fulfillmentText":%q}`, answer("A-1001"))}
	if platform == "CX" {
		f.platform, f.answer = dialogflow.CX, fmt.Appendf(nil, `{"fulfillmentResponse":{"messages":[{"text":{"text":[%q]}}]}}`, answer("A-1001"))
	}
	turn, err := dialogflow.Read(f.platform, template.Example())
	if err != nil {
		return nil, err
	}
	var of gateway.Binding
	switch kind {
	case turns.IntentService:
		of = binding.NewIntentService(binding.IntentServiceOptions{Context: "orders"})
	case turns.Typed:
		of, err = binding.Compile(ordersv1.File_shop_orders_v1_order_service_proto.Services().ByName("OrderService").Methods().ByName("TrackOrder"),
			binding.Options{Platform: f.platform})
	case turns.Canonical:
		descriptor, _ := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(canonicalService + "." + platform))
		method, ok := descriptor.(protoreflect.MethodDescriptor)
		if !ok {
			return nil, fmt.Errorf("no method %s.%s", canonicalService, platform)
		}
		of, err = binding.Compile(method, binding.Options{Platform: f.platform})
	}
	if err != nil {
		return nil, err
	}
	call, err := of.Call(turn)
	f.method, f.request = call.Method, call.Request
	return f, err
}

// static answers without a call: TLS and HTTP alone.
func static(_ context.Context, b *base) (http.Handler, error) {
	return paths(b, func(f *fixed) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				write(w, f.answer)
			}
		}
	})
}

// bareFloor makes a fixed call besides: what whoever has gRPC over mutual TLS behind HTTP pays at least.
func bareFloor(_ context.Context, b *base) (http.Handler, error) {
	return paths(b, func(f *fixed) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			if err := f.invoke(r.Context(), b.conn); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			write(w, f.answer)
		}
	})
}

func (f *fixed) invoke(ctx context.Context, conn *grpc.ClientConn) error {
	var response []byte
	return conn.Invoke(ctx, f.method, f.request, &response, grpc.ForceCodecV2(raw{}))
}

func write(w http.ResponseWriter, answer []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

// raw sends bytes as they are.
type raw struct{}

// Name is that of the bytes' form.
func (raw) Name() string { return "proto" }

// Marshal takes a []byte.
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	message, _ := v.([]byte)
	return mem.BufferSlice{mem.SliceBuffer(message)}, nil
}

// Unmarshal takes a *[]byte.
func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	message, _ := v.(*[]byte)
	*message = data.Materialize()
	return nil
}

// equalFloor does about a call what the gateway does, and knows beforehand what the gateway has to find out: who calls, and what is
// asked. It has the gateway's metadata, deadline, metrics, log line and spans.
func equalFloor(_ context.Context, b *base) (http.Handler, error) {
	logger := b.logger()
	tell, err := telemetry.New(telemetry.Config{Logger: logger, Now: time.Now, Version: "bench"}) //nolint:contextcheck // metrics have none
	if err != nil {
		return nil, err
	}
	sample := 0.01
	spans, err := traces.New(traces.Config{
		Settings: &gatewayv1.Traces{Otlp: &gatewayv1.Otlp{Endpoint: b.collector}, Sample: &sample, Slow: durationpb.New(2 * time.Second)},
		Version:  "bench", Logger: logger, Now: time.Now, Dropped: tell.SpansDropped,
	})
	if err != nil {
		return nil, err
	}
	return paths(b, func(f *fixed) http.HandlerFunc {
		e := equal{fixed: f, base: b, telemetry: tell, traces: spans, caller: fixedCaller(f.platform)}
		return e.serve
	})
}

type equal struct {
	*fixed
	*base

	telemetry *telemetry.Telemetry
	traces    *traces.Traces
	caller    *intentgatev1.Caller
}

func (f *equal) serve(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	event := f.telemetry.StartTurn(start)
	defer event.Finish(r.Context())
	event.Trace(f.traces, r.Header)
	size, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return
	}
	var random [56]byte
	_, _ = rand.Read(random[:]) // never fails
	session := "projects/shop/agent/sessions/" + hex.EncodeToString(random[:16])
	ref := &intentgatev1.CallRef{
		Session: session, TurnId: hex.EncodeToString(random[16:24]), RequestId: "1." + base64.RawURLEncoding.EncodeToString(random[24:]),
	}
	event.Webhook, event.Timeout, event.Platform, event.Peer = "/dialogflow/es", 5*time.Second, f.platform.String(), r.RemoteAddr
	event.Project, event.KnownProject, event.ProjectProof = "shop", "shop", "ID_TOKEN"
	event.Agent, event.AgentProof = "shop", "STATED"
	event.Profile, event.IDToken, event.Language, event.BytesIn = "dev", "accepted", "en", int(size)
	event.Intent, event.Action, event.TurnID = "order.track", "order.track", ref.GetTurnId()
	event.Service, event.Method, event.RequestID = "orders", f.method, ref.GetRequestId()
	event.SetSession(session)

	ctx, cancel := context.WithDeadline(r.Context(), start.Add(5*time.Second-300*time.Millisecond))
	defer cancel()
	md, err := caller.Outgoing{Caller: f.caller, Ref: ref, Trace: event.CallTrace()}.Metadata()
	if err == nil {
		event.Enter(telemetry.Call)
		called := time.Now()
		event.BudgetLeft = 5*time.Second - called.Sub(start)
		err = f.invoke(metadata.NewOutgoingContext(ctx, md), f.conn)
		event.ServiceDuration, event.Tries = time.Since(called), 1
	}
	event.Enter(telemetry.AnswerSent)
	if err != nil {
		f.logger().Log(ctx, slog.LevelError, "Call failed", "error", err)
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	event.HTTPStatus, event.Answered, event.BytesOut = http.StatusOK, telemetry.ByService, len(f.answer)
	write(w, f.answer)
}

// fixedCaller is who calls, as the gateway would say.
func fixedCaller(platform dialogflow.Platform) *intentgatev1.Caller {
	stated := func(value string) *intentgatev1.Caller_Value {
		return &intentgatev1.Caller_Value{Value: value, Proof: intentgatev1.Caller_PROOF_STATED}
	}
	proven := func(value string) *intentgatev1.Caller_Value {
		return &intentgatev1.Caller_Value{Value: value, Proof: intentgatev1.Caller_PROOF_ID_TOKEN}
	}
	who := &intentgatev1.Caller{
		Platform: intentgatev1.Platform_PLATFORM_ES, ProjectId: proven("shop"), ProjectNumber: proven("415104041262"),
		Certificate: &intentgatev1.Caller_Certificate{
			Profile: "dev", Subject: "CN=Google LLC,OU=IntentGate development only",
			Issuer: "CN=IntentGate development SSL.com-like Client Certificate Intermediate CA RSA R2", Sha256: make([]byte, 32),
		},
		IdToken: &intentgatev1.Caller_IdToken{Email: "service-415104041262@gcp-sa-dialogflow.iam.gserviceaccount.com", Audience: "https://bench.internal/dialogflow"},
	}
	if platform == dialogflow.CX {
		who.Platform, who.Location, who.Agent = intentgatev1.Platform_PLATFORM_CX, stated("europe-west1"), stated("5f8a3c1e-2b7d-4c90-a6e4-1d0f9b3c7a52")
	}
	return who
}
