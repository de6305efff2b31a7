package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

// prober contacts one server, a connection at a time.
type prober struct {
	url     *url.URL
	timeout time.Duration // of a connection, all told
}

// contact is what one connection showed.
type contact struct {
	version uint16
	// server is the connection as of the server's certificate, which comes before anything of the client's; nil: it
	// did not come that far, and the version is not spoken.
	server *tls.ConnectionState
	asked  *tls.CertificateRequestInfo // nil: no certificate was asked for
	took   time.Duration               // until the handshake was over for this side; 0: it failed
	status int                         // of HTTP; 0: there was no answer
	body   string                      // the beginning of the answer
	err    error                       // why there was no answer
}

// contact shakes hands in one version, with a certificate if there is one and it is asked for, and posts an empty JSON
// object: under TLS 1.3 only an answer shows what the server thinks of the client. Whatever certificate the server has
// is taken, to be judged apart; nothing secret is sent.
func (p *prober) contact(ctx context.Context, version uint16, certificate *tls.Certificate) *contact {
	c := &contact{version: version}
	config := &tls.Config{
		ServerName: p.url.Hostname(),
		MinVersion: version,
		MaxVersion: version,
		NextProtos: []string{"http/1.1"},
		//nolint:forbidigo,gosec // a bad certificate is what is looked for: serverCertificate judges what VerifyConnection noted
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			c.server = &state
			return nil
		},
		GetClientCertificate: func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c.asked = asked
			if certificate == nil {
				return &tls.Certificate{}, nil
			}
			return certificate, nil
		},
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	start := time.Now()
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", p.hostPort())
	if err != nil {
		c.err = err
		return c
	}
	c.took = time.Since(start)
	c.status, c.body, c.err = p.ask(ctx, conn, http.MethodPost, "{}")
	return c
}

// ask sends a request over a connection and closes it.
func (p *prober) ask(ctx context.Context, conn net.Conn, method, body string) (status int, text string, err error) {
	defer func() { _ = conn.Close() }() // the server may have done so
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	request, err := http.NewRequestWithContext(ctx, method, p.url.String(), strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "intentgate-doctor")
	request.Close = true
	writeErr := request.Write(conn)
	// A server that refuses may have closed before all was written; its alert is still there to be read.
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return 0, "", errors.Join(err, writeErr)
	}
	begin, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10)) // the status tells enough
	return response.StatusCode, string(begin), response.Body.Close()
}

func (p *prober) hostPort() string {
	port := p.url.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(p.url.Hostname(), port)
}

const (
	noAnswer = "no answer in time"
	noTLS    = "bytes that are no TLS"
)

// words says in one line why a contact failed.
func words(err error) string {
	var network net.Error
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		return noTLS
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return noAnswer
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed without a word"
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return authn.Printable(first)
}

// subject names a certificate as its subject does, or by what it has instead.
func subject(cert *x509.Certificate) string {
	if name := cert.Subject.String(); name != "" {
		return authn.Printable(name)
	}
	if len(cert.DNSNames) > 0 {
		return authn.Printable("dns:" + cert.DNSNames[0])
	}
	return "a certificate without a name"
}
