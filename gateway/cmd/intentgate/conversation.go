package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/simulator"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// recorder registers services in a way that notes the calls that reach them.
type recorder struct {
	grpc.ServiceRegistrar

	service string
	calls   chan<- call
}

// RegisterService registers a service whose methods tell of their calls.
func (r recorder) RegisterService(desc *grpc.ServiceDesc, implementation any) {
	recorded := *desc
	recorded.Methods = slices.Clone(desc.Methods)
	for i, method := range desc.Methods {
		recorded.Methods[i].Handler = func(srv any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
			return method.Handler(srv, ctx, decode, func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
				return intercept(ctx, request, info, func(ctx context.Context, request any) (any, error) {
					response, err := next(ctx, request)
					r.note(ctx, info.FullMethod, request, response, err)
					return response, err
				})
			})
		}
	}
	r.ServiceRegistrar.RegisterService(&recorded, implementation)
}

func (r recorder) note(ctx context.Context, method string, request, response any, err error) {
	from, ok := caller.FromContext(ctx)
	if !ok {
		return
	}
	c := call{service: r.service, caller: from.Caller, ref: from.Ref, method: method, err: err}
	c.request, _ = request.(proto.Message)
	c.response, _ = response.(proto.Message)
	select {
	case r.calls <- c:
	default: // the conversation is over, or somebody else calls beside it
	}
}

// call is a call that reached a service.
type call struct {
	service, method   string
	caller            *intentgatev1.Caller
	ref               *intentgatev1.CallRef
	request, response proto.Message
	err               error // a status, in place of the response
}

// demo plays the conversation and shows it.
type demo struct {
	out   io.Writer
	edge  string // its URL
	pki   *pki.PKI
	calls <-chan call
	today time.Time
}

// demoAgent is the ES agent.
var demoAgent = simulator.Agent{API: dialogflow.V2, Name: "projects/shop/agent", Language: "en"}

// play plays the conversation on ES with the certificate of the SSL.com chain, and on CX with that of the GTS chain.
func (d *demo) play(ctx context.Context) error {
	for _, scene := range []struct {
		title, path string
		certificate tls.Certificate
		agent       simulator.Agent
		order       string
	}{
		{
			"Dialogflow ES", demoES, d.pki.SSLCom.TLS(), demoAgent, "A-1042",
		},
		{
			"Dialogflow CX", demoCX, d.pki.GTS.TLS(),
			simulator.Agent{API: dialogflow.V3, Name: "projects/shop/locations/europe-west1/agents/7d1c0a52-demo", Language: "en"},
			"B-2001",
		},
	} {
		client, err := simulator.New(simulator.Config{
			URL: d.edge + scene.path,
			TLS: &tls.Config{
				MinVersion: tls.VersionTLS12, RootCAs: d.pki.EdgeCA.Pool(), Certificates: []tls.Certificate{scene.certificate},
			},
			Token: func() (string, error) { return d.pki.Issuer.Token(webhookURL+scene.path, shopNumber) },
		})
		if err != nil {
			return err
		}
		conversation := simulator.NewConversation(client, scene.agent)
		for _, line := range script(d.today, scene.order, scene.agent.API == dialogflow.V3) {
			d.printf("\n━━ %s: %q\n", scene.title, line.Text)
			if err := d.say(ctx, conversation, line, scene.path); err != nil {
				return fmt.Errorf("%s, %q: %w", scene.title, line.Text, err)
			}
		}
		client.Close()
	}
	return nil
}

// say plays one turn and checks what the user hears.
func (d *demo) say(ctx context.Context, conversation *simulator.Conversation, line line, path string) error {
	exchange, err := conversation.Say(ctx, line.Utterance)
	d.printf("\nDialogflow → gateway   POST %s%s\n%s\n", d.edge, path, indented(exchange.Request))
	select {
	case c := <-d.calls:
		d.printf("\ngateway → %s   %s\n", c.service, c.method)
		d.printf("    caller    %s\n    call      %s\n    request   %s\n", compact(c.caller), compact(c.ref), compact(c.request))
		if c.err != nil {
			d.printf("    status    %s\n", compact(status.Convert(c.err).Proto()))
		} else {
			d.printf("    response  %s\n", compact(c.response))
		}
	default:
		err = errors.Join(err, errors.New("no call reached the service"))
	}
	d.printf("\ngateway → Dialogflow   HTTP %d after %s\n%s\n", exchange.Answer.Status,
		exchange.Answer.Duration.Round(10*time.Microsecond), indented(exchange.Answer.Body))
	if err != nil {
		return err
	}
	heard := strings.Join(exchange.Outcome.Heard, " ")
	d.printf("\n    the user hears: %s\n", heard)
	if !strings.Contains(heard, line.hears) {
		return fmt.Errorf("the user hears %q, %q is wanted in it", heard, line.hears)
	}
	return nil
}

// farewell says how to go on, with the gateway and with the service at target.
func (d *demo) farewell(dir string, at addresses, target string) error {
	program, err := os.Executable() // `go run` puts it where no shell finds it
	if err != nil {
		return err
	}
	settings, certs := filepath.Join(dir, configFile), filepath.Join(dir, certsFolder)
	d.printf(`
━━ Everything stays up. Be Dialogflow yourself:

%s simulate --config %s --dev %s %s%s \
  --intent order.track --param order_id=A-1043

Or be another program of the shop, which calls the same RPC. In a checkout:

go run ./services/callcenter/cmd/callcenter --target %s --server-name %s \
  --ca %s --cert %s --key %s A-1043

    metrics   %s/metrics
    health    %s/readyz
    routes    %s/v1/routes
    services  %s/v1/services
    config    %s
    log       %s

Stop with Ctrl-C: the folder goes with it.
`, program, settings, certs, at.Edge, demoES,
		target, pki.OrdersName, filepath.Join(certs, pki.InternalCA), filepath.Join(certs, pki.CallCenterCert), filepath.Join(certs, pki.CallCenterKey),
		at.Status, at.Status, at.Admin, at.Admin, settings, filepath.Join(dir, logFile))
	return nil
}

// printf shows something. Where nobody can read it any more there is nothing to be done about that.
func (d *demo) printf(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format, args...) }

// indented returns JSON as people read it, or the text as it is where it is none.
func indented(text []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "    ", "  "); err != nil {
		return "    " + string(text)
	}
	return "    " + strings.TrimSpace(b.String())
}

// compact returns a message as one line of JSON.
func compact(m proto.Message) string {
	text, err := protojson.Marshal(m)
	if err != nil {
		return err.Error()
	}
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil { // protojson varies its white space on purpose
		return err.Error()
	}
	return b.String()
}
