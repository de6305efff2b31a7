package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/orders"
)

// TestTurnKeepsItsConfiguration changes the configuration in the middle of a turn, and stops the gateway in the middle of another one.
func TestTurnKeepsItsConfiguration(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	old, fresh := startService(t, dir, "127.0.0.1:0"), startService(t, dir, "127.0.0.1:0")
	configure(t, dir, edit{"127.0.0.1:1\n", old.addr + "\n"}, edit{"status:", "fallback: {text: {default: the old words}}\nstatus:"}, typedSettings("unborn", "127.0.0.1:1", "reflection: {}, allow: {intents: [unborn]}"))
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	asked, finish := make(chan struct{}), make(chan struct{})
	slow := func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		asked <- struct{}{}
		<-finish
		return nil, status.Error(codes.Internal, private)
	}
	old.answers(slow)
	client := g.dialogflow(t)
	turn := func(id string) <-chan answer {
		answered, request := make(chan answer, 1), g.request(t.Context(), t, esPath, esTurn(id))
		go func() {
			got, err := send(client, request)
			if err != nil {
				t.Errorf("turn %s: %v", id, err)
			}
			answered <- got
		}()
		<-asked
		return answered
	}
	inFlight := turn("on the old")
	next := strings.NewReplacer("shop-orders", "shop-fresh", old.addr, fresh.addr).Replace(edited(t, edit{"127.0.0.1:1\n", fresh.addr + "\n"}))
	g.reconfigure(t, next)
	line := g.log.await(t, 1, reloaded)[0]
	if fmt.Sprint(line["added"], line["removed"], line["changed"]) != "[services.shop-fresh] [fallback services.shop-orders services.unborn] [routes]" {
		t.Errorf("the log says %v", line)
	}
	wantES(t, g.post(t, client, esPath, esTurn("on the new")), "heard on the new")
	fresh.one(t, "on the new")
	metrics := get(t, g.Status+"/metrics").body
	for _, gone := range []string{`intentgate_service_state{service="shop-orders"`, `intentgate_intents_methods{`, `intentgate_files_good{name="services.shop-orders"`, `kind="service",name="unborn"`} {
		if strings.Contains(metrics, gone) {
			t.Errorf("the metrics still tell of %s", gone)
		}
	}
	g.measures(t, `intentgate_service_state{service="shop-fresh",state="ready"} 1`, `intentgate_config_reloads_total{result="reloaded"} 1`, "intentgate_config_loaded_timestamp_seconds 1.")
	if _, ready := g.readiness(t); len(ready.Services) != 1 || ready.Services[0].Name != "shop-fresh" {
		t.Errorf("readiness: %+v", ready)
	}
	if body := get(t, g.Admin+"/v1/routes").body; !strings.Contains(body, "shop-fresh") {
		t.Errorf("routes: %s", body)
	}
	if len(inFlight) > 0 {
		t.Error("the turn in flight was cut off")
	}
	finish <- struct{}{}
	wantES(t, <-inFlight, "the old words")

	fresh.answers(slow)
	inFlight = turn("while it stops")
	g.stop()
	until(t, "draining", func() bool {
		_, ready := g.readiness(t)
		return ready.Draining
	})
	g.reconfigure(t, strings.ReplaceAll(next, "shop-fresh", "shop-late"))
	g.log.await(t, 1, entry{"msg": "Configuration not reloaded", "error": "the gateway is stopping"})
	finish <- struct{}{}
	if got := <-inFlight; got.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d", got.StatusCode)
	}
	if changed := g.log.now(reloaded); len(changed) != 1 {
		t.Errorf("%d changes", len(changed))
	}
}

// TestBoundsChange has a new bound on turns hold at once, also for those of before.
func TestBoundsChange(t *testing.T) {
	t.Parallel()
	g := start(t)
	asked, finish := make(chan struct{}), make(chan struct{})
	g.service.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		asked <- struct{}{}
		<-finish
		return says("late"), nil
	})
	client, first := g.dialogflow(t), make(chan answer, 1)
	request := g.request(t.Context(), t, esPath, esTurn("first"))
	go func() {
		got, err := send(client, request)
		if err != nil {
			t.Error(err)
		}
		first <- got
	}()
	<-asked
	g.reconfigure(t, edited(t, edit{"127.0.0.1:1\n", g.service.addr + "\n"}, edit{"webhooks:\n", "  limits: {turns: 1}\nwebhooks:\n"}))
	g.log.await(t, 1, reloaded)
	if got := g.post(t, client, esPath, esTurn("second")); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", got.StatusCode)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "reason": "overloaded_turns"})
	close(finish)
	wantES(t, <-first, "late")
}

