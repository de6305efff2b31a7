package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writeTimeout bounds a request from its header to its answer: more than Dialogflow's longest timeout of 30 s.
	writeTimeout = 45 * time.Second
	// maxStreams bounds the turns of one HTTP/2 connection.
	maxStreams = 100
	// stallTimeout is how long an HTTP/2 connection may take none of what is sent to it, and silenceTimeout how long it
	// may say nothing until it is asked whether it is there: writeTimeout ends a stream, not its connection.
	stallTimeout   = 10 * time.Second
	silenceTimeout = 30 * time.Second
)

// Limits bound what strangers can make the gateway hold. All must be given.
type Limits struct {
	HeaderBytes      int           // a request's header
	HandshakeTimeout time.Duration // from Accept on, waiting included
	HeaderTimeout    time.Duration // for a request's header
	ReadTimeout      time.Duration // for a whole request
	IdleTimeout      time.Duration // between requests of a connection
	Handshakes       int           // in flight; a further one waits
	Connections      int           // a further one waits to be accepted
}

// Config names what the listener is made of. Everything but Observe and ObserveForwarded is required.
type Config struct {
	Listen  string       // TCP address; port 0 chooses a free one. Or `unix:PATH`
	Site    func() *Site // that of the moment
	Limits  Limits
	Logger  *slog.Logger
	Now     func() time.Time
	Observe func(Handshake) // called once for each handshake, by many goroutines
	// ObserveForwarded is called once for each request that a proxy hands on, likewise.
	ObserveForwarded func(Forwarded)
}

// Server is the listener with what serves it.
type Server struct {
	config   Config
	tls      *tls.Config
	tcp      net.Listener
	http     *http.Server
	slots    chan struct{} // one for each open connection
	gate     *gate
	failures *limiter

	shaking  sync.WaitGroup
	ready    chan net.Conn // handshake done, identity accepted
	draining atomic.Bool   // answers end their connections
	stopping chan struct{} // closed with the listener
	over     chan struct{} // closed when nothing is handed over any more
	stop     sync.Once

	live  sync.Map     // net.Conn → *conn: those that net/http has
	turns atomic.Int64 // in flight
}

// New opens the listener. Nothing is accepted before Serve; a Server that is never served must be closed.
func New(config Config) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &Server{
		config:   config,
		slots:    make(chan struct{}, config.Limits.Connections),
		gate:     newGate(config.Limits.Handshakes),
		failures: newLimiter(config.Now),
		ready:    make(chan net.Conn),
		stopping: make(chan struct{}),
		over:     make(chan struct{}),
	}
	s.tls = s.tlsConfig()
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: config.Limits.HeaderTimeout,
		ReadTimeout:       config.Limits.ReadTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       config.Limits.IdleTimeout,
		MaxHeaderBytes:    config.Limits.HeaderBytes,
		Protocols:         protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, WriteByteTimeout: stallTimeout, SendPingTimeout: silenceTimeout,
		},
		ConnContext: withConn,
		// `OPTIONS *` is no exception to who may come through.
		DisableGeneralOptionsHandler: true,
		ConnState:                    s.track,
		// Strangers decide how often this speaks; what matters is logged elsewhere, with limits.
		ErrorLog: slog.NewLogLogger(config.Logger.Handler(), slog.LevelDebug),
	}
	tcp, err := listen(context.Background(), config.Listen)
	if err != nil {
		return nil, err
	}
	s.tcp = tcp
	return s, nil
}

func (c *Config) check() error {
	var gaps []error
	gap := func(missing bool, name string) {
		if missing {
			gaps = append(gaps, fmt.Errorf("edge: %s is missing", name))
		}
	}
	gap(c.Listen == "", "Listen")
	if gap(c.Site == nil, "Site"); c.Site != nil {
		gaps = append(gaps, c.Site().check(strings.HasPrefix(c.Listen, unixPrefix)))
	}
	gap(c.Logger == nil, "Logger")
	gap(c.Now == nil, "Now")
	gap(c.Limits.HeaderBytes <= 0, "Limits.HeaderBytes")
	gap(c.Limits.HandshakeTimeout <= 0, "Limits.HandshakeTimeout")
	gap(c.Limits.HeaderTimeout <= 0, "Limits.HeaderTimeout")
	gap(c.Limits.ReadTimeout <= 0, "Limits.ReadTimeout")
	gap(c.Limits.IdleTimeout <= 0, "Limits.IdleTimeout")
	gap(c.Limits.Handshakes <= 0, "Limits.Handshakes")
	gap(c.Limits.Connections <= 0, "Limits.Connections")
	return errors.Join(gaps...)
}

// Addr returns the address that is listened on.
func (s *Server) Addr() net.Addr { return s.tcp.Addr() }

// Load returns how many connections are open, and how many handshakes are in flight.
func (s *Server) Load() (connections, handshakes int) {
	return len(s.slots), int(s.gate.inFlight.Load())
}

// Draining reports that it is about to stop.
func (s *Server) Draining() bool { return s.draining.Load() }
