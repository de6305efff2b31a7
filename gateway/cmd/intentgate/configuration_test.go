package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/process"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/orders"
)

var reloaded = entry{"msg": "Configuration reloaded"}

// reconfigure replaces the configuration file.
func (g *gate) reconfigure(t *testing.T, text string) {
	t.Helper()
	next := filepath.Join(g.dir, ".next.yaml")
	write(t, next, []byte(text))
	rename(t, next, filepath.Join(g.dir, configFile))
}

// world is a configuration, with the service that it leads to.
type world struct {
	name, profile, number string
	service               *service
	text                  string
}

// makeWorld makes a configuration that differs from those of other names in everything that one turn can show, as does its service.
func makeWorld(t *testing.T, dir, name, number string) *world {
	t.Helper()
	w := &world{name: name, profile: "profile-" + name, number: number, service: startService(t, dir, "127.0.0.1:0")}
	w.service.answers(func(_ context.Context, r *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		if strings.HasPrefix(r.GetTurn().GetId(), "fails") {
			return nil, status.Error(codes.Internal, private)
		}
		return says("service of " + name), nil
	})
	shop := startShop(t, dir, "127.0.0.1:0", orders.New(time.Now()))
	w.text = edited(t, edit{"127.0.0.1:1\n", w.service.addr + "\n"}, typed(shop.addr, "reflection: {}"),
		edit{"status:", "fallback: {text: {default: words of " + name + "}}\nstatus:"})
	w.text = strings.NewReplacer("415104041262", number, "name: dev,", "name: "+w.profile+",", "[dev]", "["+w.profile+"]").Replace(w.text)
	return w
}

// whole says whether a turn was treated by this configuration alone.
func (w *world) whole(t *testing.T, turn string, call received, got answer) {
	t.Helper()
	want := "service of " + w.name
	if strings.HasPrefix(turn, "fails") {
		want = "words of " + w.name
	}
	caller := call.call.Caller
	if !strings.Contains(got.body, want) || caller.GetCertificate().GetProfile() != w.profile || caller.GetProjectNumber().GetValue() != w.number {
		t.Errorf("turn %s came to the service of %s from %v, and the answer is %s", turn, w.name, caller, got.body)
	}
}

// TestConfigurationChangesUnderLoad has two configurations alternate while turns come without a pause: each is answered, by one of them.
func TestConfigurationChangesUnderLoad(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	one, other := makeWorld(t, dir, "one", "415104041262"), makeWorld(t, dir, "other", "7")
	write(t, filepath.Join(dir, configFile), []byte(one.text))
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Intents learnt"})
	g.log.await(t, 2, entry{"msg": "Service reachable"})

	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]answer{}
	for i := range 6 {
		client := g.client(t, g.pki.SSLCom.TLS(), i%3 == 0)
		callers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("%s-%d-%d", []string{"works", "fails", "typed"}[n%3], i, n)
				body := esTurn(id)
				if n%3 == 2 {
					body = strings.Replace(tracking("order.track"), `"1"`, `"`+id+`"`, 1)
				}
				got, err := send(client, g.request(context.WithoutCancel(ctx), t, esPath, body))
				if err != nil || got.StatusCode != http.StatusOK || n%3 == 2 && !strings.Contains(got.body, "A-1042") {
					t.Errorf("turn %s: %v %s %v", id, got.Response, got.body, err)
					return
				}
				mu.Lock()
				answers[id] = got
				mu.Unlock()
			}
		})
	}
	for n := 1; n <= 20; n++ {
		g.reconfigure(t, []*world{one, other}[n%2].text)
		g.log.await(t, n, reloaded)
	}
	stop()
	callers.Wait()

	calls := 0
	for _, w := range []*world{one, other} {
		all := w.service.all()
		if len(all) < 20 {
			t.Errorf("%d turns by %s: want many", len(all), w.name)
		}
		for _, call := range all {
			w.whole(t, call.request.GetTurn().GetId(), call, answers[call.request.GetTurn().GetId()])
		}
		calls += len(all)
	}
	for id := range answers {
		if strings.HasPrefix(id, "typed") {
			delete(answers, id)
		}
	}
	if calls != len(answers) {
		t.Errorf("%d calls for %d turns", calls, len(answers))
	}
}

