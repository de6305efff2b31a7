package admin_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/admin"
)

// TestBadFilesShow proves that readiness tells of bad files, since when, and no longer once they are good, and that a gateway
// that goes on with what it has is ready all the same.
func TestBadFilesShow(t *testing.T) {
	var files admin.Files
	health, err := admin.NewHealth(admin.Sources{Services: func() []admin.Service { return nil }, Files: files.All})
	if err != nil {
		t.Fatal(err)
	}
	health.Listening()
	noon := time.Date(2026, 11, 22, 13, 0, 0, 0, time.FixedZone("", 3600))
	shows := func(want string) {
		t.Helper()
		w := httptest.NewRecorder()
		health.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		_, files, _ := strings.Cut(strings.TrimSpace(w.Body.String()), `"services":[]`)
		if w.Code != http.StatusOK || files != want+"}" {
			t.Errorf("%d %s, want 200 …%s}", w.Code, w.Body, want)
		}
	}
	files.Read("edge.clients", nil, noon)
	shows(``)
	files.Read("services.orders", errors.New("ca.pem: empty"), noon)
	files.Read("edge.clients", errors.New("roots.pem: no PEM block"), noon.Add(time.Minute))
	files.Read("services.orders", errors.New("orders.key: gone"), noon.Add(time.Hour)) // still bad, in another way
	shows(`,"bad_files":[{"name":"edge.clients","since":"2026-11-22T12:01:00Z","error":"roots.pem: no PEM block"},` +
		`{"name":"services.orders","since":"2026-11-22T12:00:00Z","error":"orders.key: gone"}]`)
	files.Read("services.orders", nil, noon.Add(2*time.Hour))
	files.Read("edge.clients", nil, noon.Add(2*time.Hour))
	shows(``)
}