// TestContinuationOutlivesItsConfiguration takes a service out of the configuration that a turn is to hear of later.
func TestContinuationOutlivesItsConfiguration(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	old, fresh := startService(t, dir, "127.0.0.1:0"), startService(t, dir, "127.0.0.1:0")
	finish := make(chan struct{})
	old.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		<-finish
		return says("at last"), nil
	})
	short := edit{"platform: ES\n", "platform: ES\n    timeout: 500ms\n    reserve: 100ms\n"}
	configure(t, dir, edit{"127.0.0.1:1\n", old.addr + "\n"}, short, edit{"  - service: shop-orders\n", "  - {service: shop-orders, continue_for: 60s}\n"})
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	client := g.dialogflow(t)
	got := g.post(t, client, esPath, esTurn("slow"))
	_, rest, _ := strings.Cut(got.body, `"nonce":"`)
	nonce, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("status %d, %s; want an event with a nonce", got.StatusCode, got.body)
	}
	g.reconfigure(t, strings.ReplaceAll(edited(t, edit{"127.0.0.1:1\n", fresh.addr + "\n"}), "shop-orders", "shop-fresh"))
	g.log.await(t, 1, reloaded)
	wantES(t, g.post(t, client, esPath, esTurn("new")), "heard new")
	close(finish)
	wantES(t, g.post(t, client, esPath, strings.NewReplacer(`"queryText":"hello"`, `"queryText":"intentgate-continue","outputContexts":[`+
		`{"name":"projects/shop/agent/sessions/s-1/contexts/intentgate-continue","parameters":{"nonce":"`+nonce+`"}}]`).Replace(esTurn("later"))), "at last")
	old.one(t, "slow")
}

// TestIntentsOutliveTheirService reloads while a service is down that has told its intents: those are still known, and the others
// still another's.
func TestIntentsOutliveTheirService(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	shop := startShop(t, dir, "127.0.0.1:0", orders.New(time.Now()))
	s := startService(t, dir, "127.0.0.1:0")
	edits := []edit{{"127.0.0.1:1\n", s.addr + "\n"}, typed(shop.addr, "reflection: {}")}
	configure(t, dir, edits...)
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Intents learnt"})
	g.log.await(t, 2, entry{"msg": "Service reachable"})
	shop.stop()
	g.log.await(t, 1, entry{"msg": "Service unreachable", "service": "orders"})
	g.reconfigure(t, edited(t, append(edits, edit{"    platform: CX\n", "    platform: CX\n    timeout: 9s\n"})...))
	g.log.await(t, 1, reloaded)
	client := g.dialogflow(t)
	if got := g.post(t, client, esPath, tracking("order.track")); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", got.StatusCode)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "service": "orders", "reason": "unavailable"})
	wantES(t, g.post(t, client, esPath, tracking("order.unknown")), "heard 1")

	g.reconfigure(t, edited(t, edits[0], typed("127.0.0.1:1", "reflection: {}"))) // another service of its name
	g.log.await(t, 2, reloaded)
	if got := g.post(t, client, esPath, tracking("order.unknown")); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", got.StatusCode)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "reason": "not_learnt"})
}

// TestReloadsLeaveNothing reloads many times, with turns between, and counts goroutines and open files.
func TestReloadsLeaveNothing(t *testing.T) { // not parallel, since it counts what is the whole process's
	g := &gate{pki: keys(t), dir: folder(t), log: newJournal(), audit: newJournal(), done: make(chan struct{})}
	w := makeWorld(t, g.dir, "one", "7")
	write(t, filepath.Join(g.dir, configFile), []byte(w.text))
	hangups := g.serveInside(t, time.Now)
	client := g.client(t, g.pki.SSLCom.TLS(), false)
	reload := func(n int) {
		t.Helper()
		hangups <- syscall.SIGHUP
		g.log.await(t, n, reloaded)
		wantES(t, g.post(t, client, esPath, esTurn(fmt.Sprintf("works-%d", n))), "service of one")
	}
	open := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return 0 // another system
		}
		return len(files)
	}
	for n := 1; n <= 5; n++ {
		reload(n)
	}
	goroutines, files := runtime.NumGoroutine(), open()
	for n := 6; n <= 55; n++ {
		reload(n)
	}
	until(t, "as few goroutines and open files as before", func() bool {
		return runtime.NumGoroutine() <= goroutines+5 && open() <= files+5
	})
}