// TestBadNewConfiguration has the file be no good, in each way that it can be: nothing changes, and operators are told.
func TestBadNewConfiguration(t *testing.T) {
	t.Parallel()
	g := start(t)
	client := g.dialogflow(t)
	path := filepath.Join(g.dir, configFile)
	good, err := os.ReadFile(path) //nolint:gosec // of this test
	if err != nil {
		t.Fatal(err)
	}
	kept := entry{"msg": "Kept what is in force because the new files are no good", "level": "WARN", "name": "config"}
	cannot := "cannot change while the gateway runs"
	for i, bad := range []struct{ old, new, problem string }{
		{"webhooks:", "webhook:", "unknown key \"webhook\""},
		{"certs/gateway.key", "certs/nobody.key", "nobody.key\" does not exist"},
		{"certs/gateway.key", "certs/edge.key", "edge.key is not the key of"},
		{"edge:\n  listen: \"127.0.0.1:0\"", "edge:\n  listen: \"127.0.0.1:1\"", ":2:11: edge.listen: \"127.0.0.1:1\", and \"127.0.0.1:0\" is in force; it " + cannot},
		{"admin: {listen: \"127.0.0.1:0\"}\n", "", "admin.listen: \"\", and"},
		{"webhooks:\n", "  limits: {connections: 7, idle_timeout: 1s}\nwebhooks:\n", "edge.limits.idle_timeout: \"1s\", and \"2m0s\" is in force; it " + cannot},
	} {
		text := strings.Replace(string(good), bad.old, bad.new, 1)
		g.reconfigure(t, text)
		lines := g.log.await(t, i+1, kept)
		if told := lines[len(lines)-1].text("error"); !strings.Contains(told, bad.problem) || !strings.Contains(told, path+":") {
			t.Errorf("the log says %q, want %q", told, bad.problem)
		}
		wantES(t, g.post(t, client, esPath, esTurn(fmt.Sprint(i))), "heard "+fmt.Sprint(i))
	}
	if body := get(t, g.Status+"/readyz").body; !strings.HasPrefix(body, `{"ready":true`) || !strings.Contains(body, `"bad_files":[{"name":"config","since":"`) {
		t.Errorf("readiness: %s", body)
	}
	g.measures(t, `intentgate_files_good{name="config"} 0`, `intentgate_config_good 0`, `intentgate_config_reloads_total{result="failed"} `)
	if lines := g.audit.await(t, 6, entry{"msg": "Configuration refused", "by": "file", "file": path}); !strings.Contains(lines[0].text("error"), "unknown key") {
		t.Errorf("the audit log has %v", lines)
	}
	if changed := g.log.now(reloaded); len(changed) > 0 {
		t.Errorf("it was changed: %v", changed)
	}

	// A comment is nothing new, and what was bad is good again.
	g.reconfigure(t, "# a comment\n"+string(good))
	g.log.await(t, 1, entry{"msg": "Files are good again", "name": "config"})
	if body := get(t, g.Status+"/readyz").body; strings.Contains(body, "bad_files") {
		t.Errorf("readiness: %s", body)
	}
	g.measures(t, `intentgate_files_good{name="config"} 1`, `intentgate_config_good 1`)
	g.audit.await(t, 1, entry{"msg": "Configuration changed", "by": "file"})
	if changed := g.log.now(reloaded); len(changed) > 0 {
		t.Errorf("it was changed: %v", changed)
	}
}

