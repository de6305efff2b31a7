package admin_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/channelz/grpc_channelz_v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/local"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/admin"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// dial connects as grpcurl -plaintext does.
func dial(t *testing.T, server *admin.Server, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(server.Addr().String(), append(options, grpc.WithTransportCredentials(local.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestAdminPanics has a panic end one call, and not the gateway.
func TestAdminPanics(t *testing.T) {
	config := adminConfig("127.0.0.1:0")
	config.Settings = func() ([]byte, error) { panic("a fault") }
	server, err := admin.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, server)
	client := gatewayv1.NewAdminServiceClient(dial(t, server))
	if _, err := client.GetConfig(t.Context(), &gatewayv1.GetConfigRequest{}); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "a fault") {
		t.Errorf("a panic is %v", err)
	}
	if _, err := client.ListRoutes(t.Context(), &gatewayv1.ListRoutesRequest{}); err != nil {
		t.Error(err)
	}
}

// TestAdminByGRPC calls everything that is served by gRPC.
func TestAdminByGRPC(t *testing.T) {
	config, reloaded := adminConfig("127.0.0.1:0"), 0
	outcome := error(nil)
	config.Reload = func() error {
		reloaded++
		return outcome
	}
	server, err := admin.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, server)
	conn := dial(t, server)

	client := gatewayv1.NewAdminServiceClient(conn)
	routes, err := client.ListRoutes(t.Context(), &gatewayv1.ListRoutesRequest{})
	if err != nil || len(routes.GetRoutes()) != 1 || routes.GetRoutes()[0].GetService() != "orders" {
		t.Errorf("routes: %v, %v", routes, err)
	}
	for want, err := range map[codes.Code]error{codes.OK: nil, codes.FailedPrecondition: errors.New("line 7"), codes.Unavailable: admin.ErrStopping} {
		outcome = err
		response, err := client.Reload(t.Context(), &gatewayv1.ReloadRequest{})
		if status.Code(err) != want || outcome != nil && !strings.Contains(err.Error(), outcome.Error()) {
			t.Errorf("a reload says %v, want %s", err, want)
		}
		if want == codes.OK && response.GetConfig().GetSha256() != "ab" {
			t.Errorf("reloaded: %v", response)
		}
	}
	if reloaded != 3 {
		t.Errorf("%d reloads", reloaded)
	}

	health := healthv1.NewHealthClient(conn)
	if got, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil || got.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", got, err)
	}
	config.Health.Draining()
	if got, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil || got.GetStatus() != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health while draining: %v, %v", got, err)
	}
	if _, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: "orders"}); status.Code(err) != codes.NotFound {
		t.Errorf("health of a service: %v", err)
	}

	channels, err := grpc_channelz_v1.NewChannelzClient(conn).GetTopChannels(t.Context(), &grpc_channelz_v1.GetTopChannelsRequest{})
	if err != nil || !slices.ContainsFunc(channels.GetChannel(), func(c *grpc_channelz_v1.Channel) bool { return c.GetData().GetTarget() == server.Addr().String() }) {
		t.Errorf("channelz does not know this very connection: %v, %v", channels, err)
	}

	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, service := range response.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	for _, want := range []string{gatewayv1.AdminService_ServiceDesc.ServiceName, "grpc.channelz.v1.Channelz", "grpc.health.v1.Health"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among %v", want, names)
		}
	}

	// A page that has its own name lead here may not call either.
	rebound := gatewayv1.NewAdminServiceClient(dial(t, server, grpc.WithAuthority("rebound.example")))
	if _, err := rebound.Reload(t.Context(), &gatewayv1.ReloadRequest{}); status.Code(err) != codes.PermissionDenied || reloaded != 3 {
		t.Errorf("by another name: %v", err)
	}
}

// TestAdminProfiles reads profiles, and stops in the middle of one and of a stream.
func TestAdminProfiles(t *testing.T) {
	server, err := admin.New(t.Context(), adminConfig("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	web := client(t, server.Addr())
	for url, want := range map[string]int{
		"/debug/pprof/":                  200,
		"/debug/pprof/heap?gc=1":         200,
		"/debug/pprof/goroutine?debug=1": 200,
		"/debug/pprof/cmdline":           200,
		"/debug/pprof/trace?seconds=0.1": 200,
		"/debug/pprof/none":              404,
	} {
		if got := get(t, web, http.MethodGet, "http://localhost"+url, nil); got.status != want || got.body == "" {
			t.Errorf("%s: %d, want %d", url, got.status, want)
		}
	}
	if got := get(t, web, http.MethodPost, "http://localhost/debug/pprof/profile", nil); got.status != http.StatusMethodNotAllowed {
		t.Errorf("POST of a profile: %d", got.status)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/debug/pprof/trace?seconds=600", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := web.Do(request) // it has begun
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	stream, err := reflectionv1.NewServerReflectionClient(dial(t, server)).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-served; err != nil {
		t.Errorf("the stop failed: %v", err)
	}
	_ = server.Close()
}
