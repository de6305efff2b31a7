package idtoken

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	fetchTimeout = 10 * time.Second
	maxDocument  = 1 << 20 // bytes

	// What Cache-Control says is kept within these; the first is for none at all, and for files.
	defaultLife = time.Hour
	minLife     = time.Minute
	maxLife     = 24 * time.Hour

	// Verifying takes time that grows with the square of a key.
	minRSA, maxRSA = 2048, 4096 // bits
)

func fileLoader(path string) func(context.Context) ([]byte, time.Duration, error) {
	return func(context.Context) ([]byte, time.Duration, error) {
		file, err := os.Open(path) //nolint:gosec // the operator's choice
		if err != nil {
			return nil, 0, err
		}
		document, err := bounded(file)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", path, err)
		}
		return document, defaultLife, nil
	}
}

func urlLoader(address string, roots func() *x509.CertPool) (func(context.Context) ([]byte, time.Duration, error), error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil {
		return nil, fmt.Errorf("keys come from a URL like %s, not from %q", GoogleKeys, address)
	}
	if roots == nil {
		roots = func() *x509.CertPool { return nil }
	}
	// The next fetch is hours away, and may need other roots: it has a connection and a client of its own.
	client := func() *http.Client {
		return &http.Client{
			Timeout: fetchTimeout,
			Transport: &http.Transport{
				Proxy:             http.ProxyFromEnvironment,
				TLSClientConfig:   &tls.Config{RootCAs: roots(), MinVersion: tls.VersionTLS12},
				ForceAttemptHTTP2: true,
				DisableKeepAlives: true,
			},
			// Whoever answers there decides whom we believe: no redirect is followed.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return func(ctx context.Context) ([]byte, time.Duration, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, 0, err
		}
		response, err := client().Do(request)
		if err != nil {
			return nil, 0, err
		}
		if response.StatusCode != http.StatusOK {
			return nil, 0, errors.Join(fmt.Errorf("%s answered with HTTP status %d, 200 is wanted", address, response.StatusCode), response.Body.Close())
		}
		document, err := bounded(response.Body)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", address, err)
		}
		return document, life(response.Header), nil
	}, nil
}

// bounded reads all and closes.
func bounded(from io.ReadCloser) ([]byte, error) {
	document, err := io.ReadAll(io.LimitReader(from, maxDocument+1))
	if err := errors.Join(err, from.Close()); err != nil {
		return nil, err
	}
	if len(document) > maxDocument {
		return nil, fmt.Errorf("more than %d bytes", maxDocument)
	}
	return document, nil
}

// life is what is left of max-age after the time in caches on the way.
func life(header http.Header) time.Duration {
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
		if !strings.EqualFold(name, "max-age") || err != nil {
			continue
		}
		age, err := strconv.ParseUint(header.Get("Age"), 10, 31)
		if err != nil {
			age = 0
		}
		return min(max(time.Duration(seconds)*time.Second-time.Duration(age)*time.Second, minLife), maxLife)
	}
	return defaultLife
}

// parseKeys returns the keys of a JWK set that RS256 can use; others are passed over. Two different ones of one ID are
// an error: nobody could say which is meant.
func parseKeys(document []byte) (map[string]*rsa.PublicKey, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("no JWK set: %w", err)
	}
	keys := map[string]*rsa.PublicKey{}
	for _, raw := range set.Keys {
		var jwk jose.JSONWebKey
		if jwk.UnmarshalJSON(raw) != nil {
			continue
		}
		key, ok := jwk.Key.(*rsa.PublicKey)
		if !ok || !fit(&jwk, key) {
			continue
		}
		if other := keys[jwk.KeyID]; other != nil && !other.Equal(key) {
			return nil, fmt.Errorf("two keys with the kid %q", jwk.KeyID)
		}
		keys[jwk.KeyID] = key
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no usable key among %d: one of RSA with %d to %d bits, a kid, and no other use than RS256 signatures is wanted", len(set.Keys), minRSA, maxRSA)
	}
	return keys, nil
}

func fit(jwk *jose.JSONWebKey, key *rsa.PublicKey) bool {
	bits := key.N.BitLen()
	return jwk.KeyID != "" && bits >= minRSA && bits <= maxRSA &&
		(jwk.Use == "" || jwk.Use == "sig") && (jwk.Algorithm == "" || jwk.Algorithm == algorithm)
}
