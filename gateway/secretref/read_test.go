package secretref_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/secretref"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

func TestRead(t *testing.T) {
	folder := t.TempDir()
	file := func(text string) *gatewayv1.Secret {
		path := filepath.Join(folder, strconv.Itoa(len(text)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return &gatewayv1.Secret{File: path}
	}
	t.Setenv("GOOD", "from the environment\n")
	t.Setenv("EMPTY", "")
	t.Setenv("TEXT", "zwei\nZeilen")
	t.Setenv("LARGE", strings.Repeat("x", 4097))
	const good = "0123456789abcdef"
	for name, test := range map[string]struct {
		from *gatewayv1.Secret
		want string // the secret, or what the error says
	}{
		"file":            {file(good), good},
		"line end":        {file(good + "\r\n"), good},
		"variable":        {&gatewayv1.Secret{Env: "GOOD"}, "from the environment"},
		"not set":         {&gatewayv1.Secret{Env: "NOT_SET_AT_ALL"}, "the environment variable NOT_SET_AT_ALL is not set"},
		"empty variable":  {&gatewayv1.Secret{Env: "EMPTY"}, "$EMPTY: it is empty"},
		"lines":           {&gatewayv1.Secret{Env: "TEXT"}, "$TEXT: holds what a header cannot carry"},
		"a large one":     {&gatewayv1.Secret{Env: "LARGE"}, "$LARGE: larger than 4096 bytes"},
		"no file":         {&gatewayv1.Secret{File: filepath.Join(folder, "other")}, "no such file"},
		"a folder":        {&gatewayv1.Secret{File: folder}, "is no file"},
		"none of the two": {&gatewayv1.Secret{}, "is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := secretref.Read(test.from, 16)
			switch {
			case err == nil && got != test.want:
				t.Errorf("%q, want %q", got, test.want)
			case err != nil && !strings.Contains(err.Error(), test.want):
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
	if _, err := secretref.Read(file(good), 17); err == nil || !strings.Contains(err.Error(), "a secret of 16 bytes; want at least 17") || strings.Contains(err.Error(), good) {
		t.Errorf("a short one: %v", err)
	}
}
