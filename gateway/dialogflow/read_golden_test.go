package dialogflow_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// turns holds recorded bodies. A file's name begins with its platform and ends in its verdict: beside <name>.good.json
// stands the Turn that it is, beside <name>.bad.json the error that it leads to. Dropping a file in adds a test.
const turns = "../testdata/turns"

// recorded calls test with each of the recorded bodies.
func recorded(tb testing.TB, test func(name string, platform dialogflow.Platform, good bool, body []byte)) {
	tb.Helper()
	for _, verdict := range []string{"good", "bad"} {
		files, err := filepath.Glob(filepath.Join(turns, "*."+verdict+".json"))
		if err != nil || len(files) == 0 {
			tb.Fatalf("no %s turns in %s: %v", verdict, turns, err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file) //nolint:gosec // the file is of this repository
			if err != nil {
				tb.Fatal(err)
			}
			name := strings.TrimSuffix(filepath.Base(file), "."+verdict+".json")
			platform := dialogflow.ES
			if strings.HasPrefix(name, "cx-") {
				platform = dialogflow.CX
			}
			test(name, platform, verdict == "good", body)
		}
	}
}

func TestReadRecorded(t *testing.T) {
	recorded(t, func(name string, platform dialogflow.Platform, good bool, body []byte) {
		t.Run(name, func(t *testing.T) {
			before := string(body)
			turn, err := dialogflow.Read(platform, body)
			if string(body) != before {
				t.Fatal("the body was changed")
			}
			if !good {
				if se := (*dialogflow.SyntaxError)(nil); !errors.As(err, &se) {
					t.Fatalf("got %+v and error %v, want a *SyntaxError", turn, err)
				}
				golden(t, filepath.Join(turns, name+".error.golden.txt"), []byte(err.Error()+"\n"))
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join(turns, name+".turn.golden.json"), render(t, turn))
		})
	})
}

// render writes a Turn in full, but for the body and what is zero.
func render(tb testing.TB, turn *dialogflow.Turn) []byte {
	tb.Helper()
	shown := *turn
	shown.Body = nil
	quirks := make(map[string]uint32)
	for q, n := range turn.Quirks {
		if n > 0 {
			quirks[dialogflow.Quirk(q).String()] = n
		}
	}
	b, err := json.Marshal(&shown, jsontext.WithIndent("  "), json.OmitZeroStructFields(true), json.Deterministic(true),
		jsontext.PreserveRawStrings(true), json.WithMarshalers(json.JoinMarshalers(
			json.MarshalToFunc(func(enc *jsontext.Encoder, p dialogflow.Platform) error {
				return enc.WriteToken(jsontext.String(p.String()))
			}),
			json.MarshalToFunc(func(enc *jsontext.Encoder, k dialogflow.InputKind) error {
				return enc.WriteToken(jsontext.String(k.String()))
			}),
			json.MarshalToFunc(func(enc *jsontext.Encoder, c *dialogflow.Context) error {
				return json.MarshalEncode(enc, struct {
					Name       string
					Lifespan   int32
					Parameters dialogflow.Parameters
				}{c.Name, c.Lifespan, c.Parameters()}, json.OmitZeroStructFields(true))
			}),
			json.MarshalToFunc(func(enc *jsontext.Encoder, q [len(turn.Quirks)]uint32) error {
				return json.MarshalEncode(enc, quirks, json.Deterministic(true))
			}),
		)))
	if err != nil {
		tb.Fatal(err)
	}
	return append(b, '\n')
}
