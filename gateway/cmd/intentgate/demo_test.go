package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/simulator"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// TestDemo plays the conversation that people see first.
func TestDemo(t *testing.T) { // not parallel: what it leaves behind is looked for in the folder that all tests share
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	stdout, _, err := execute(t, "demo", "--once")
	if err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	turns := strings.Split(stdout, "\n━━ Dialogflow ")[1:]
	const fulfill, orders = "orders   /intentgate.v1.IntentService/Fulfill", "orders   /shop.orders.v1.OrderService/"
	const book = "appointments   /shop.appointments.v1.AppointmentService/BookAppointment"
	methods := []string{
		fulfill, orders + "TrackOrder", orders + "CancelOrder", orders + "ConfirmCancellation", orders + "ReturnOrder", book, book, fulfill,
	}
	if len(turns) != 2*len(methods) {
		t.Fatalf("%d turns, want %d:\n%s", len(turns), 2*len(methods), stdout)
	}
	for i, turn := range turns {
		platform, question, answer := "ES", `"queryText": `, `"fulfillmentText": `
		if i >= len(methods) {
			platform, question, answer = "CX", `"detectIntentResponseId": `, `"fulfillmentResponse": `
		}
		for _, want := range []string{
			platform + ": ", "Dialogflow → gateway   POST https://127.0.0.1:", question,
			"gateway → " + methods[i%len(methods)] + "\n", `caller    {"platform":"PLATFORM_` + platform,
			`"projectId":{"value":"shop","proof":"PROOF_ID_TOKEN"}`, `"certificate":{"profile":"dev"`, `"requestId":"1.`, `request   {"`,
			"gateway → Dialogflow   HTTP 200 after ", answer, "the user hears: ",
		} {
			if !strings.Contains(turn, want) {
				t.Errorf("turn %d does not show %q:\n%s", i+1, want, turn)
			}
		}
		if answered := map[bool]string{false: `response  {"`, true: `status    {"code":9,`}[i%len(methods) == 5]; !strings.Contains(turn, answered) {
			t.Errorf("turn %d does not show %q:\n%s", i+1, answered, turn)
		}
		if !regexp.MustCompile(`HTTP 200 after [0-9.]+(µs|ms|s)\n`).MatchString(turn) {
			t.Errorf("turn %d does not tell its time:\n%s", i+1, turn)
		}
	}
	for _, typed := range []string{`request   {"orderId":"A-1042","language":"en"}`, `"warehouseNote":"bay 4, fragile"`, `"refund":{"currencyCode":"EUR","units":"29"}`} {
		if !strings.Contains(stdout, typed) {
			t.Errorf("no typed message shows %s:\n%s", typed, stdout)
		}
	}
	for _, offered := range []string{`"quickReplies": [`, `"type": "chips"`, `"alternatives": [`} {
		if !strings.Contains(stdout, offered) {
			t.Errorf("what can be had instead is not offered: no %s", offered)
		}
	}
	for answer := range strings.SplitSeq(stdout, "gateway → Dialogflow") {
		if answer, _, _ = strings.Cut(answer, "the user hears"); strings.Contains(answer, "HTTP 200") && strings.Contains(answer, "fragile") {
			t.Errorf("what the warehouse wrote leaves the house:\n%s", answer)
		}
	}
	if strings.Contains(stdout, "simulate") {
		t.Errorf("it tells how to go on, although it ends:\n%s", stdout)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// TestDemoNotices has the user hear something else than the conversation wants.
func TestDemoNotices(t *testing.T) {
	t.Parallel()
	g := start(t)
	client, err := simulator.New(simulator.Config{URL: g.Edge + esPath, TLS: g.clientTLS(g.pki.SSLCom.TLS())})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var out strings.Builder
	d := demo{out: &out, edge: g.Edge, pki: g.pki, calls: make(chan call)}
	err = d.say(t.Context(), simulator.NewConversation(client, demoAgent), line{simulator.Utterance{Text: "Hi", Intent: "i"}, "Hello"}, esPath)
	if err == nil || !strings.Contains(err.Error(), "no call reached the service") {
		t.Errorf("error is %v, want one that no call was seen", err)
	}
	seen := make(chan call, 1)
	seen <- call{}
	d.calls = seen
	err = d.say(t.Context(), simulator.NewConversation(client, demoAgent), line{simulator.Utterance{Text: "Hi", Intent: "i"}, "Hello"}, esPath)
	if err == nil || !strings.Contains(err.Error(), `"Hello" is wanted`) {
		t.Errorf("error is %v, want one about what the user hears", err)
	}
	g.service.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		return nil, status.Error(codes.Internal, "broken")
	})
	seen <- call{}
	err = d.say(t.Context(), simulator.NewConversation(client, demoAgent), line{simulator.Utterance{Text: "Hi", Intent: "i"}, ""}, esPath)
	if err == nil || !strings.Contains(err.Error(), "HTTP status is 500") {
		t.Errorf("error is %v, want one about the status", err)
	}
}

// TestCerts writes a PKI by the command and serves with it.
func TestCerts(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	certs := filepath.Join(dir, certsFolder)
	if err := os.RemoveAll(certs); err != nil {
		t.Fatal(err)
	}
	stdout, _, err := execute(t, "certs", "--out", certs, "--host", hosts, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest pki.Manifest
	if err := json.Unmarshal([]byte(stdout), &manifest); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	if manifest.Dir != certs || !slices.ContainsFunc(manifest.Files, func(f pki.File) bool { return f.Path == pki.SSLComKey && f.Secret }) {
		t.Errorf("the manifest is %+v", manifest)
	}
	for _, file := range manifest.Files {
		if info, err := os.Stat(filepath.Join(certs, file.Path)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file.Path, err)
		}
	}
	s := startService(t, dir, "127.0.0.1:0")
	configure(t, dir, edit{"127.0.0.1:1\n", s.addr + "\n"})
	g := serveFolder(t, dir)
	for i, name := range []string{"dialogflow-ssl-com", "dialogflow-gts"} {
		exit, out := command(t, "", "curl", "-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "25",
			"--resolve", "any.gate.test:"+g.port()+":127.0.0.1", "--cacert", g.file("edge-ca.pem"),
			"--cert", g.file(name+".pem"), "--key", g.file(name+".key"),
			"--header", "Content-Type: application/json", "--data-binary", esTurn(name), "https://any.gate.test:"+g.port()+esPath)
		if exit != 0 || !strings.Contains(out, "heard "+name) || len(s.all()) != i+1 {
			t.Errorf("%s: exit status %d\n%s", name, exit, out)
		}
	}
	if _, _, err := execute(t, "certs", "--out", certs); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("error is %v, want one about the folder", err)
	}
}

// TestNextSunday has the demo be played on any day.
func TestNextSunday(t *testing.T) {
	for today := time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC); today.Year() < 2034; today = today.AddDate(0, 0, 1) {
		day := nextSunday(today)
		if ahead := day.Sub(today); day.Weekday() != time.Sunday || ahead < 12*time.Hour || ahead > 22*24*time.Hour {
			t.Errorf("on %s: %s", today, day)
		}
		switch monday := day.AddDate(0, 0, 1).Format("01-02"); monday {
		case "12-25", "12-26", "01-01":
			t.Errorf("on %s: %s, before a holiday", today, day)
		}
	}
}
