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
	"google.golang.org/protobuf/proto"
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
	turn   *dialogflow.Turn
	call   binding.Call
	answer []byte
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
	f := &fixed{}
	write, on := dialogflow.WriteOptions{API: dialogflow.V2}, dialogflow.ES
	var response proto.Message = answerES(nil)
	if platform == "CX" {
		write.API, on, response = dialogflow.V3, dialogflow.CX, answerCX(nil)
	}
	if f.turn, err = dialogflow.Read(on, template.Example()); err != nil {
		return nil, err
	}
	var of gateway.Binding
	switch kind {
	case turns.IntentService:
		of, response = binding.NewIntentService(binding.IntentServiceOptions{Context: "orders"}), fulfilled(&intentgatev1.FulfillRequest{})
	case turns.Typed:
		response = tracked(&ordersv1.TrackOrderRequest{OrderId: "A-1001"})
		of, err = binding.Compile(ordersv1.File_shop_orders_v1_order_service_proto.Services().ByName("OrderService").Methods().ByName("TrackOrder"),
			binding.Options{Platform: on})
	case turns.Canonical:
		descriptor, _ := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(canonicalService + "." + platform))
		method, ok := descriptor.(protoreflect.MethodDescriptor)
		if !ok {
			return nil, fmt.Errorf("no method %s.%s", canonicalService, platform)
		}
		of, err = binding.Compile(method, binding.Options{Platform: on})
	}
	if err != nil {
		return nil, err
	}
	if f.call, err = of.Call(f.turn); err != nil {
		return nil, err
	}
	encoded, err := proto.Marshal(response)
	if err != nil {
		return nil, err
	}
	answer, err := of.Answer(encoded)
	if f.answer = answer.JSON; err != nil || f.answer != nil {
		return f, err
	}
	write.Context, write.ContextLifespan = of.Context()
	f.answer, _, err = dialogflow.Write(f.turn, answer.Reply, write)
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
	return conn.Invoke(ctx, f.call.Method, f.call.Request, &response, grpc.ForceCodecV2(raw{}))
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
	tell, err := telemetry.New(telemetry.Config{Logger: logger, Now: time.Now, Version: "bench"})
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
		e := equal{fixed: f, base: b, telemetry: tell, traces: spans, caller: fixedCaller(f.turn)}
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
	var random [44]byte
	_, _ = rand.Read(random[:]) // never fails
	another := func(id string, random []byte) string { return id[:len(id)-2*len(random)] + hex.EncodeToString(random) }
	ref := &intentgatev1.CallRef{
		Session: another(f.turn.Session.Name, random[:6]), TurnId: another(f.turn.ID, random[6:12]),
		RequestId: "1." + base64.RawURLEncoding.EncodeToString(random[12:]),
	}
	const budget = 5*time.Second - 300*time.Millisecond
	event.Webhook, event.Timeout, event.Platform, event.Peer = "/dialogflow/es", 5*time.Second, f.turn.Platform.String(), r.RemoteAddr
	event.Project, event.KnownProject, event.ProjectProof = "shop", "shop", "ID_TOKEN"
	if event.Agent = f.turn.Session.Agent; event.Agent != "" {
		event.AgentProof = "STATED"
	}
	event.Profile, event.IDToken, event.Language, event.BytesIn = "dev", "accepted", f.turn.Language, int(size)
	event.Intent, event.Action, event.Tag, event.Unknown = f.turn.Intent.DisplayName, f.turn.Action, f.turn.Tag, f.turn.Unknown
	event.Service, event.Method, event.TurnID, event.RequestID = "orders", f.call.Method, ref.GetTurnId(), ref.GetRequestId()
	event.SetSession(ref.GetSession())

	ctx, cancel := context.WithDeadline(r.Context(), start.Add(budget))
	defer cancel()
	md, err := caller.Outgoing{Caller: f.caller, Ref: ref, Trace: event.CallTrace()}.Metadata()
	if err == nil {
		event.Enter(telemetry.Call)
		called := time.Now()
		event.BudgetLeft = budget - called.Sub(start)
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
func fixedCaller(turn *dialogflow.Turn) *intentgatev1.Caller {
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
	if turn.Platform == dialogflow.CX {
		who.Platform, who.Location, who.Agent = intentgatev1.Platform_PLATFORM_CX, stated(turn.Session.Location), stated(turn.Session.Agent)
	}
	return who
}
