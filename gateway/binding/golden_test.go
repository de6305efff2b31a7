package binding_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/binding"
)

var update = flag.Bool("update", false, "write the golden files anew; look at the difference before committing it")

// TestCallGolden makes the request for every good turn of testdata/turns: dropping a file in adds a case.
func TestCallGolden(t *testing.T) {
	const suffix = ".good.json"
	files, err := filepath.Glob("../testdata/turns/*" + suffix)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d turns, %v", len(files), err)
	}
	orders := binding.NewIntentService(binding.IntentServiceOptions{Context: "shop-orders"})
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), suffix)
		t.Run(name, func(t *testing.T) {
			call, err := orders.Call(read(t, platformOf(name), string(readFile(t, file))))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, suffix)+".fulfill.golden.json", document(t, request(t, call.Request)))
		})
	}
}

// document is a message as JSON for people to read. protojson varies its white space on purpose; this does not.
func document(tb testing.TB, message proto.Message) []byte {
	tb.Helper()
	text, err := protojson.Marshal(message)
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		tb.Fatal(err)
	}
	out.WriteByte('\n')
	return out.Bytes()
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil { //nolint:gosec // golden files are for everybody to read
			t.Fatal(err)
		}
		return
	}
	want := readFile(t, path)
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func readFile(tb testing.TB, path string) []byte {
	tb.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // the path is of this repository
	if err != nil {
		tb.Fatalf("%v: a golden file is made by running the test with -update", err)
	}
	return text
}
