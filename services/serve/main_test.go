package serve_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"

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

// door is what a service opens: it notes what becomes of it.
type door struct{ opened, closed bool }

func (d *door) Open() (io.Closer, error) {
	d.opened = true
	return d, nil
}

func (d *door) Close() error {
	d.closed = true
	return errors.New("it squeaks")
}

func TestRunOpensAndCloses(t *testing.T) {
	files := mtlstest.NewCA(t).Files("dns:" + serverName)
	args := []string{"--listen", "127.0.0.1:0", "--cert", files.Cert, "--key", files.Key, "--ca", files.CA, "--assert", gateway, "--store", "there"}
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	store := flags.String("store", "here", "")
	log := newJournal()
	var d door
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		config := serve.Config{Name: "orders", Flags: flags, Open: d.Open, Register: func(r grpc.ServiceRegistrar) {
			if !d.opened || *store != "there" {
				t.Errorf("handlers are registered with the store %q, opened: %t", *store, d.opened)
			}
			hello.register(r)
		}}
		ended <- serve.Run(ctx, append(args, "--log-format", "json"), io.Discard, log, config)
	}()
	log.next(t, "Listening")
	stop()
	if err := <-ended; err == nil || err.Error() != "it squeaks" || !d.closed {
		t.Errorf("closed: %t, error %v, want what closing said", d.closed, err)
	}

	// Where it cannot be opened nobody is answered, and who only wants to know something opens nothing.
	fails := func() (io.Closer, error) { return nil, errors.New("locked") }
	err := serve.Run(t.Context(), args, io.Discard, io.Discard, serve.Config{Name: "orders", Flags: flags, Open: fails, Register: hello.register})
	if err == nil || !strings.Contains(err.Error(), `service "orders": locked`) {
		t.Errorf("error %v, want that it is locked", err)
	}
	for _, args := range [][]string{{"--help"}, {"--descriptors", filepath.Join(t.TempDir(), "d")}} {
		if err := serve.Run(t.Context(), args, io.Discard, io.Discard, serve.Config{Name: "orders", Open: fails, Register: hello.register}); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestRunHelps(t *testing.T) {
	var stdout, stderr bytes.Buffer
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.String("store", "orders.db", "the `FILE` of the orders")
	flags.Bool("dry", false, "deliver nothing")
	if err := serve.Run(t.Context(), []string{"--help"}, &stdout, &stderr, serve.Config{Name: "orders", Flags: flags}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Example:", "orders --cert orders.pem", "--listen", "--cert", "--key", "--ca", "--assert", "--allow", "--log-format", "--descriptors", "--probe",
		"  --store FILE          the FILE of the orders (default orders.db)\n", "  --dry                 deliver nothing",
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
