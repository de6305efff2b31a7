package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/pki"
)

// TestDemo plays the conversations that people see first, as far as they are for the services in Go.
func TestDemo(t *testing.T) { // not parallel: what it leaves behind is looked for in the folder that all tests share
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Chdir(t.TempDir()) // out of the checkout
	stdout, stderr, err := execute(t, "demo", "--once")
	if err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	for _, want := range []string{
		"Left out: stores is run in a checkout of IntentGate\nLeft out: loyalty is run in a checkout of IntentGate\nLeft out: payments is ",
		`Left out of the conversations, therefore: "Which of your branches is near Bonn?", `, `, "How many points are on my card, L-9007?", `,
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("it does not say %q:\n%s", want, stderr)
		}
	}
	turns := regexp.MustCompile(`(?m)^ {4}turn [0-9]+: `).Split(stdout, -1)[1:]
	const fulfill, orders = "intentgate.v1.IntentService/Fulfill", "shop.orders.v1.OrderService/"
	const book = "shop.appointments.v1.AppointmentService/BookAppointment"
	methods := []string{
		fulfill, orders + "TrackOrder", orders + "CancelOrder", orders + "ConfirmCancellation", orders + "ReturnOrder", book, book, fulfill,
		orders + "TrackOrder", book, // in German
	}
	if len(turns) != 2*len(methods) {
		t.Fatalf("%d turns, want %d:\n%s", len(turns), 2*len(methods), stdout)
	}
	for i, turn := range turns {
		platform, question, answer := "ES", `"queryText": `, `"fulfillmentText": `
		if i >= len(methods) {
			platform, question, answer = "CX", `"detectIntentResponseId": `, `"fulfillmentResponse": `
		}
		answered := map[bool]string{false: `response  {"`, true: `status    {"code":9,`}[i%len(methods) == 5]
		for _, want := range []string{
			"POST https://127.0.0.1:", question, "call " + methods[i%len(methods)] + "\n", `caller    {"platform":"PLATFORM_` + platform,
			`"projectId":{"value":"shop","proof":"PROOF_ID_TOKEN"}`, `"certificate":{"profile":"dev"`, `"requestId":"1.`, `request   {"`, answered,
			answer, "Dialogflow would\n          say: ",
		} {
			if !strings.Contains(turn, want) {
				t.Errorf("turn %d does not show %q:\n%s", i+1, want, turn)
			}
		}
		if !regexp.MustCompile(`HTTP 200 after [0-9.]+(µs|ms|s), TLS 1.3\n`).MatchString(turn) {
			t.Errorf("turn %d does not tell its time:\n%s", i+1, turn)
		}
		if _, answer, _ := strings.Cut(turn, "HTTP 200"); strings.Contains(answer, "fragile") {
			t.Errorf("what the warehouse wrote leaves the house:\n%s", answer)
		}
	}
	for _, shown := range []string{
		`request   {"orderId":"A-1042","language":"en"}`, `"warehouseNote":"bay 4, fragile"`, `"refund":{"currencyCode":"EUR","units":"29"}`,
		`"quickReplies": [`, `"type": "chips"`, `"alternatives": [`, // what can be had instead
		`"subject":"CN=Google LLC`, `"subject":"CN=*.dialogflow.com`,
	} {
		if !strings.Contains(stdout, shown) {
			t.Errorf("it does not show %s:\n%s", shown, stdout)
		}
	}
	if strings.Contains(stdout, "Ctrl-C") {
		t.Errorf("it tells how to go on, although it ends:\n%s", stdout)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
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
