package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// TestAdmin asks what is served, on the listener for that.
func TestAdmin(t *testing.T) {
	t.Parallel()
	g := start(t, edit{"  - service: shop-orders\n", "  - {service: shop-orders, match: {platform: ES, intent: order.*}}\n  - {service: shop-orders}\n"})
	var version struct{ Version, Revision, GoVersion, StartTime string }
	decode(t, get(t, g.Admin+"/v1/version"), &version)
	if !strings.HasPrefix(version.GoVersion, "go1.") || version.StartTime == "" || version.Version == "" {
		t.Errorf("the version is %+v", version)
	}
	var routes struct {
		Routes []struct{ Match, Service, Method string }
	}
	decode(t, get(t, g.Admin+"/v1/routes"), &routes)
	if len(routes.Routes) != 2 || routes.Routes[0].Match != "platform=ES intent=order.*" || routes.Routes[1].Match != "any" ||
		routes.Routes[1].Service != serviceName || routes.Routes[1].Method != intentgatev1.IntentService_Fulfill_FullMethodName {
		t.Errorf("the routes are %+v", routes.Routes)
	}
	var services struct {
		Services []struct {
			Name, Target, State string
			Required            bool
		}
	}
	decode(t, get(t, g.Admin+"/v1/services"), &services)
	if len(services.Services) != 1 || services.Services[0].Name != serviceName || services.Services[0].State != "STATE_READY" ||
		services.Services[0].Target != g.service.addr || !services.Services[0].Required {
		t.Errorf("the services are %+v", services.Services)
	}
	if got := get(t, g.Admin+"/dialogflow/es"); got.StatusCode != http.StatusNotFound {
		t.Errorf("the admin listener answers a webhook's path with %d", got.StatusCode)
	}
}

func decode(t *testing.T, got answer, into any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil || got.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v: %s", got.StatusCode, err, got.body)
	}
}

// TestStatus asks how the gateway is.
func TestStatus(t *testing.T) {
	t.Parallel()
	g := start(t)
	client := g.dialogflow(t)
	wantES(t, g.post(t, client, esPath, `{"newField":1,`+esTurn("unknown")[1:]), "heard unknown")
	wantES(t, g.post(t, client, esPath, esTurn("known")), "heard known")
	wantCX(t, g.post(t, client, cxPath, cxTurn("cx")), "heard cx")
	if got := g.post(t, client, esPath, "{}"); got.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", got.StatusCode)
	}
	g.log.await(t, 4, entry{"msg": "Turn"})

	if got := get(t, g.Status+"/livez"); got.StatusCode != http.StatusOK || got.body != "ok\n" {
		t.Errorf("/livez is %d %q", got.StatusCode, got.body)
	}
	status, ready := g.readiness(t)
	if status != http.StatusOK || !ready.Ready || !ready.Listening || ready.Draining || len(ready.Services) != 1 || ready.Services[0].State != "READY" {
		t.Errorf("/readyz is %d %+v", status, ready)
	}
	metrics := get(t, g.Status+"/metrics").body
	for _, want := range []string{
		`intentgate_turns_total{agent="",answer="service",code="OK",method="/intentgate.v1.IntentService/Fulfill",outcome="answered",platform="ES",project="shop",reason="",service="shop-orders"} 2`,
		`intentgate_turns_total{agent="",answer="service",code="OK",method="/intentgate.v1.IntentService/Fulfill",outcome="answered",platform="CX",project="shop",reason="",service="shop-orders"} 1`,
		`intentgate_turns_total{agent="",answer="",code="InvalidArgument",method="",outcome="refused",platform="ES",project="",reason="bad_request",service=""} 1`,
		`intentgate_handshakes_total{profile="dev",reason="",result="accepted"} 1`,
		`intentgate_unknown_fields_total{name="newField"} 1`,
		`intentgate_turn_duration_seconds_count{outcome="answered",platform="ES",service="shop-orders"} 2`,
		`intentgate_service_state{service="shop-orders",state="ready"} 1`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("the metrics have no line %s", want)
		}
	}
	if t.Failed() {
		t.Log(metrics)
	}
	// What users say, and which session they are in, is no operator's business.
	if all := g.log.String(); strings.Contains(all, "hello") || strings.Contains(all, "s-1") {
		t.Errorf("the log tells too much:\n%s", all)
	}
}

// TestAuditLog has the decisions on identities go to a file of their own.
func TestAuditLog(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := startService(t, dir, "127.0.0.1:0")
	configure(t, dir, edit{"127.0.0.1:1\n", s.addr + "\n"})
	path := filepath.Join(dir, "audit.jsonl")
	if err := os.WriteFile(path, []byte(`{"msg":"before"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := serveFolder(t, dir, "--audit-log", path)
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	wantES(t, g.post(t, g.dialogflow(t), esPath, esTurn("one")), "heard one")
	if _, err := send(g.client(t, g.pki.Refused.Expired.TLS(), false), g.request(t.Context(), t, esPath, esTurn("two"))); err == nil {
		t.Error("an expired certificate was accepted")
	}
	g.log.await(t, 1, entry{"msg": "Handshake refused"})
	if err := g.wait(t); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path) //nolint:gosec // of this test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var trail []entry
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		trail = append(trail, e)
	}
	if len(trail) != 4 || trail[0]["msg"] != "before" || trail[1]["msg"] != "Configuration loaded" || trail[1]["by"] != "start" ||
		trail[2]["msg"] != "Connection accepted" || trail[3]["reason"] != "expired" {
		t.Errorf("the audit log has %v", trail)
	}
	if lines := g.log.now(entry{"msg": "Connection accepted"}); len(lines) != 0 {
		t.Errorf("the log has the audit trail, too: %v", lines)
	}

	// Standard output is a file, too, and nobody else's then.
	ctx, stop := context.WithCancel(t.Context())
	out, told := newJournal(), newJournal()
	go func() {
		told.await(t, 1, entry{"msg": "Serving"})
		stop()
	}()
	if err := run(ctx, []string{"serve", "--config", filepath.Join(dir, configFile), "--log-format", "json", "--audit-log", "-"}, out, told); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Count(text, "\n") != 1 || len(out.now(entry{"msg": "Configuration loaded"})) != 1 {
		t.Errorf("standard output has %s", text)
	}

	// Without a file it goes into the log, which has refused handshakes already.
	g = serveFolder(t, dir, "--audit-log", "")
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	wantES(t, g.post(t, g.dialogflow(t), esPath, esTurn("three")), "heard three")
	if _, err := send(g.client(t, g.pki.Refused.Expired.TLS(), false), g.request(t.Context(), t, esPath, esTurn("four"))); err == nil {
		t.Error("an expired certificate was accepted")
	}
	g.log.await(t, 1, entry{"msg": "Handshake refused"})
	accepted, refused := g.log.now(entry{"log": "audit", "msg": "Connection accepted"}), g.log.now(entry{"msg": "Connection refused"})
	if len(accepted) != 1 || len(refused) != 0 {
		t.Errorf("the log has %v and %v of the audit trail", accepted, refused)
	}
}
