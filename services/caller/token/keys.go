package token

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxDocument  = 64 << 10 // bytes
	fetchTimeout = 5 * time.Second
	refresh      = 5 * time.Minute
	// askAgain is how often the keys are read for a token of a key that is not known, at most: anybody could name one.
	askAgain = 10 * time.Second
)

// KeysConfig says where the keys come from. All but RootCAs is required.
type KeysConfig struct {
	Source  string                // a file, or a URL with https://
	RootCAs func() *x509.CertPool // by which a URL's server is judged, asked at each fetch; nil: the system's
	Logger  *slog.Logger
	Now     func() time.Time
}

// Keys are the public keys of a gateway, by their IDs. They may be used by many goroutines. Where they cannot be read the last ones stay.
type Keys struct {
	KeysConfig

	load    func(context.Context) ([]byte, error)
	current atomic.Pointer[map[string]*ecdsa.PublicKey] // never changed

	mu   sync.Mutex // held while they are read
	last time.Time  // when that was
}

// NewKeys returns keys. A file is read at once, and must be good. A URL is read by Run, or for the first token.
func NewKeys(config KeysConfig) (*Keys, error) {
	if config.Source == "" || config.Logger == nil || config.Now == nil {
		return nil, errors.New("token: Source, Logger and Now are needed")
	}
	k := &Keys{KeysConfig: config}
	k.current.Store(&map[string]*ecdsa.PublicKey{})
	if !strings.Contains(config.Source, "://") {
		k.load = k.open
		if _, err := k.Reload(context.Background()); err != nil {
			return nil, err
		}
		return k, nil
	}
	if parsed, err := url.Parse(config.Source); err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil {
		return nil, fmt.Errorf("keys of callers' tokens: %q: want a file, or a URL such as https://gateway.internal:9900/.well-known/jwks.json", config.Source)
	}
	k.load = k.fetch
	return k, nil
}

// File returns the file that the keys come from, whose changes call for Reload; empty if they come from a URL.
func (k *Keys) File() string {
	if strings.Contains(k.Source, "://") {
		return ""
	}
	return k.Source
}

// Run reads the keys now and again, until ctx ends. What comes of it is logged.
func (k *Keys) Run(ctx context.Context) {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		if _, err := k.Reload(ctx); err != nil && ctx.Err() == nil {
			k.complain(ctx, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (k *Keys) complain(ctx context.Context, err error) {
	k.Logger.WarnContext(ctx, "Could not read the keys of callers' tokens", "source", k.Source, "keys", len(*k.current.Load()), "error", err)
}

// Reload reads the keys, and tells whether they are others now. Where it returns an error the old ones stay.
func (k *Keys) Reload(ctx context.Context) (changed bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reload(ctx)
}

func (k *Keys) reload(ctx context.Context) (changed bool, err error) {
	defer func() { k.last = k.Now() }()
	document, err := k.load(ctx)
	if err != nil {
		return false, fmt.Errorf("keys of callers' tokens: %w", err)
	}
	keys, err := ParseKeys(document)
	if err != nil {
		return false, fmt.Errorf("keys of callers' tokens: %s: %w", k.Source, err)
	}
	old := *k.current.Load()
	for id, key := range old { // one that stays keeps its address, by which verdicts know it
		if keys[id] != nil && keys[id].Equal(key) {
			keys[id] = key
		}
	}
	if changed = !maps.Equal(keys, old); changed {
		k.current.Store(&keys)
		k.Logger.InfoContext(ctx, "Read the keys of callers' tokens", "source", k.Source, "keys", len(keys))
	}
	return changed, nil
}

// get returns nil for a key that is not known.
func (k *Keys) get(id string) *ecdsa.PublicKey { return (*k.current.Load())[id] }

// find has the keys read anew for one that is not known, unless they were just now.
func (k *Keys) find(ctx context.Context, id string) *ecdsa.PublicKey {
	if key := k.get(id); key != nil {
		return key
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.get(id); key != nil || k.Now().Sub(k.last) < askAgain {
		return key
	}
	if _, err := k.reload(context.WithoutCancel(ctx)); err != nil { // others wait for it, too
		k.complain(ctx, err)
	}
	return k.get(id)
}

func (k *Keys) open(context.Context) ([]byte, error) {
	file, err := os.Open(k.Source)
	if err != nil {
		return nil, err
	}
	return bounded(file)
}

func (k *Keys) fetch(ctx context.Context) (_ []byte, err error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if k.RootCAs != nil {
		config.RootCAs = k.RootCAs()
	}
	// The next fetch is minutes away, and may need other roots: it has a connection and a client of its own.
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, DisableKeepAlives: true}
	client := &http.Client{Timeout: fetchTimeout, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("a redirect; want the keys themselves")
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.Source, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request) //nolint:bodyclose // bounded does
	if err != nil {
		return nil, err
	}
	document, err := bounded(response.Body)
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: HTTP status %s; want 200", k.Source, response.Status)
	}
	return document, err
}

// bounded reads and closes.
func bounded(from io.ReadCloser) (document []byte, err error) {
	defer func() { err = errors.Join(err, from.Close()) }()
	document, err = io.ReadAll(io.LimitReader(from, maxDocument+1))
	if err == nil && len(document) > maxDocument {
		err = errors.New("more than 64 KiB; want a JWK set")
	}
	return document, err
}

// ParseKeys reads the P-256 keys of a JWK set (RFC 7517), by their IDs, of which there must be one at least. Keys of other kinds and
// for other uses are passed over.
func ParseKeys(document []byte) (map[string]*ecdsa.PublicKey, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("no JWK set: %w; want {\"keys\": [...]} as `intentgate jwks` prints it", err)
	}
	keys := map[string]*ecdsa.PublicKey{}
	for _, raw := range set.Keys {
		var jwk jose.JSONWebKey
		if jwk.UnmarshalJSON(raw) != nil { // of a kind that is not known
			continue
		}
		public, ok := jwk.Key.(*ecdsa.PublicKey)
		if !ok || public.Curve != elliptic.P256() || jwk.KeyID == "" || jwk.Use != "" && jwk.Use != "sig" ||
			jwk.Algorithm != "" && jwk.Algorithm != string(algorithms[0]) {
			continue
		}
		if keys[jwk.KeyID] != nil {
			return nil, fmt.Errorf("two keys are called %.64q; want each once", jwk.KeyID)
		}
		keys[jwk.KeyID] = public
	}
	if len(keys) == 0 {
		return nil, errors.New("no key of the curve P-256 with a kid; want those that `intentgate jwks` prints")
	}
	return keys, nil
}
