package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/serve"
)

// behind is a service that others call for the gateway's caller. It keeps for whom.
type behind struct {
	ordersv1.UnimplementedOrderServiceServer

	heard chan *caller.Call
}

func (b behind) TrackOrder(ctx context.Context, r *ordersv1.TrackOrderRequest) (*ordersv1.TrackOrderResponse, error) {
	call, _ := caller.FromContext(ctx)
	b.heard <- call
	return &ordersv1.TrackOrderResponse{OrderId: proto.String(r.GetOrderId())}, nil
}

// TestForwarding has a service pass the gateway's caller on to another one, which believes the gateway's signature alone: whatever else the
// first one makes of it is refused, and so is everybody else who has got hold of it.
func TestForwarding(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	write(t, filepath.Join(dir, "tokens.key"), tokenKey(t))
	settings := edit{"routes:\n", "caller_tokens: {issuer: \"https://gateway.internal\", trust_domain: shop.internal, keys: [tokens.key], per_turn: ALWAYS}\nroutes:\n"}
	configure(t, dir, settings)
	var set bytes.Buffer
	if err := run(t.Context(), []string{"jwks", "--config", filepath.Join(dir, configFile)}, &set, io.Discard); err != nil {
		t.Fatal(err)
	}
	jwks := filepath.Join(dir, "jwks.json")
	write(t, jwks, set.Bytes())
	files := func(name string) mtls.Files {
		file := func(name string) string { return filepath.Join(dir, certsFolder, name) }
		return mtls.Files{Cert: file(name + ".pem"), Key: file(name + ".key"), CA: file("internal-ca.pem")}
	}

	var ahead atomic.Int64
	last := behind{heard: make(chan *caller.Call, 1)}
	second := startService(t, dir, "127.0.0.1:0", func(c *serve.Config) {
		c.TLS, c.Asserting, c.Now = files("stores"), nil, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		c.Register = func(r grpc.ServiceRegistrar) { ordersv1.RegisterOrderServiceServer(r, last) }
		c.Tokens = &serve.Tokens{
			Keys: jwks, TrustDomain: "shop.internal", Issuer: "https://gateway.internal", Forwarders: []string{"dns:orders.internal=intentgate.v1.IntentService"},
		}
	})
	by := func(name string) ordersv1.OrderServiceClient {
		t.Helper()
		identity, err := mtls.Open(files(name), mtls.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := grpc.NewClient(second.addr, grpc.WithTransportCredentials(identity.ClientCredentials("stores.internal")))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return ordersv1.NewOrderServiceClient(conn)
	}
	first := startService(t, dir, "127.0.0.1:0", func(c *serve.Config) {
		c.Tokens = &serve.Tokens{Keys: jwks, TrustDomain: "shop.internal", Issuer: "https://gateway.internal"}
	})
	orders, thief, gateway := by("orders"), by("callcenter"), by("gateway")
	configure(t, dir, settings, edit{"127.0.0.1:1\n", first.addr + "\n"})
	g := serveFolder(t, dir)
	g.service = first
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	client := g.dialogflow(t)

	var earlier metadata.MD // of the first turn
	for _, test := range []struct {
		turn, want string
		with       ordersv1.OrderServiceClient
		ahead      time.Duration
		change     func(md metadata.MD) metadata.MD
	}{
		{"as it came", "", orders, 0, func(md metadata.MD) metadata.MD { return md }},
		{"nobody's", "PermissionDenied", orders, 0, func(metadata.MD) metadata.MD { return nil }},
		{"without a token", "TOKEN_MISSING", orders, 0, func(md metadata.MD) metadata.MD { delete(md, caller.MetadataToken); return md }},
		{"another caller's", "TOKEN_CALLER", orders, 0, func(md metadata.MD) metadata.MD {
			claimed := &intentgatev1.Caller{}
			if err := proto.Unmarshal([]byte(md[caller.MetadataCaller][0]), claimed); err != nil {
				t.Error(err)
			}
			claimed.ProjectId = &intentgatev1.Caller_Value{Value: "bank", Proof: intentgatev1.Caller_PROOF_ID_TOKEN}
			altered, err := proto.Marshal(claimed)
			if err != nil {
				t.Error(err)
			}
			md.Set(caller.MetadataCaller, string(altered))
			return md
		}},
		{"an earlier turn's token", "TOKEN_TURN", orders, 0, func(md metadata.MD) metadata.MD { md[caller.MetadataToken] = earlier[caller.MetadataToken]; return md }},
		{"after its time", "TOKEN_EXPIRED", orders, time.Hour, func(metadata.MD) metadata.MD { return earlier }},
		{"stolen", "PermissionDenied", thief, 0, func(md metadata.MD) metadata.MD { return md }},
		{"of the gateway's certificate", "PermissionDenied", gateway, 0, func(md metadata.MD) metadata.MD { return md }},
		{"as it came, again", "", orders, 0, func(md metadata.MD) metadata.MD { return md }},
	} {
		ahead.Store(int64(test.ahead))
		first.answers(func(ctx context.Context, request *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
			out, err := caller.Forward(ctx)
			if err != nil {
				return nil, err
			}
			md, _ := metadata.FromOutgoingContext(out)
			if earlier == nil {
				earlier = md.Copy()
			}
			_, err = test.with.TrackOrder(metadata.NewOutgoingContext(ctx, test.change(md)), &ordersv1.TrackOrderRequest{OrderId: "1"})
			if got := refusal(err); got != test.want {
				t.Errorf("%s: %q instead of %q: %v", test.turn, got, test.want, err)
			}
			return says("heard " + request.GetTurn().GetId()), nil
		})
		wantES(t, g.post(t, client, esPath, esTurn(test.turn)), "heard "+test.turn)
		if test.want != "" {
			continue
		}
		got, sent := <-last.heard, first.one(t, test.turn).call
		if !proto.Equal(got.Caller, sent.Caller) || !proto.Equal(got.Ref, sent.Ref) || got.RequestID != sent.RequestID || got.Peer.SANs[0] != "dns:orders.internal" {
			t.Errorf("%s: the second service was called for %v, %v, by %q; the first one for %v, %v", test.turn, got.Caller, got.Ref, got.Peer.SANs, sent.Caller, sent.Ref)
		}
	}
	if len(last.heard) > 0 {
		t.Errorf("the second service was called for %v", <-last.heard)
	}
}

// refusal is why a service refuses a call, as far as it says: in capitals, or the status.
func refusal(err error) string {
	if err == nil {
		return ""
	}
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "intentgate" {
			return info.GetReason()
		}
	}
	return status.Code(err).String()
}
