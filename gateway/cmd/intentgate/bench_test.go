package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/process"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// BenchmarkTurn measures what a turn costs the gateway's process: CPU time, of user and system, which is steadier than
// latency. The calls come from 16 connections that are kept alive, HTTP/1.1 over mutual TLS, with a request of everyday
// size. Dialogflow and the intent service are another process, so that this one is the gateway's alone.
//
//   - static answers with fixed bytes: TLS and HTTP alone
//   - floor calls the service besides, with a fixed request: what any gateway pays that has gRPC over mutual TLS behind it
//   - intentgate is the command serve as it comes, with every check on and one ID token for all turns, as Dialogflow uses one
//     for up to an hour, and turns that IntentService takes whole; x-floor is its cost in floors, which take turns with it, since
//     what a floor costs changes with what else the machine does
//   - typed is the same with turns that a method of the service's own claims, in floors that send the request of that method
func BenchmarkTurn(b *testing.B) {
	dir := b.TempDir()
	keys, err := pki.New(pki.Options{RSABits: 2048})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := keys.Write(filepath.Join(dir, certsFolder)); err != nil {
		b.Fatal(err)
	}
	writeToken(b, dir, keys.Issuer)
	peer := startPeer(b, dir)
	static := startFixed(b, keys, func(context.Context) error { return nil })
	floor := startFixed(b, keys, fixedCall(b, dir, peer.service, binding.NewIntentService(binding.IntentServiceOptions{Context: "orders"})))
	typedFloor := startFixed(b, keys, fixedCall(b, dir, peer.service, benchMethod(b)))
	config, err := demoConfig("127.0.0.1:0", map[string]string{"orders": peer.service})
	if err != nil {
		b.Fatal(err)
	}
	until := func(section string) []byte { // without what stands from there to the routes
		before, rest, _ := bytes.Cut(config, []byte(section))
		_, after, _ := bytes.Cut(rest, []byte("routes:\n"))
		return slices.Concat(before, []byte("routes:\n"), after)
	}
	typed := startGateway(b, dir, until("  - name: appointments\n"), peer)
	intentgate := startGateway(b, dir, until("    intents:\n"), peer)
	for _, url := range []string{static, floor, typedFloor, intentgate, typed} {
		peer.play(b, url, 20*connections) // connections are made, buffers grow
	}
	b.Run("static", func(b *testing.B) { measure(b, peer, static, "") })
	b.Run("floor", func(b *testing.B) { measure(b, peer, floor, "") })
	b.Run("intentgate", func(b *testing.B) { measure(b, peer, intentgate, floor) })
	b.Run("typed", func(b *testing.B) { measure(b, peer, typed, typedFloor) })
}

// benchMethod is the method that claims the turn.
func benchMethod(b *testing.B) *binding.Method {
	b.Helper()
	method := ordersv1.File_shop_orders_v1_order_service_proto.Services().ByName("OrderService").Methods().ByName("TrackOrder")
	m, err := binding.Compile(method, binding.Options{Platform: dialogflow.ES})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// writeToken writes the token that the turns carry.
func writeToken(b *testing.B, dir string, tokens *issuer.Issuer) {
	b.Helper()
	token, err := tokens.Token("https://fulfil.shop.example/dialogflow/es", 415104041262)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, benchToken), []byte(token), 0o600); err != nil {
		b.Fatal(err)
	}
}

// measure reports what a turn costs at a URL, compared with what it costs at the floor's if there is one.
func measure(b *testing.B, peer *peer, url, floor string) {
	b.Helper()
	b.ReportAllocs()
	const most = 2000 // turns at a time
	var here, there, wall time.Duration
	for left := b.N; left > 0; left -= most {
		turns := min(left, most)
		start := time.Now()
		here += spent(b, peer, url, turns)
		wall += time.Since(start)
		if floor != "" {
			b.StopTimer()
			there += spent(b, peer, floor, turns)
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(here.Nanoseconds())/1e3/float64(b.N), "cpu-µs/turn")
	b.ReportMetric(float64(b.N)/wall.Seconds(), "turns/s")
	if floor != "" {
		b.ReportMetric(float64(here)/float64(there), "x-floor")
	}
}

// spent returns the CPU time that this process takes for turns.
func spent(b *testing.B, peer *peer, url string, turns int) time.Duration {
	b.Helper()
	before := cpuTime(b)
	peer.play(b, url, turns)
	return cpuTime(b) - before
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// startGateway runs the command with a configuration like the demo's and returns the URL of its webhook. The log goes down
// a pipe to the other process, as it does where somebody collects it.
func startGateway(b *testing.B, dir string, config []byte, peer *peer) string {
	b.Helper()
	path := filepath.Join(dir, configFile)
	if err := os.WriteFile(path, config, 0o600); err != nil {
		b.Fatal(err)
	}
	read, write := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"serve", "--config", path, "--json", "--log-format", "json"}, write, peer.log)
		_ = write.CloseWithError(err)
		done <- err
	}()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	var at process.Addresses
	if err := json.NewDecoder(read).Decode(&at); err != nil {
		b.Fatal(err)
	}
	return at.Edge + "/dialogflow/es"
}

