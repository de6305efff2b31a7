// Package simulator is Dialogflow as a webhook client: it calls an endpoint over mutual TLS as Dialogflow does, and
// keeps a conversation's state from turn to turn as an agent would.
package simulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"time"
)

// MaxAnswer is the largest answer that Dialogflow reads, in bytes.
const MaxAnswer = 64 << 10

// Client calls one webhook. It is safe for concurrent use.
type Client struct {
	url     string
	header  http.Header
	token   func() (string, error)
	timeout time.Duration
	client  *http.Client
}

// Config is what a Client needs.
type Config struct {
	// URL is the webhook's, with the scheme https.
	URL string
	// TLS carries the client certificate to present and the roots to trust.
	TLS *tls.Config
	// Token makes the ID token of a request; nil sends none.
	Token func() (string, error)
	// Header is sent with every request, as it is configured in the agent, such as an Authorization header for Basic
	// authentication, in place of an ID token. It must not be changed any more.
	Header http.Header
	// Timeout is the time for an answer, from 0 to Dialogflow's 30 s; 5 s if 0.
	Timeout time.Duration
}

// New returns a client that keeps its connection alive, as Dialogflow does, over HTTP/1.1.
func New(config Config) (*Client, error) {
	if config.URL == "" || config.TLS == nil {
		return nil, errors.New("simulator: URL and TLS are needed")
	}
	if config.Token != nil && config.Header.Get("Authorization") != "" {
		return nil, errors.New("simulator: an ID token and an Authorization header; Dialogflow sends one of them")
	}
	if config.Timeout == 0 {
		config.Timeout = 5 * time.Second
	}
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: config.Timeout}).DialContext,
		TLSClientConfig:     config.TLS,
		TLSHandshakeTimeout: config.Timeout,
		DisableCompression:  true, // the header is set by hand, as Dialogflow words it
		MaxIdleConnsPerHost: 1,
	}
	return &Client{
		url: config.URL, header: config.Header, token: config.Token, timeout: config.Timeout, client: &http.Client{Transport: transport},
	}, nil
}

// Close closes the connections that are kept alive.
func (c *Client) Close() { c.client.CloseIdleConnections() }

// Answer is what a webhook answered.
type Answer struct {
	Status   int // HTTP
	Body     []byte
	Duration time.Duration
}

// Call sends one request body. It returns an error if no answer arrived in time or the answer was too large; an answer
// of any HTTP status is no error.
func (c *Client) Call(ctx context.Context, body []byte) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Google-Dialogflow")
	request.Header.Set("Accept", "*/*")
	request.Header.Set("Accept-Encoding", "gzip, deflate, br")
	maps.Copy(request.Header, c.header)
	if c.token != nil {
		token, err := c.token()
		if err != nil {
			return Answer{}, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}

	start := time.Now()
	response, err := c.client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return Answer{}, err
	}
	if len(answer) > MaxAnswer {
		return Answer{}, fmt.Errorf("the answer is larger than the %d bytes that Dialogflow reads", MaxAnswer)
	}
	return Answer{Status: response.StatusCode, Body: answer, Duration: time.Since(start)}, nil
}
