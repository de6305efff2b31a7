package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// Config says which service a Client calls. All but ServerName, Affinity, Retries, Concurrency and Connected is
// required.
type Config struct {
	// Name is the service's name in logs and errors.
	Name string
	// Target is where it is, a gRPC name such as dns:///orders.internal:8443, host:port, unix:///run/orders.sock or xds:///orders.
	Target string
	// ServerName is what the service's certificate must be issued to. Empty: the host of the target.
	ServerName string
	// Affinity has calls of one session go to one instance, as long as it is there and not left out.
	Affinity bool
	// Credentials makes the client's end of mutual TLS with a server of a name.
	Credentials func(serverName string) credentials.TransportCredentials
	// Logger is told when the service becomes reachable and when it no longer is.
	Logger *slog.Logger
	// Retries says how often calls are tried, Concurrency how many of them there may be at once.
	Retries     Retries
	Concurrency Concurrency
	// Connected is called after each connection that was made, and must not block. It may be nil.
	Connected func()
}

// Client calls one service. It is safe for concurrent use.
type Client struct {
	name    string
	target  string
	logger  *slog.Logger
	dial    func() (*grpc.ClientConn, error)
	options []grpc.CallOption

	xds, affinity bool
	ejections     atomic.Uint64
	over          atomic.Pointer[instances] // that the last call went to one of; nil: none yet, or on xds

	circuit *circuit
	limit   *limit
	retries retries

	connected func() // or nil

	current atomic.Pointer[connection]
	life    context.Context // ends with Close, and with it what runs in the background
	stop    context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex         // held while current is replaced and while told changes
	told connectivity.State // of current: what the log said last
}

// Dial returns a Client and lets it connect in the background: it never waits, and a service that is not there is no
// error. What is wrong with the configuration is.
func Dial(c Config) (*Client, error) { return dial(c) }

// dial is Dial with further options, which become its own.
func dial(c Config, further ...grpc.DialOption) (*Client, error) {
	if c.Name == "" || c.Credentials == nil || c.Logger == nil {
		return nil, errors.New("a backend needs Name, Credentials and Logger")
	}
	host, err := ServerName(c.Target)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", c.Name, err)
	}
	if c.ServerName != "" {
		host = c.ServerName
	}
	if host == "" {
		return nil, fmt.Errorf("service %s: target %q names no host to expect in the service's certificate; "+
			"say which with tls.server_name", c.Name, c.Target)
	}
	if isXDS(c.Target) {
		if err := CheckBootstrap(); err != nil {
			return nil, fmt.Errorf("service %s: %w", c.Name, err)
		}
	}
	options := append(further, DialOptions(c.Target, c.Credentials(host))...) // of resolvers the first one counts
	client := &Client{
		name: c.Name, target: c.Target, xds: isXDS(c.Target), affinity: c.Affinity, logger: c.Logger, options: callOptions(), connected: c.Connected,
		circuit: newCircuit(c.Name, c.Logger), limit: newLimit(c.Name, c.Concurrency),
	}
	client.retries.Retries, client.retries.once = c.Retries, client.once
	client.dial = func() (*grpc.ClientConn, error) { return grpc.NewClient(c.Target, options...) }
	client.life, client.stop = context.WithCancel(context.Background())
	if err := client.connect(); err != nil {
		return nil, fmt.Errorf("service %s: target %q: %w", c.Name, c.Target, err)
	}
	return client, nil
}

// Invoke makes a call and returns the encoded response. Deadline and outgoing metadata are the context's; a deadline holds without
// a Done, too. The response is the caller's and never nil, unless there is an error: a gRPC status, and a *Refused where it is the
// gateway's own.
//
// A call waits for a connection that is just being made, within its deadline; when the last try failed it returns
// UNAVAILABLE with the reason at once. It waits for its turn, too, while the service has enough to do. An idempotent call is
// made again where that is of use and fits into its time.
func (c *Client) Invoke(ctx context.Context, call *Call) (response []byte, err error) {
	call.Tries, call.Queued, call.Failed = 0, 0, nil
	if err := ctx.Err(); err != nil {
		return nil, status.FromContextError(err).Err() // which says nothing of the service
	}
	if err := c.circuit.enter(); err != nil {
		return nil, err
	}
	permit, err := c.limit.enter(ctx, call)
	if err != nil {
		c.circuit.leave(unknown)
		return nil, err
	}
	hurried, how := inHurry(ctx), unknown
	defer func() { // also in a panic
		c.limit.leave(permit, call, how, err)
		c.circuit.leave(how)
	}()
	response, err = c.retries.do(ctx, call)
	how = judge(ctx, err, hurried)
	return response, err
}

// once makes one try.
func (c *Client) once(ctx context.Context, call *Call) ([]byte, error) {
	conn := c.hold()
	defer conn.calls.RUnlock()
	var response []byte
	err := conn.Invoke(c.asks(ctx, call), call.Method, call.Request, &response, c.options...)
	if err == nil {
		return response, nil
	}
	ended := status.Convert(err)
	if ended.Code() == codes.ResourceExhausted && strings.HasPrefix(ended.Message(), tooLarge) {
		return nil, &Refused{ResponseTooLarge, codes.Internal, fmt.Sprintf("the response has more than %d bytes", maxResponse)}
	}
	return nil, ended.Err()
}

// ejected tells that an instance is left out for a time, since calls failed: by the code alone, what services say is not for the log.
func (c *Client) ejected(address string, out time.Duration, err error) {
	c.ejections.Add(1)
	c.logger.LogAttrs(context.Background(), slog.LevelWarn, "Instance left out", slog.String("service", c.name),
		slog.String("instance", address), slog.Duration("for", out), slog.Int("failed", ejectAfter), slog.String("code", status.Code(err).String()))
}

// Close ends the connection and the calls in flight. A second call does nothing.
func (c *Client) Close() {
	c.mu.Lock()
	c.stop()
	c.mu.Unlock()
	c.running.Wait()
	_ = c.current.Load().Close() // the only error is that of a second call
}
