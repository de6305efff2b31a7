package turns_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/intentgate/intentgate/gateway/bench/turns"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// TestTurns reads what is made as the gateway does: each turn is another one, of the size that was asked for.
func TestTurns(t *testing.T) {
	dir := t.TempDir()
	for platform, name := range map[string]string{"ES": "es", "CX": "cx"} {
		text, err := os.ReadFile("../../testdata/turns/" + name + "-order-track.good.json")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, platform+".json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		platform string
		as       dialogflow.Platform
		method   turns.Method
		size     int
	}{
		{"ES", dialogflow.ES, turns.Typed, 1400},
		{"ES", dialogflow.ES, turns.Canonical, 8 << 10},
		{"CX", dialogflow.CX, turns.IntentService, 1400},
		{"CX", dialogflow.CX, turns.Typed, 40 << 10},
	} {
		template, err := turns.Read(dir, c.platform, c.method, c.size)
		if err != nil {
			t.Fatal(err)
		}
		var before *dialogflow.Turn
		for n := uint64(7); n < 9; n++ { // of two sessions
			body, order := template.Body(n)
			if len(body) < c.size || len(body) > c.size*5/4 || !bytes.Contains(body, []byte(order)) {
				t.Errorf("%+v: %d bytes, of order %s", c, len(body), order)
			}
			turn, err := dialogflow.Read(c.as, body)
			if err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			name, tag := c.method.Intent()
			if turn.Intent.DisplayName != name && c.as == dialogflow.ES || turn.Tag != tag && c.as == dialogflow.CX {
				t.Errorf("%+v: intent %q, tag %q", c, turn.Intent.DisplayName, turn.Tag)
			}
			if before != nil && (turn.ID == before.ID || turn.Session.Name == before.Session.Name) {
				t.Errorf("%+v: two turns with the id %s, in the session %s", c, turn.ID, turn.Session.Name)
			}
			before = turn
		}
	}
	if _, err := turns.Read(t.TempDir(), "ES", turns.Typed, 0); err == nil {
		t.Error("a template that is not there is read")
	}
}
