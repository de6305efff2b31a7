// Package load is the Dialogflow of a benchmark: a process of its own that plays turns, each of an id, a session and an order of its own,
// as fast as they are answered. It is told by HTTP on the loopback interface what to play.
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/intentgate/intentgate/gateway/bench/turns"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
)

// Protocol is how turns get to the edge.
type Protocol string

// The protocols. The last two are no turns: a connection is made and closed.
const (
	HTTP1      Protocol = "http1" // a connection that is kept alive
	HTTP2      Protocol = "http2"
	New        Protocol = "new" // a connection for each turn, with a full handshake
	Handshake  Protocol = "handshake"
	Resumption Protocol = "resumption"
)

// Job is what to play.
type Job struct {
	URL         string
	Second      string // another edge, for every other connection; empty: there is but one
	Platform    string // ES or CX
	Method      turns.Method
	Size        int // of a request, in bytes at least
	Protocol    Protocol
	Connections int
	Chain       string  // of the client's certificate: rsa or ecdsa
	Fresh       bool    // a new ID token for each turn
	Echo        bool    // the answer names the order that was asked for
	PerSecond   float64 // how many turns begin, at random moments; 0: the next one as soon as there is an answer
}

// Played is what came of it. Times are in microseconds.
type Played struct {
	Turns    int // or connections
	Failures int
	First    string // what was wrong with the first one
	Seconds  float64
	P50, P99 float64
}

// What the certificates of the client are called in the folder of the certificates, beside those of package pki.
const (
	ECDSARoot = "ecdsa-root.pem"
	ECDSACert = "ecdsa.pem"
	ECDSAKey  = "ecdsa.key"
)

// Audience and Project are those of the ID tokens.
const (
	Audience = "https://bench.internal/dialogflow"
	Project  = 415104041262
)

// Run serves jobs until the context ends: `POST /prepare` with a Job connects, and plays each connection once; `POST /play?for=1s`
// plays it and answers with what was Played; `POST /close` closes the connections. ready is told the URL.
func Run(ctx context.Context, dir string, ready func(url string) error) error {
	l := &load{dir: dir}
	var err error
	if l.issuer, err = issuer.Open(l.cert(pki.IssuerKey), time.Now); err != nil {
		return err
	}
	l.turn.Store(uint64(time.Now().UnixMicro()) & (1<<44 - 1)) // two runs have other turns
	if l.tokens, err = l.newTokens(); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /prepare", l.prepare)
	mux.HandleFunc("POST /play", l.serve)
	mux.HandleFunc("POST /close", func(http.ResponseWriter, *http.Request) { l.close() })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := ready("http://" + listener.Addr().String()); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type load struct {
	dir    string
	issuer *issuer.Issuer
	tokens []string      // that were seen before
	turn   atomic.Uint64 // so far: no two turns have the same number

	mu      sync.Mutex
	job     Job
	players []player
}

// player has one connection, or makes one for each turn.
type player interface {
	// play plays a turn. It is called by one goroutine at a time.
	play(ctx context.Context, turn uint64) error
	close()
}

func (l *load) prepare(w http.ResponseWriter, r *http.Request) {
	l.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	err := json.NewDecoder(r.Body).Decode(&l.job)
	if err == nil {
		l.players, err = l.newPlayers()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	played := l.play(r.Context(), time.Time{}, 64, 0)
	if played.Failures > 0 {
		http.Error(w, fmt.Sprintf("%d of %d failed, the first one so: %s", played.Failures, played.Turns, played.First), http.StatusBadGateway)
	}
}

func (l *load) serve(w http.ResponseWriter, r *http.Request) {
	length, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var pause time.Duration
	if l.job.PerSecond > 0 {
		pause = time.Duration(float64(len(l.players)) / l.job.PerSecond * float64(time.Second))
	}
	_ = json.NewEncoder(w).Encode(l.play(r.Context(), time.Now().Add(length), len(l.players), pause))
}

func (l *load) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.players {
		p.close()
	}
	l.players, l.job = nil, Job{}
}

// play has every player play once, and again until the end, so many of them at once. Where there is to be a pause from the beginning of a
// turn to that of the next, on average, a turn that has to wait for the one before it takes from when it was to begin.
func (l *load) play(ctx context.Context, end time.Time, atOnce int, pause time.Duration) Played {
	var (
		playing errgroup.Group
		failed  atomic.Int64
		first   atomic.Pointer[string]
		begun   = time.Now()
		took    = make([][]time.Duration, len(l.players))
	)
	playing.SetLimit(atOnce)
	for i, p := range l.players {
		playing.Go(func() error {
			for start := time.Now(); ; {
				if pause > 0 {
					start = start.Add(time.Duration(rand.ExpFloat64() * float64(pause)))
					if start.After(end) {
						return nil
					}
					time.Sleep(time.Until(start))
				}
				if err := p.play(ctx, l.turn.Add(1)); err != nil {
					failed.Add(1)
					text := err.Error()
					first.CompareAndSwap(nil, &text)
				}
				now := time.Now()
				took[i] = append(took[i], now.Sub(start))
				if !now.Before(end) || ctx.Err() != nil {
					return nil //nolint:nilerr // failures are counted
				}
				if pause == 0 {
					start = now
				}
			}
		})
	}
	_ = playing.Wait()
	played := summary(slices.Concat(took...))
	played.Seconds, played.Failures = time.Since(begun).Seconds(), int(failed.Load())
	if text := first.Load(); text != nil {
		played.First = *text
	}
	return played
}

// summary sorts what turns took.
func summary(took []time.Duration) Played {
	if len(took) == 0 {
		return Played{}
	}
	slices.Sort(took)
	quantile := func(q float64) float64 {
		return float64(took[min(len(took)-1, int(q*float64(len(took))))].Nanoseconds()) / 1e3
	}
	return Played{Turns: len(took), P50: quantile(.5), P99: quantile(.99)}
}
