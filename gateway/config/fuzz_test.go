package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
)

// FuzzLoad: no bytes make the reader panic; they are a configuration that holds its schema's rules, or problems with a
// position and one line of text each. What is accepted loads again as it is printed.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file) //nolint:gosec // A file of testdata.
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a: \"\u2028\"\r\rb: [\u0085x]\r"))
	f.Add([]byte("edge: " + strings.Repeat("[", 5000)))
	f.Add([]byte("? [a]\n: b\n"))
	folder, err := filepath.Abs("testdata")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		loaded, err := loading{now: time.Now()}.parse("fuzz.yaml", folder, data)
		if err == nil {
			if err := protovalidate.Validate(loaded); err != nil {
				t.Errorf("accepted against the schema's rules: %v", err)
			}
			text, err := Print(loaded)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := (loading{now: time.Now()}).parse("printed.yaml", folder, text); err != nil || !proto.Equal(again, loaded) {
				t.Errorf("printed, it is another one: %v\n%s", err, text)
			}
			return
		}
		var bad *Error
		if !errors.As(err, &bad) || len(bad.Problems) == 0 {
			t.Fatalf("%T: %v", err, err)
		}
		for _, problem := range bad.Problems {
			if problem.Line < 1 || problem.Column < 1 || problem.Text == "" || strings.ContainsAny(problem.Text, "\n\r") {
				t.Errorf("%q", problem)
			}
		}
	})
}
