package idtoken

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

// GoogleKeys is where Google publishes the keys of its ID tokens.
const GoogleKeys = "https://www.googleapis.com/oauth2/v3/certs"

const (
	// maxStale is for how long keys are used that should have been renewed.
	maxStale = 24 * time.Hour
	// askAgain is the least time between fetches that tokens cause: a stranger can make up an unknown key at any rate,
	// and keys that are newer than this know all that there is. Without any key there is less to lose.
	askAgain         = time.Minute
	askAgainWhenNone = 5 * time.Second
	// firstRetry doubles after each failure, up to lastRetry.
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// KeysConfig says where the keys come from. Either URL or File is required, and Logger and Now.
type KeysConfig struct {
	URL     string                // of a JWK set, https
	RootCAs func() *x509.CertPool // for URL, those of the time; nil: the system's
	File    string                // of a JWK set
	Known   *Keys                 // of the same URL and RootCAs: what they have is used until the first fetch; or nil
	Logger  *slog.Logger
	Now     func() time.Time
}

// Keys are the public keys that tokens are verified with, by their IDs, kept fresh. They may be used by many goroutines.
type Keys struct {
	source string
	load   func(context.Context) (document []byte, life time.Duration, err error)
	logger *slog.Logger
	now    func() time.Time

	current atomic.Pointer[keySet] // nil before the first fetch

	mu       sync.Mutex
	fetch    *fetch    // under way, or nil
	ended    time.Time // when the last fetch did
	err      error     // what it ended with
	failures int
}

// keySet is the keys of a time, never changed.
type keySet struct {
	keys             map[string]*rsa.PublicKey
	fetched, expires time.Time
}

// fetch is one that is under way.
type fetch struct {
	done    chan struct{}
	changed bool // this and err are to be read after done
	err     error
}

// Status is the state of the keys for people.
type Status struct {
	Source  string    // URL or file
	Keys    int       // that are in use; 0 once they are more than 24 h past Expires
	Fetched time.Time // zero: never
	Expires time.Time // when they should have been fetched again
	Err     error     // what the last fetch ended with
	// Failures is the number of fetches so far that ended with an error.
	Failures int
}

// NewKeys returns keys that are fetched by Run, or by the first token. A file is read at once, and must be good.
func NewKeys(config KeysConfig) (*Keys, error) {
	if config.Logger == nil || config.Now == nil {
		return nil, errors.New("idtoken: Logger and Now are needed")
	}
	if (config.URL == "") == (config.File == "") {
		return nil, errors.New("idtoken: keys come either from a URL or from a file")
	}
	k := &Keys{source: config.URL + config.File, logger: config.Logger, now: config.Now}
	if config.File != "" {
		k.load = fileLoader(config.File)
		_, err := k.replace(context.Background())
		return k, err
	}
	var err error
	k.load, err = urlLoader(config.URL, config.RootCAs)
	if config.Known != nil {
		k.current.Store(config.Known.current.Load())
	}
	return k, err
}

// Run fetches the keys now and again before they expire, until ctx ends.
func (k *Keys) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	retry := firstRetry
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if _, err := k.Reload(ctx); err != nil {
			timer.Reset(jitter(retry))
			retry = min(2*retry, lastRetry)
			continue
		}
		retry = firstRetry
		timer.Reset(jitter(k.current.Load().expires.Sub(k.now()) * 4 / 5))
	}
}

// Reload fetches the keys, and tells whether they are others now. Where it returns an error the old ones stay.
func (k *Keys) Reload(ctx context.Context) (changed bool, err error) {
	for {
		fetch, started := k.start(ctx, true)
		changed, err := fetch.wait(ctx)
		if started || ctx.Err() != nil { // one that was under way may have read what was there before
			return changed, err
		}
	}
}

// Status returns the state of the keys.
func (k *Keys) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	status := Status{Source: k.source, Keys: len(k.usable()), Err: k.err, Failures: k.failures}
	if set := k.current.Load(); set != nil {
		status.Fetched, status.Expires = set.fetched, set.expires
	}
	return status
}

func (k *Keys) usable() map[string]*rsa.PublicKey {
	set := k.current.Load()
	if set == nil || k.now().After(set.expires.Add(maxStale)) {
		return nil
	}
	return set.keys
}

// get returns nil for a key that is unknown.
func (k *Keys) get(id string) *rsa.PublicKey { return k.usable()[id] }

// find fetches the keys for one that is unknown, or waits for those who do.
func (k *Keys) find(ctx context.Context, id string) (*rsa.PublicKey, *authn.Refusal) {
	if key := k.get(id); key != nil {
		return key, nil
	}
	if fetch, _ := k.start(ctx, false); fetch != nil {
		_, _ = fetch.wait(ctx) // Status has the error
	}
	keys := k.usable()
	if keys == nil {
		return nil, refuse(KeysUnavailable, "no keys that may be used", "those of "+k.source)
	}
	if key := keys[id]; key != nil {
		return key, nil
	}
	return nil, refuse(UnknownKey, named("kid", id), "a key of "+k.source)
}

// start starts a fetch, or returns the one that is under way; nil if there is none and none is due. It outlives ctx,
// since others may wait for it.
func (k *Keys) start(ctx context.Context, force bool) (f *fetch, started bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fetch != nil {
		return k.fetch, false
	}
	if !force && !k.due() {
		return nil, false
	}
	f = &fetch{done: make(chan struct{})}
	k.fetch = f
	go func() {
		defer close(f.done)
		f.changed, f.err = k.replace(context.WithoutCancel(ctx))
	}()
	return f, true
}

func (k *Keys) due() bool {
	pause := askAgain
	if k.usable() == nil {
		pause = askAgainWhenNone
	}
	return k.ended.IsZero() || k.now().Sub(k.ended) >= pause
}

func (f *fetch) wait(ctx context.Context) (changed bool, err error) {
	if deadline, bounded := ctx.Deadline(); bounded { // a turn's context has no Done
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	select {
	case <-f.done:
		return f.changed, f.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// replace is what a fetch does.
func (k *Keys) replace(ctx context.Context) (changed bool, err error) {
	set, err := k.next(ctx)
	if err == nil {
		level := slog.LevelDebug
		if changed = !maps.Equal(set.keys, k.usable()); changed {
			level = slog.LevelInfo
		}
		k.current.Store(set)
		k.logger.Log(ctx, level, "Fetched the keys of ID tokens", slog.String("source", k.source),
			slog.Int("keys", len(set.keys)), slog.Time("expires", set.expires))
	} else {
		k.logger.WarnContext(ctx, "Could not fetch the keys of ID tokens", slog.String("source", k.source),
			slog.Int("keys", len(k.usable())), slog.Any("error", err))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.failures++
	}
	k.fetch, k.ended, k.err = nil, k.now(), err
	return changed, err
}

func (k *Keys) next(ctx context.Context) (*keySet, error) {
	document, life, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(document)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.source, err)
	}
	// A key that stays keeps its address, by which proofs know it.
	for id, old := range k.usable() {
		if key := keys[id]; key != nil && key.Equal(old) {
			keys[id] = old
		}
	}
	now := k.now()
	return &keySet{keys: keys, fetched: now, expires: now.Add(life)}, nil
}

// jitter takes up to a tenth off, so that gateways that started together do not ask together.
func jitter(d time.Duration) time.Duration {
	var b [1]byte
	_, _ = rand.Read(b[:]) // never fails
	return d - d/10*time.Duration(b[0])/255
}