// measures wants lines of metrics.
func (g *gate) measures(t *testing.T, lines ...string) {
	t.Helper()
	metrics := get(t, g.Status+"/metrics").body
	for _, line := range lines {
		if !strings.Contains(metrics, "\n"+line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// TestProfileIsRemoved takes the profile away that a client came by: its connection, which lives, is refused.
func TestProfileIsRemoved(t *testing.T) {
	t.Parallel()
	agents := agentCA(t, "agents")
	dir := folder(t)
	if err := agents.WriteFile(filepath.Join(dir, certsFolder, "agents.pem")); err != nil {
		t.Fatal(err)
	}
	s := startService(t, dir, "127.0.0.1:0")
	to := edit{"127.0.0.1:1\n", s.addr + "\n"}
	configure(t, dir, append(own("roots: {file: certs/agents.pem}"), to)...)
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	agent, google := g.client(t, agentOf(t, agents), false), g.dialogflow(t)
	wantES(t, g.post(t, agent, esPath, esTurn("before")), "heard before")
	wantES(t, g.post(t, google, esPath, esTurn("google")), "heard google")

	g.reconfigure(t, edited(t, to))
	line := g.log.await(t, 1, reloaded)[0]
	if fmt.Sprint(line["removed"], line["changed"], line["added"]) != "[edge.clients.own] [webhooks./dialogflow/es] <nil>" {
		t.Errorf("the log says %v", line)
	}
	got := g.post(t, agent, esPath, esTurn("after"))
	if got.StatusCode != http.StatusForbidden || !got.Close {
		t.Errorf("status %d, close %t; want 403 and the connection closed", got.StatusCode, got.Close)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "reason": "subject_mismatch"})
	if _, err := send(agent, g.request(t.Context(), t, esPath, esTurn("again"))); err == nil {
		t.Error("a new connection was accepted")
	}
	if calls := append(s.of("after"), s.of("again")...); len(calls) > 0 {
		t.Errorf("%d calls for a client that is trusted no longer", len(calls))
	}
	wantES(t, g.post(t, google, esPath, esTurn("google after")), "heard google after")
	if accepted := g.audit.now(entry{"msg": "Connection accepted"}); len(accepted) != 2 {
		t.Errorf("%d connections: the one that is good should have lived", len(accepted))
	}
}

// TestHangup has SIGHUP put the configuration in force, whether it is another one or not.
func TestHangup(t *testing.T) { // not parallel: the signal is for the whole process
	g := start(t)
	hangup := func() {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	hangup()
	line := g.log.await(t, 1, reloaded)[0]
	if line["added"] != nil || line["removed"] != nil || line["changed"] != nil {
		t.Errorf("the log says %v", line)
	}
	write(t, g.file(pki.GatewayKey), []byte("none"))
	hangup()
	g.log.await(t, 1, entry{"msg": "Kept what is in force because the new files are no good", "name": "config"})
	wantES(t, g.post(t, g.dialogflow(t), esPath, esTurn("after")), "heard after")
	g.audit.await(t, 1, entry{"msg": "Configuration changed", "by": "SIGHUP"})
	g.audit.await(t, 1, entry{"msg": "Configuration refused", "by": "SIGHUP"})
}

// TestConfigurationAwaitsServices moves a service to where nobody is yet: turns go to where it was until it has come, or has not
// come for too long.
func TestConfigurationAwaitsServices(t *testing.T) { // not parallel, so that no other test takes the address meanwhile
	for name, patience := range map[string]time.Duration{"comes": patience, "does not come": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			g := &gate{pki: keys(t), dir: folder(t), log: newJournal(), audit: newJournal(), done: make(chan struct{})}
			old, late := startService(t, g.dir, "127.0.0.1:0"), free(t)
			configure(t, g.dir, edit{"127.0.0.1:1\n", old.addr + "\n"})
			g.serveInside(t, time.Now, func(c *process.Config) { c.Patience = patience })
			g.log.await(t, 1, entry{"msg": "Service reachable"})
			client := g.dialogflow(t)
			g.reconfigure(t, edited(t, edit{"127.0.0.1:1\n", late + "\n"}))
			g.log.await(t, 1, entry{"msg": "Service unreachable", "target": late})
			lagging := entry{"msg": "Configuration is in force before its services can be called"}
			if name == "does not come" {
				if line := g.log.await(t, 1, lagging)[0]; fmt.Sprint(line["services"]) != "["+serviceName+"]" {
					t.Errorf("the log says %v", line)
				}
				g.log.await(t, 1, reloaded)
				if got := g.post(t, client, esPath, esTurn("nobody there")); got.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("status %d", got.StatusCode)
				}
				// What could not be called before is not waited for.
				g.reconfigure(t, edited(t, edit{"127.0.0.1:1\n", late + "\n"}, edit{"  - service: shop-orders", "  - {service: shop-orders, webhook_json: true}"}))
				g.log.await(t, 2, reloaded)
				if lines := g.log.now(lagging); len(lines) != 1 {
					t.Errorf("it waited: %v", lines)
				}
				return
			}
			for i := range 50 { // as long as another configuration takes, did it not wait
				said := fmt.Sprint("meanwhile ", i)
				wantES(t, g.post(t, client, esPath, esTurn(said)), "heard "+said)
				old.one(t, said)
			}
			// What changes while it waits follows, as one change.
			words := edit{"status:", "fallback: {text: {default: Sorry}}\nstatus:"}
			g.reconfigure(t, edited(t, edit{"127.0.0.1:1\n", late + "\n"}, words))
			g.reconfigure(t, edited(t, edit{"127.0.0.1:1\n", late + "\n"}, words, edit{"  - service: shop-orders", "  - {service: shop-orders, webhook_json: true}"}))
			now := startService(t, g.dir, late)
			if line := g.log.await(t, 2, reloaded)[1]; fmt.Sprint(line["added"], line["changed"], line["removed"]) != "[fallback] [routes] <nil>" {
				t.Errorf("the log says %v", line)
			}
			if lines := g.log.now(lagging); len(lines) > 0 {
				t.Errorf("it did not wait: %v", lines)
			}
			wantES(t, g.post(t, client, esPath, esTurn("moved")), "heard moved")
			now.one(t, "moved")
		})
	}
}

// TestConfigMap has the configuration come as Kubernetes mounts it, and change as it does: by a link beside the file.
func TestConfigMap(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := startService(t, dir, "127.0.0.1:0")
	settings := edited(t, edit{"127.0.0.1:1\n", s.addr + "\n"})
	publish := byLink(t, dir)
	publish(t, map[string][]byte{configFile: []byte(settings)})
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	client := g.dialogflow(t)
	if status := g.post(t, client, "/dialogflow/moved", esTurn("too early")).StatusCode; status != http.StatusNotFound {
		t.Fatalf("before: %d", status)
	}
	publish(t, map[string][]byte{configFile: []byte("none")})
	g.log.await(t, 1, entry{"msg": "Kept what is in force because the new files are no good", "name": "config"})
	wantES(t, g.post(t, client, esPath, esTurn("still")), "heard still")
	publish(t, map[string][]byte{configFile: []byte(strings.Replace(settings, "path: "+esPath+"\n", "path: /dialogflow/moved\n", 1))})
	g.log.await(t, 1, reloaded)
	wantES(t, g.post(t, client, "/dialogflow/moved", esTurn("moved")), "heard moved")
}
