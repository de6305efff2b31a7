package load

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/intentgate/intentgate/gateway/bench/turns"
	"github.com/intentgate/intentgate/gateway/pki"
)

// patience is how long an answer may take.
const patience = 30 * time.Second

func (l *load) cert(name string) string { return filepath.Join(l.dir, "certs", name) }

// newPlayers makes those of the job.
func (l *load) newPlayers() ([]player, error) {
	var edges []*url.URL
	for _, text := range []string{l.job.URL, cmp.Or(l.job.Second, l.job.URL)} {
		address, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		edges = append(edges, address)
	}
	template, err := turns.Read(l.dir, l.job.Platform, l.job.Method, l.job.Size)
	if err != nil {
		return nil, err
	}
	cert, key := pki.SSLComCert, pki.SSLComKey
	if l.job.Chain == "ecdsa" {
		cert, key = ECDSACert, ECDSAKey
	}
	certificate, err := tls.LoadX509KeyPair(l.cert(cert), l.cert(key))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(l.cert(pki.EdgeCA))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("no certificate in " + pki.EdgeCA)
	}
	var players []player
	for i := range l.job.Connections {
		address := edges[i%len(edges)]
		config := &tls.Config{
			MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{certificate}, ServerName: address.Hostname(),
			NextProtos: []string{"http/1.1"},
		}
		if l.job.Protocol == Handshake || l.job.Protocol == Resumption {
			players = append(players, newConnector(config, address.Host, l.job.Protocol == Resumption))
			continue
		}
		players = append(players, newAgent(l, address.String(), template, config))
	}
	return players, nil
}

// agent plays turns.
type agent struct {
	load      *load
	job       *Job
	url       string
	template  *turns.Template
	transport *http.Transport
}

func newAgent(l *load, address string, template *turns.Template, config *tls.Config) *agent {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(l.job.Protocol != HTTP2)
	protocols.SetHTTP2(l.job.Protocol == HTTP2)
	if l.job.Protocol == HTTP2 {
		config.NextProtos = []string{"h2"}
	}
	return &agent{load: l, job: &l.job, url: address, template: template, transport: &http.Transport{
		TLSClientConfig: config, Protocols: protocols, DisableKeepAlives: l.job.Protocol == New, MaxIdleConnsPerHost: 1,
		DisableCompression: true, ResponseHeaderTimeout: patience, TLSHandshakeTimeout: patience,
	}}
}

func (a *agent) close() { a.transport.CloseIdleConnections() }

func (a *agent) play(ctx context.Context, turn uint64) error {
	body, order := a.template.Body(turn)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	token := a.load.tokens[rand.IntN(len(a.load.tokens))] //nolint:gosec // no secret
	if a.job.Fresh {
		if token, err = a.load.token(turn); err != nil {
			return err
		}
	}
	request.Header = http.Header{ // as Dialogflow has it
		"Content-Type": {"application/json"}, "User-Agent": {"Google-Dialogflow"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip, deflate, br"},
		"Authorization": {"Bearer " + token},
	}
	response, err := a.transport.RoundTrip(request)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	want := turns.Answer
	if a.job.Echo {
		want += order
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(want)) {
		return fmt.Errorf("HTTP %d: %.300s; want %q in it", response.StatusCode, answer, want)
	}
	return nil
}

// newTokens makes those that turns share. An agent's token serves for up to an hour, and some replicas of Dialogflow have one each.
func (l *load) newTokens() (tokens []string, err error) {
	for i := range uint64(4) {
		token, err := l.token(i)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
	}
	return tokens, nil
}

// token makes one like no other.
func (l *load) token(number uint64) (string, error) {
	claims := l.issuer.Claims(Audience, Project)
	claims["jti"] = number
	return l.issuer.Sign(claims)
}

// connector makes connections.
type connector struct {
	address string
	config  *tls.Config
	resumes bool
	begun   bool // the first connection has nothing to resume
}

func newConnector(config *tls.Config, address string, resumes bool) *connector {
	if resumes {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return &connector{address: address, config: config, resumes: resumes}
}

func (*connector) close() {}

// play connects and hangs up. The server has judged the certificate when it says farewell, and has sent what the next connection
// resumes; until then a client knows nothing of it.
func (c *connector) play(ctx context.Context, _ uint64) (err error) {
	raw, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	conn := tls.Client(raw, c.config)
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	if conn.ConnectionState().DidResume != (c.resumes && c.begun) {
		return fmt.Errorf("resumed: %t", conn.ConnectionState().DidResume)
	}
	c.begun = true
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the handshake: %d bytes, %w", n, err)
	}
	return nil
}
