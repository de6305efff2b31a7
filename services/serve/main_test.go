package serve_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/serve"
)

func TestRunServesUntilItIsTold(t *testing.T) {
	files := mtlstest.NewCA(t).Files("dns:" + serverName)
	log := newJournal()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		var stdout bytes.Buffer
		ended <- serve.Run(ctx, []string{
			"--listen", "127.0.0.1:0", "--cert", files.Cert, "--key", files.Key, "--ca", files.CA,
			"--assert", gateway, "--allow", reports, "--log-format", "json",
		}, &stdout, log, serve.Config{Name: "orders", Register: hello.register})
	}()
	line := log.next(t, "Listening")
	if address, ok := line["address"].(string); !ok || !strings.HasPrefix(address, "127.0.0.1:") || strings.HasSuffix(address, ":0") {
		t.Errorf("the log does not say which address was chosen: %v", line)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRunHelps(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if err := serve.Run(t.Context(), []string{"--help"}, &stdout, &stderr, serve.Config{Name: "orders"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Example:", "orders --cert orders.pem", "--listen", "--cert", "--key", "--ca", "--assert", "--allow", "--log-format", "--descriptors",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("help does not mention %s", want)
		}
	}
	if strings.Contains(stdout.String(), "%!") || stderr.Len() > 0 {
		t.Errorf("help is\n%s\n%s", &stdout, &stderr)
	}
}

func TestRunRefusesCommandLines(t *testing.T) {
	files := mtlstest.NewCA(t).Files("dns:" + serverName)
	given := []string{"--cert", files.Cert, "--key", files.Key, "--ca", files.CA}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing":          {nil, "(--ca)\nAllowed and Asserting are both empty"},
		"nobody may call":  {given, "Asserting (--assert), such as dns:gateway.internal"},
		"unknown flag":     {append(given, "--asserting", gateway), "-asserting"},
		"argument":         {append(given, "--assert", gateway, "serve"), `unexpected argument "serve"`},
		"bad name":         {append(given, "--assert", "gateway"), "dns:<name> or uri:<id>"},
		"flag, no value":   {append(given, "--assert"), "-assert"},
		"unknown log form": {append(given, "--assert", gateway, "--log-format", "xml"), "want text or json"},
	} {
		t.Run(name, func(t *testing.T) {
			err := serve.Run(t.Context(), c.args, &bytes.Buffer{}, &bytes.Buffer{}, serve.Config{Name: "orders", Register: hello.register})
			var usage *serve.UsageError
			if !errors.As(err, &usage) || !strings.Contains(usage.Problem, c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
