package main

import (
	"context"
	"crypto/sha256"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// recorded returns the names of golden files without their suffix, and fails where there are fewer than the least.
func recorded(t *testing.T, folder, suffix string, least int) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../../testdata", folder, "*"+suffix))
	if err != nil || len(files) < least {
		t.Fatalf("%d files of %s/*%s, want at least %d: %v", len(files), folder, suffix, least, err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), suffix)
	}
	return files
}

func golden(t *testing.T, folder, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../testdata", folder, name)) //nolint:gosec // a file of this repository
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// pathOf is the webhook that a golden file is for, by the first part of its name.
func pathOf(name string) string {
	prefix, _, _ := strings.Cut(name, "-")
	return map[string]string{"es": esPath, "esbeta": esBetaPath, "cx": cxPath}[prefix]
}

// TestGoodTurns sends every good turn through HTTPS, gRPC and HTTPS, three times: as Dialogflow would try again, on another
// connection with its other certificate. The first time the service has no answer; the third try gets that of the second.
func TestGoodTurns(t *testing.T) {
	t.Parallel()
	g := start(t)
	for _, name := range recorded(t, "turns", ".good.json", 40) {
		t.Run(name, func(t *testing.T) {
			want := &intentgatev1.FulfillRequest{}
			if err := protojson.Unmarshal(golden(t, "turns", name+".fulfill.golden.json"), want); err != nil {
				t.Fatal(err)
			}
			body := string(golden(t, "turns", name+".good.json"))
			var ids []string
			said := "to " + name
			for try, certificate := range []*devca.Certificate{g.pki.SSLCom, g.pki.GTS, g.pki.SSLCom} {
				g.service.answers(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
					if try == 0 {
						return nil, status.Error(codes.Unimplemented, "not yet")
					}
					return says(said), nil
				})
				before := len(g.service.all())
				got := g.post(t, g.client(t, certificate.TLS(), false), pathOf(name), body)
				switch {
				case try == 0 && got.StatusCode != http.StatusNotImplemented:
					t.Errorf("status %d, body %s; want that of the service", got.StatusCode, got.body)
				case try == 0:
				case strings.HasPrefix(name, "cx-"):
					wantCX(t, got, said)
				default:
					wantES(t, got, said)
				}
				calls := g.service.all()[before:]
				if try == 2 {
					if len(calls) != 0 {
						t.Errorf("%d calls reached the service, which had answered", len(calls))
					}
					break
				}
				if len(calls) != 1 {
					t.Fatalf("%d calls reached the service, want 1", len(calls))
				}
				if !proto.Equal(calls[0].request, want) {
					t.Errorf("the service was asked\n%s\nwant\n%s", protojson.Format(calls[0].request), protojson.Format(want))
				}
				ids = append(ids, wantCall(t, &calls[0], want.GetTurn(), certificate))
			}
			if ids[0] != ids[1] {
				t.Errorf("request ids %q: the second try of a turn has another", ids)
			}
		})
	}
}

// wantCall checks who is said to call, and for which turn. It returns the request id.
func wantCall(t *testing.T, got *received, turn *intentgatev1.Turn, certificate *devca.Certificate) string {
	t.Helper()
	if got.call == nil {
		t.Fatal("the call has no caller")
	}
	stated := func(value string) *intentgatev1.Caller_Value {
		if value == "" {
			return nil
		}
		return &intentgatev1.Caller_Value{Value: value, Proof: intentgatev1.Caller_PROOF_STATED}
	}
	sum := sha256.Sum256(certificate.Leaf.Raw)
	var sans []string
	for _, name := range certificate.Leaf.DNSNames {
		sans = append(sans, "dns:"+name)
	}
	who := &intentgatev1.Caller{
		Platform: turn.GetPlatform(), ProjectId: stated("shop"), ProjectNumber: stated("415104041262"),
		Location: stated(turn.GetLocation()), Agent: stated(turn.GetAgent()), Environment: stated(turn.GetEnvironment()),
		Certificate: &intentgatev1.Caller_Certificate{
			Profile: "dev", Subject: certificate.Leaf.Subject.String(), Sans: sans,
			Issuer: certificate.Leaf.Issuer.String(), Sha256: sum[:],
		},
	}
	if !proto.Equal(got.call.Caller, who) {
		t.Errorf("the caller is\n%s\nwant\n%s", protojson.Format(got.call.Caller), protojson.Format(who))
	}
	id := got.call.RequestID
	ref := &intentgatev1.CallRef{Session: turn.GetSession(), TurnId: turn.GetId(), RequestId: id}
	if !strings.HasPrefix(id, "1.") || !proto.Equal(got.call.Ref, ref) {
		t.Errorf("the call is %s, want %s", protojson.Format(got.call.Ref), protojson.Format(ref))
	}
	if keys := got.metadata["intentgate-request-id"]; len(keys) != 1 || keys[0] != id {
		t.Errorf("intentgate-request-id is %q, want %q", keys, id)
	}
	return id
}

// TestBadTurns sends every bad turn: each is told what is wrong with it, and nobody else hears of it.
func TestBadTurns(t *testing.T) {
	t.Parallel()
	g := start(t)
	client := g.dialogflow(t)
	names := recorded(t, "turns", ".bad.json", 40)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			got := g.post(t, client, pathOf(name), string(golden(t, "turns", name+".bad.json")))
			want := strings.TrimSuffix(string(golden(t, "turns", name+".error.golden.txt")), "\n")
			if code, sentence := got.message(t); got.StatusCode != http.StatusBadRequest || code != codes.InvalidArgument || sentence != want {
				t.Errorf("status %d, code %s, %q; want 400 and %q", got.StatusCode, code, sentence, want)
			}
		})
	}
	if calls := g.service.all(); len(calls) != 0 {
		t.Errorf("%d calls reached the service", len(calls))
	}
	g.log.await(t, len(names), entry{"msg": "Turn", "outcome": "refused", "reason": "bad_request"})
}

// TestWebhookJSON has a route ask for the request as it came.
func TestWebhookJSON(t *testing.T) {
	t.Parallel()
	g := start(t, edit{"  - service: shop-orders", "  - {service: shop-orders, match: {platform: ES, intent: wel*}, webhook_json: true}"})
	client := g.dialogflow(t)
	body := esTurn("one")
	wantES(t, g.post(t, client, esPath, body), "heard one")
	if got := g.service.one(t, "one").request.GetWebhookJson(); string(got) != body {
		t.Errorf("webhook_json is %q, want %q", got, body)
	}

	// A turn that no route takes.
	got := g.post(t, client, cxPath, cxTurn("two"))
	if code, sentence := got.message(t); got.StatusCode != http.StatusNotFound || code != codes.NotFound || sentence != "no route takes this turn" {
		t.Errorf("status %d, %q", got.StatusCode, sentence)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "reason": "no_route"})
	if calls := g.service.of("two"); len(calls) != 0 {
		t.Error("a turn without a route reached the service")
	}
}
