package orders_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/orders"
	"github.com/intentgate/intentgate/services/serve"
)

// open starts the shop as its main does, and returns a client of the gateway.
func open(t *testing.T) intentgatev1.IntentServiceClient {
	t.Helper()
	ca := mtlstest.NewCA(t)
	logger := slog.New(slog.DiscardHandler)
	server, err := serve.New(t.Context(), serve.Config{
		Name: "orders", Listen: "127.0.0.1:0", TLS: ca.Files("dns:orders.internal"),
		Asserting: []string{"dns:gateway.internal"}, Logger: logger,
		Register: func(r grpc.ServiceRegistrar) {
			intentgatev1.RegisterIntentServiceServer(r, orders.New(monday))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()

	identity, err := mtls.Open(ca.Files("dns:gateway.internal"), mtls.Options{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(server.Addr().String(), grpc.WithTransportCredentials(identity.ClientCredentials("orders.internal")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return intentgatev1.NewIntentServiceClient(conn)
}

// session is a conversation as the gateway holds it: session parameters are remembered from turn to turn.
type session struct {
	client     intentgatev1.IntentServiceClient
	platform   intentgatev1.Platform
	parameters map[string]*structpb.Value
}

// ask asks for an intent as the gateway does, and returns the reply.
func (s *session) ask(t *testing.T, requestID, key, orderID string) *intentgatev1.Reply {
	t.Helper()
	ctx, err := caller.NewOutgoingContext(t.Context(), caller.Outgoing{
		Caller: &intentgatev1.Caller{Platform: s.platform},
		Ref:    &intentgatev1.CallRef{RequestId: requestID},
	})
	if err != nil {
		t.Fatal(err)
	}
	turn := &intentgatev1.Turn{
		Platform: s.platform, Language: "en", SessionParameters: &structpb.Struct{Fields: s.parameters},
	}
	if s.platform == intentgatev1.Platform_PLATFORM_CX {
		turn.Tag = key
	} else {
		turn.Action = key
	}
	resp, err := s.client.Fulfill(ctx, &intentgatev1.FulfillRequest{
		Turn:       turn,
		Parameters: &structpb.Struct{Fields: map[string]*structpb.Value{"order_id": structpb.NewStringValue(orderID)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range resp.GetReply().GetSessionParameters().GetFields() {
		if _, forget := value.GetKind().(*structpb.Value_NullValue); forget {
			delete(s.parameters, name)
		} else {
			s.parameters[name] = value
		}
	}
	return resp.GetReply()
}

func TestConversation(t *testing.T) {
	for _, c := range []struct {
		platform             intentgatev1.Platform
		track, cancel        string
		confirm, deny        string
		contextAsked, closed int
	}{
		{intentgatev1.Platform_PLATFORM_ES, "order.track", "order.cancel", "order.cancel.confirm", "order.cancel.deny", 1, 1},
		{intentgatev1.Platform_PLATFORM_CX, "track-order", "cancel-order", "confirm-cancel", "deny-cancel", 0, 0},
	} {
		t.Run(c.platform.String(), func(t *testing.T) {
			s := &session{client: open(t), platform: c.platform, parameters: map[string]*structpb.Value{}}
			expect := func(reply *intentgatev1.Reply, want string, contexts int) {
				t.Helper()
				if len(reply.GetTexts()) != 1 || !strings.Contains(reply.GetTexts()[0], want) || len(reply.GetContexts()) != contexts {
					t.Errorf("got %v, want %q", reply, want)
				}
			}
			expect(s.ask(t, "1.a", c.track, "A-1042"), "is being packed", 0)
			expect(s.ask(t, "1.b", c.cancel, "A-1042"), "Shall I cancel it?", c.contextAsked)
			expect(s.ask(t, "1.c", c.deny, ""), "stays as it is", c.closed)
			expect(s.ask(t, "1.d", c.confirm, ""), "nothing to confirm", 0)
			expect(s.ask(t, "1.e", c.track, "A-1042"), "is being packed", 0)
			expect(s.ask(t, "1.f", c.cancel, "A-1042"), "Shall I cancel it?", c.contextAsked)
			expect(s.ask(t, "1.g", c.confirm, ""), "is cancelled", c.closed)
			expect(s.ask(t, "1.h", c.track, "A-1042"), "has been cancelled", 0)
			expect(s.ask(t, "1.i", c.cancel, "A-1042"), "already been cancelled", 0)
		})
	}
}

func TestEachTryHearsTheSame(t *testing.T) {
	client := open(t)
	confirm := func(requestID string) *intentgatev1.Reply {
		s := &session{
			client: client, platform: intentgatev1.Platform_PLATFORM_CX,
			parameters: map[string]*structpb.Value{"order_to_cancel": structpb.NewStringValue("B-2001")},
		}
		return s.ask(t, requestID, "confirm-cancel", "")
	}
	first := confirm("1.first")
	if again := confirm("1.first"); !proto.Equal(first, again) {
		t.Errorf("the second try hears %v, the first heard %v", again, first)
	}
	if other := confirm("1.other"); proto.Equal(first, other) {
		t.Errorf("another call hears the same: %v", other)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	shop := orders.New(monday)
	confirm := func(requestID string) string {
		t.Helper()
		ctx := caller.NewContext(t.Context(), &caller.Call{RequestID: requestID})
		resp, err := shop.Fulfill(ctx, request(t, `{"turn": {"platform": "PLATFORM_CX", "tag": "confirm-cancel",
			"sessionParameters": {"order_to_cancel": "B-2002"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetReply().GetTexts()[0]
	}
	first := confirm("first")
	for n := range 1023 {
		confirm(string(rune('a' + n)))
	}
	if confirm("first") != first {
		t.Error("forgotten too early")
	}
	if confirm("one more"); confirm("first") == first {
		t.Error("remembered for ever")
	}
}
