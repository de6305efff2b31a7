package serve_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
	"github.com/intentgate/intentgate/services/serve"
)

// A call passes the log line, then the recovery, then the rules about callers, then comes the handler. So the line tells
// of the stranger whom the rules refuse, no handler is reached by one, and a handler that panics is an internal error
// for the caller and for the line.
func ExampleServer() {
	say := func(words ...any) { _, _ = fmt.Fprintln(os.Stdout, words...) }
	err := inTempDir(func(dir string, ca *devca.Authority) error {
		files, err := issue(ca, dir, "orders.internal")
		if err != nil {
			return err
		}
		server, err := serve.New(context.Background(), serve.Config{
			Name:    "orders",
			Listen:  "127.0.0.1:0",
			TLS:     files,
			Allowed: []string{"dns:reports.internal"},
			Logger:  exampleLogger(os.Stdout),
			Register: handler(func(context.Context, *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
				say("the handler runs, and panics")
				panic("out of stock")
			}).register,
		})
		if err != nil {
			return err
		}
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(ctx) }()
		for _, name := range []string{"stranger.internal", "reports.internal"} {
			files, err := issue(ca, dir, name)
			if err != nil {
				return err
			}
			say(name, "gets", call(server.Addr().String(), files))
		}
		stop()
		return <-ended
	})
	say(err)

	// Output:
	// level=WARN msg=Call method=/intentgate.v1.IntentService/Fulfill code=PermissionDenied peer=[dns:stranger.internal]
	// stranger.internal gets PermissionDenied
	// the handler runs, and panics
	// level=ERROR msg=Panic method=/intentgate.v1.IntentService/Fulfill value="out of stock"
	// level=ERROR msg=Call method=/intentgate.v1.IntentService/Fulfill code=Internal peer=[dns:reports.internal] error="internal error"
	// reports.internal gets Internal
	// <nil>
}

// exampleLogger leaves out what is different each time, and what is not shown here.
func exampleLogger(w io.Writer) *slog.Logger {
	hidden := map[string]bool{"time": true, "duration": true, "stack": true, "service": true}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) > 0 || hidden[a.Key] { // the groups say why a caller was refused
				return slog.Attr{}
			}
			return a
		},
	}))
}

// call calls a server and returns what came of it.
func call(address string, files mtls.Files) string {
	identity, err := mtls.Open(files, mtls.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err.Error()
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(identity.ClientCredentials("orders.internal")))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close() }()
	_, err = intentgatev1.NewIntentServiceClient(conn).Fulfill(context.Background(), &intentgatev1.FulfillRequest{})
	return status.Code(err).String()
}

// issue writes a certificate for a name into a folder.
func issue(ca *devca.Authority, dir, name string) (mtls.Files, error) {
	path := func(suffix string) string { return filepath.Join(dir, name+suffix) }
	files := mtls.Files{Cert: path(".pem"), Key: path(".key"), CA: path("-ca.pem")}
	certificate, err := ca.Issue(devca.Leaf{DNS: []string{name}})
	if err != nil {
		return files, err
	}
	if err := certificate.WriteFiles(files.Cert, files.Key); err != nil {
		return files, err
	}
	return files, ca.WriteFile(files.CA)
}

// inTempDir does something with a folder and an authority of its own.
func inTempDir(do func(dir string, ca *devca.Authority) error) error {
	dir, err := os.MkdirTemp("", "serve")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ca, err := devca.New(devca.Options{CommonName: "example"})
	if err != nil {
		return err
	}
	return do(dir, ca)
}
