// Package simulator is Dialogflow as a webhook client: it calls an endpoint over mutual TLS as Dialogflow does, keeps a
// conversation's state from turn to turn as an agent would, and tells what Dialogflow makes of the answers.
package simulator

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// MaxAnswer is the largest answer that Dialogflow reads, in bytes.
	MaxAnswer = 64 << 10
	// ESTimeout is the time that ES gives an answer, and CX by default.
	ESTimeout = 5 * time.Second
	// MaxTimeout is the longest that CX can be made to wait.
	MaxTimeout = 30 * time.Second
)

// Client calls one webhook. It is safe for concurrent use.
type Client struct {
	config Config
	client *http.Client
}

// Config is what a Client needs.
type Config struct {
	// URL is the webhook's, with the scheme https.
	URL string
	// TLS carries the client certificate to present and the roots to trust, and may bound the versions.
	TLS *tls.Config
	// Token makes the ID token of a request; nil sends none.
	Token func() (string, error)
	// Header is sent with every request, as it is configured in the agent, such as an Authorization header for Basic
	// authentication, in place of an ID token. It must not be changed any more.
	Header http.Header
	// Timeout is the time of one try, at most MaxTimeout; ESTimeout if 0.
	Timeout time.Duration
	// NoRetry leaves out Dialogflow's second try after a time-out or a broken connection.
	NoRetry bool
	// RetryNewID gives the second try a turn id of its own: whether Dialogflow does is not known.
	RetryNewID bool
}

// New returns a client that keeps its connection alive, as Dialogflow does, over HTTP/1.1.
func New(config Config) (*Client, error) {
	if config.URL == "" || config.TLS == nil {
		return nil, errors.New("simulator: URL and TLS are needed")
	}
	if config.Token != nil && config.Header.Get("Authorization") != "" {
		return nil, errors.New("simulator: an ID token and an Authorization header; Dialogflow sends one of them")
	}
	if config.Timeout < 0 || config.Timeout > MaxTimeout {
		return nil, fmt.Errorf("simulator: a time-out of %s; Dialogflow waits for at most %s", config.Timeout, MaxTimeout)
	}
	if config.Timeout == 0 {
		config.Timeout = ESTimeout
	}
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: config.Timeout}).DialContext,
		TLSClientConfig:     config.TLS,
		TLSHandshakeTimeout: config.Timeout,
		DisableCompression:  true, // the header is set by hand, as Dialogflow words it
		MaxIdleConnsPerHost: 1,
	}
	return &Client{config: config, client: &http.Client{
		Transport: transport,
		// A redirect would take the credentials elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close closes the connections that are kept alive.
func (c *Client) Close() { c.client.CloseIdleConnections() }

// Answer is what a webhook answered.
type Answer struct {
	Status int // HTTP
	// Body is cut behind MaxAnswer+1 bytes.
	Body []byte
	// TLS is the version, such as `TLS 1.3`.
	TLS string
	// Duration is that of the last try.
	Duration time.Duration
	// Tries are 1, or 2 if the first one failed for the reason FirstTry.
	Tries    int
	FirstTry error
}

// Call sends one request body, once more if a try timed out or the connection broke. It returns an error if no answer
// arrived; Tries, FirstTry and Duration are told even then. What Dialogflow makes of either, [Judge] tells.
func (c *Client) Call(ctx context.Context, body []byte) (Answer, error) {
	header := http.Header{
		"Content-Type":    {"application/json"},
		"User-Agent":      {"Google-Dialogflow"},
		"Accept":          {"*/*"},
		"Accept-Encoding": {"gzip, deflate, br"},
	}
	maps.Copy(header, c.config.Header)
	if c.config.Token != nil {
		token, err := c.config.Token()
		if err != nil {
			return Answer{}, err
		}
		header.Set("Authorization", "Bearer "+token)
	}
	answer, err := c.try(ctx, header, body)
	answer.Tries = 1
	if err == nil || c.config.NoRetry || ctx.Err() != nil {
		return answer, err
	}
	first := err
	if c.config.RetryNewID {
		body = withNewID(body)
	}
	answer, err = c.try(ctx, header, body)
	answer.Tries, answer.FirstTry = 2, first
	return answer, err
}

func (c *Client) try(ctx context.Context, header http.Header, body []byte) (answer Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.URL, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	request.Header = header.Clone()

	start := time.Now()
	defer func() { answer.Duration = time.Since(start) }()
	response, err := c.client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // the URL is known
		}
		return Answer{}, err
	}
	answer = Answer{Status: response.StatusCode, TLS: tls.VersionName(response.TLS.Version)}
	answer.Body, err = read(response)
	err = errors.Join(err, response.Body.Close())
	if late := ctx.Err(); late != nil { // net/http may still find an answer on a connection that it is closing
		return Answer{}, late
	}
	return answer, err
}

// read reads an answer, which may be compressed since Dialogflow says that it understands that.
func read(response *http.Response) ([]byte, error) {
	body := io.Reader(response.Body)
	switch coding := response.Header.Get("Content-Encoding"); coding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("the answer is not gzip as it says: %w", err)
		}
		body = unzipped
	default:
		return nil, fmt.Errorf("the answer's content coding is %q, of which only Dialogflow could tell; gzip or none is wanted here", coding)
	}
	return io.ReadAll(io.LimitReader(body, MaxAnswer+1))
}

// withNewID gives a request another turn id, if it has one.
func withNewID(body []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return body // sent as it is, broken
	}
	for _, name := range []string{"responseId", "detectIntentResponseId"} {
		if _, ok := members[name]; ok {
			members[name] = json.RawMessage(`"` + newID() + `"`)
		}
	}
	changed, err := json.Marshal(members)
	if err != nil {
		return body // it was JSON a moment ago
	}
	return changed
}
