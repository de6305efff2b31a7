package serve_test

import (
	"context"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/serve"
)

// TestProbe serves the probe with the flag alone. What it answers is judged where the conformance kit is tested.
func TestProbe(t *testing.T) {
	ca := mtlstest.NewCA(t)
	files := ca.Files("dns:" + serverName)
	for _, c := range []struct {
		flags []string
		want  codes.Code
	}{{nil, codes.Unimplemented}, {[]string{"--probe"}, codes.OK}} {
		log := newJournal()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			args := append(c.flags, "--listen", "127.0.0.1:0", "--cert", files.Cert, "--key", files.Key, "--ca", files.CA, "--assert", gateway, "--log-format", "json")
			ended <- serve.Run(ctx, args, io.Discard, log, serve.Config{Name: "orders", Register: hello.register})
		}()
		address, _ := log.next(t, "Listening")["address"].(string)
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(ca.Identity(gateway).ClientCredentials(serverName)))
		if err != nil {
			t.Fatal(err)
		}
		calling, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err = conformancev1.NewProbeServiceClient(conn).Echo(calling, &conformancev1.EchoRequest{})
		cancel()
		if status.Code(err) != c.want {
			t.Errorf("%q: got %v, want %s", c.flags, err, c.want)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
