package mux_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/mux"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// service notes what of a request reached it.
type service struct {
	gatewayv1.UnimplementedAdminServiceServer
	metadata metadata.MD
	deadline bool
	calls    int
	err      error
}

func (s *service) ListServices(ctx context.Context, _ *gatewayv1.ListServicesRequest) (*gatewayv1.ListServicesResponse, error) {
	s.calls++
	s.metadata, _ = metadata.FromIncomingContext(ctx)
	_, s.deadline = ctx.Deadline()
	if err := grpc.SetHeader(ctx, metadata.Pairs("set-cookie", "a=b")); err != nil {
		return nil, err
	}
	if err := grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "t")); err != nil {
		return nil, err
	}
	return &gatewayv1.ListServicesResponse{Services: []*gatewayv1.ServiceState{
		{Name: "orders", State: gatewayv1.ServiceState_STATE_READY},
		{},
	}}, s.err
}

// newService returns a router with a generated service.
func newService(t *testing.T, s *service) http.Handler {
	t.Helper()
	m := mux.New(http.MethodGet, nil)
	if err := gatewayv1.RegisterAdminServiceHandlerServer(t.Context(), m, s); err != nil {
		t.Fatal(err)
	}
	return m
}

// newPaths returns a router with paths, whose handler notes the path and the names of the headers.
func newPaths(t *testing.T) (handler http.Handler, posts *[]string) {
	t.Helper()
	m := mux.NewPaths(http.MethodPost, nil)
	posts = &[]string{}
	for _, path := range []string{"/dialogflow/es", "/dialogflow/cx/", "/a:b/*/{c}"} {
		err := m.Handle(path, func(_ http.ResponseWriter, r *http.Request) {
			*posts = append(*posts, path)
			for name := range r.Header {
				*posts = append(*posts, name)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return m, posts
}

// do returns what the handler answered, read to its end.
func do(t *testing.T, handler http.Handler, method, target string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader("{}"))
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestHeadersStayOutside(t *testing.T) {
	s := &service{}
	hostile := http.Header{
		"Grpc-Metadata-Intentgate-Caller-Bin": {"AAAA"},
		"Grpc-Metadata-X":                     {"injected"},
		"Grpc-Timeout":                        {"1n"},
		"Cookie":                              {"c=d"},
		"From":                                {"x@example.com"},
		"X-Forwarded-For":                     {"10.9.8.7"},
		"X-Forwarded-Host":                    {"evil.example"},
		"Te":                                  {"trailers"},
	}
	response := do(t, newService(t, s), http.MethodGet, "/v1/services", hostile)
	if response.Code != http.StatusOK || s.deadline {
		t.Errorf("status %d, deadline %v: Grpc-Timeout had an effect", response.Code, s.deadline)
	}
	for key, values := range s.metadata {
		// The two that grpc-gateway derives from the connection and the request line.
		if want := map[string]string{"x-forwarded-for": "192.0.2.1", "x-forwarded-host": "example.com"}[key]; !slices.Equal(values, []string{want}) {
			t.Errorf("metadata %s = %q reached the service", key, values)
		}
	}
	var names []string
	for name := range response.Header() {
		names = append(names, name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{"Content-Type"}) { // a recorder keeps trailers there, too
		t.Errorf("response headers %q", names)
	}

	handler, posts := newPaths(t)
	hostile.Set("Authorization", "Bearer x")
	do(t, handler, http.MethodPost, "/dialogflow/es", hostile)
	slices.Sort(*posts)
	if want := []string{"/dialogflow/es", "Authorization", "Cookie", "From"}; !slices.Equal(*posts, want) {
		t.Errorf("the path's handler saw %q, want %q", *posts, want)
	}
	if hostile.Get("Grpc-Timeout") == "" {
		t.Error("changed the request of its caller")
	}
}

func TestBodiesAreMinimal(t *testing.T) {
	response := do(t, newService(t, &service{}), http.MethodGet, "/v1/services", http.Header{"Accept": {"application/x-protobuf"}})
	var body any
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"services":[{"name":"orders","state":"STATE_READY"},{}]}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRouting(t *testing.T) {
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	override := http.Header{"X-Http-Method-Override": {"GET"}, "Content-Type": form["Content-Type"]}
	for _, test := range []struct {
		method, target string
		header         http.Header
		status         int
		allow          string
	}{
		{"POST", "/dialogflow/es", nil, 200, ""},
		{"POST", "/dialogflow/es?x=y", nil, 200, ""},
		{"POST", "/dialogflow/cx/", nil, 200, ""},
		{"POST", "/a:b/*/{c}", nil, 200, ""}, // literal, every character
		{"POST", "/a:b/*/%7Bc%7D", nil, 404, ""},
		{"POST", "/a:b/x/y", nil, 404, ""},
		{"POST", "/a/*/{c}:b", nil, 404, ""},
		{"GET", "/dialogflow/es", nil, 405, "POST"},
		{"HEAD", "/dialogflow/es", nil, 405, "POST"},
		{"OPTIONS", "/dialogflow/cx/", nil, 405, "POST"},
		{"BREW", "/dialogflow/es", nil, 405, "POST"},
		{"POST", "/dialogflow/es/", nil, 404, ""},
		{"POST", "/dialogflow/cx", nil, 404, ""},
		{"POST", "/dialogflow//es", nil, 404, ""},
		{"POST", "//dialogflow/es", nil, 404, ""},
		{"POST", "/dialogflow/./es", nil, 404, ""},
		{"POST", "/x/../dialogflow/es", nil, 404, ""},
		{"POST", "/dialogflow%2Fes", nil, 404, ""},
		{"POST", "/dialogflow/%65s", nil, 404, ""},
		{"POST", "/dialogflow/es:verb", nil, 404, ""},
		{"POST", "/dialogflow/:", nil, 404, ""},
		{"POST", "/", nil, 404, ""},
		{"GET", "/v1/version", nil, 501, ""}, // the stub does not implement it
		{"POST", "/v1/services", nil, 405, "GET"},
		{"POST", "/v1/services", form, 405, "GET"},
		{"POST", "/v1/services", override, 405, "GET"},
		{"GET", "/v1/services/", nil, 404, ""},
	} {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			s := &service{}
			handler, posts := newPaths(t)
			if strings.HasPrefix(test.target, "/v1/") {
				handler = newService(t, s)
			}
			response := do(t, handler, test.method, test.target, test.header)
			if response.Code != test.status || response.Header().Get("Allow") != test.allow {
				t.Errorf("status %d, Allow %q; want %d, %q", response.Code, response.Header().Get("Allow"), test.status, test.allow)
			}
			if test.status == http.StatusOK {
				return
			}
			if len(*posts) != 0 || s.calls != 0 {
				t.Error("a handler ran")
			}
			if test.method == http.MethodHead {
				return
			}
			var body struct {
				Code    codes.Code
				Message string
			}
			decoder := json.NewDecoder(response.Body)
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&body); err != nil || body.Message == "" || body.Code == codes.OK {
				t.Errorf("body %+v, %v", body, err)
			}
			if got := response.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("content type %q", got)
			}
		})
	}
}

func TestAsterisk(t *testing.T) {
	handler, _ := newPaths(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, "/", http.NoBody)
	r.URL.Path = "*"
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("status %d", w.Code)
	}
}