// fixedCall returns a call of the service by the gateway's own client, with the message that the turn becomes, and
// without metadata or deadline.
func fixedCall(b *testing.B, dir, service string, method gateway.Binding) func(context.Context) error {
	b.Helper()
	body, err := os.ReadFile(benchTurn)
	if err != nil {
		b.Fatal(err)
	}
	turn, err := dialogflow.Read(dialogflow.ES, body)
	if err != nil {
		b.Fatal(err)
	}
	call, err := method.Call(turn)
	if err != nil {
		b.Fatal(err)
	}
	certs := filepath.Join(dir, certsFolder)
	logger := slog.New(slog.DiscardHandler)
	identity, err := mtls.Open(mtls.Files{
		Cert: filepath.Join(certs, pki.GatewayCert), Key: filepath.Join(certs, pki.GatewayKey), CA: filepath.Join(certs, pki.InternalCA),
	}, mtls.Options{Logger: logger})
	if err != nil {
		b.Fatal(err)
	}
	client, err := backend.Dial(backend.Config{
		Name: "orders", Target: service, ServerName: pki.OrdersName, Credentials: identity.ClientCredentials, Logger: logger,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	return func(ctx context.Context) error {
		_, err := client.Invoke(ctx, &backend.Call{Method: call.Method, Request: call.Request})
		return err
	}
}

// startFixed runs a server that demands a client certificate and always gives the same answer, after work is done. It
// returns the server's URL.
func startFixed(b *testing.B, keys *pki.PKI, work func(context.Context) error) string {
	b.Helper()
	answer := fmt.Appendf(nil, `{"fulfillmentText":%q,"fulfillmentMessages":[{"text":{"text":[%[1]q]}}]}`, benchAnswer)
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{keys.Edge.TLS()}, NextProtos: []string{"http/1.1"},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: keys.SSLComRoot.Pool(),
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				b.Error(err)
			}
			if err := work(r.Context()); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(answer)
		}),
	}
	listener, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(listener, "", "") }()
	b.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return "https://" + listener.Addr().String()
}

// peer is the other process.
type peer struct {
	service string // the address of its intent service
	log     io.Writer
	in      io.Writer
	out     *bufio.Scanner
}

// startPeer runs this program once more, see runPeer.
func startPeer(b *testing.B, dir string) *peer {
	b.Helper()
	logRead, logWrite, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	command := exec.Command(os.Args[0]) //nolint:gosec,noctx // this program; it ends when its standard input does
	command.Env = append(os.Environ(), peerVariable+"="+dir)
	command.Stderr = os.Stderr
	command.ExtraFiles = []*os.File{logRead}
	in, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	_ = logRead.Close()
	b.Cleanup(func() {
		_ = logWrite.Close()
		_ = in.Close()
		if err := command.Wait(); err != nil {
			b.Error(err)
		}
	})
	p := &peer{log: logWrite, in: in, out: bufio.NewScanner(out)}
	p.service = p.answer(b, "service")
	return p
}

// play has the peer call a URL n times.
func (p *peer) play(b *testing.B, url string, n int) {
	b.Helper()
	if _, err := fmt.Fprintf(p.in, "%s %d\n", url, n); err != nil {
		b.Fatal(err)
	}
	if failures := p.answer(b, fmt.Sprintf("done %d", n)); failures != "0" {
		b.Fatalf("turns failed: %s", failures)
	}
}

// answer returns what the peer's next line says of a subject.
func (p *peer) answer(b *testing.B, of string) string {
	b.Helper()
	if !p.out.Scan() {
		b.Fatal("the other process has ended")
	}
	value, ok := strings.CutPrefix(p.out.Text(), of+" ")
	if !ok {
		b.Fatalf("the other process says %q, nothing of %s", p.out.Text(), of)
	}
	return value
}
