package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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

// Config names what the listener is made of. Everything but Observe is required.
type Config struct {
	Listen  string       // TCP address; port 0 chooses a free one
	Site    func() *Site // that of the moment
	Limits  Limits
	Logger  *slog.Logger
	Now     func() time.Time
	Observe func(Handshake) // called once for each handshake, by many goroutines
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
	ready    chan *tls.Conn // handshake done, identity accepted
	stopping chan struct{}
	stop     sync.Once

	fresh sync.Map     // net.Conn → *conn: those that have not brought a request yet
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
		ready:    make(chan *tls.Conn),
		stopping: make(chan struct{}),
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
	tcp, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", config.Listen)
	if err != nil {
		return nil, fmt.Errorf("edge: %w; choose another address, or port 0 for a free one", err)
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
		gaps = append(gaps, c.Site().check())
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

// Serve accepts and serves connections until ctx ends. Then it stops accepting, lets turns in flight finish, and closes
// everything. It returns an error if turns had to be cut off. A Server serves once.
func (s *Server) Serve(ctx context.Context) error {
	accepting, stop := context.WithCancel(ctx)
	defer stop()
	s.shaking.Go(func() { s.accept(accepting) })
	// Turns in flight outlive ctx.
	turns := context.WithoutCancel(ctx)
	s.http.BaseContext = func(net.Listener) context.Context { return turns }
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	err := s.http.Serve(handover{s})
	stop()
	_ = s.Close()
	s.closeFresh()
	drain := s.config.Site().Drain
	draining, cancel := context.WithTimeout(turns, drain)
	defer cancel()
	if s.http.Shutdown(draining) != nil {
		if cut := s.turns.Load(); cut > 0 {
			err = fmt.Errorf("edge: turns in flight were cut off after %s: %d", drain, cut)
		}
		_ = s.http.Close()
	}
	s.shaking.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// closeFresh closes the connections to spare, which net/http would wait for: to it, a request may be on its way.
func (s *Server) closeFresh() {
	s.fresh.Range(func(key, value any) bool {
		nc, _ := key.(net.Conn)
		if c, _ := value.(*conn); c.awaiting.Load() {
			_ = nc.Close()
		}
		return true
	})
}

// Close closes the listener. It may be called more than once.
func (s *Server) Close() error {
	var err error
	s.stop.Do(func() {
		close(s.stopping)
		err = s.tcp.Close()
	})
	return err
}

// handover is the listener that http.Server knows: what it accepts has been judged.
type handover struct{ s *Server }

func (h handover) Accept() (net.Conn, error) {
	select {
	case conn := <-h.s.ready:
		return conn, nil
	case <-h.s.stopping:
		return nil, net.ErrClosed
	}
}

func (h handover) Close() error   { return h.s.Close() }
func (h handover) Addr() net.Addr { return h.s.Addr() }