func TestCallErrors(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		body   string
	}{
		{status.Error(codes.NotFound, "no such thing"), 404, `{"code":5,"message":"no such thing"}`},
		{status.Error(codes.Unauthenticated, "who"), 401, `{"code":16,"message":"who"}`},
		{errors.New("dial 10.0.0.1: secret"), 500, `{"code":13,"message":"internal"}`},
	} {
		response := do(t, newService(t, &service{err: test.err}), http.MethodGet, "/v1/services", nil)
		var body json.RawMessage
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		if response.Code != test.status || string(body) != test.body {
			t.Errorf("%v: %d %s, want %d %s", test.err, response.Code, body, test.status, test.body)
		}
		if response.Header().Get("Www-Authenticate") != "" {
			t.Error("the status's message became a challenge")
		}
	}
}

func TestHandleRefusesRelativePath(t *testing.T) {
	if err := mux.NewPaths(http.MethodPost, nil).Handle("dialogflow", func(http.ResponseWriter, *http.Request) {}); err == nil {
		t.Error("accepted a path without a slash")
	}
}

func BenchmarkHandle(b *testing.B) {
	m := mux.NewPaths(http.MethodPost, nil)
	if err := m.Handle("/dialogflow/es", func(http.ResponseWriter, *http.Request) {}); err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/dialogflow/es", http.NoBody)
	r.Header = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Google-Dialogflow"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "Authorization": {"Bearer x"}}
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		m.ServeHTTP(w, r)
	}
}
