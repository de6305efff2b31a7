package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/child"
)

// Start says how a service is started.
type Start struct {
	// Command is run by sh, in its place. What Placeholders lists is filled in.
	Command string
	// Listen is the address that the service is told to listen on; empty: a free port of this machine.
	Listen string
	Keys   *Keys
	// Patience is how long it may take until it listens.
	Patience time.Duration
	// Log takes what the service writes; nil: nobody.
	Log io.Writer
}

// Placeholders are what a command may contain, each in braces.
var Placeholders = []string{"listen", "cert", "key", "ca", "assert", "allow", "jwks", "trust_domain", "issuer", "forward", "policy"}

// errEnded is that of a service that has ended before it listened.
var errEnded = errors.New("the service has ended before it listened")

// uses says whether a command has a placeholder. Of nil none is used.
func (s *Start) uses(placeholder string) bool {
	return s != nil && strings.Contains(s.Command, "{"+placeholder+"}")
}

// Started is a service that the kit has started.
type Started struct {
	*child.Process

	// Address is where it listens.
	Address string
}

// Run starts the service, and returns when it listens. It has to be closed.
func (s Start) Run(ctx context.Context) (*Started, error) {
	if s.Listen == "" {
		address, err := free(ctx)
		if err != nil {
			return nil, err
		}
		s.Listen = address
	}
	line, err := s.fill()
	if err != nil {
		return nil, err
	}
	process, err := child.Start("", s.Log, "/bin/sh", "-c", "exec "+line)
	if err != nil {
		return nil, err
	}
	p := &Started{process, s.Listen}
	if err := p.listens(ctx, s.Patience); err != nil {
		p.Close()
		return nil, fmt.Errorf("%w\nstarted: %s\nit said:\n%s", err, line, p.Said())
	}
	return p, nil
}

// fill puts in what the placeholders stand for.
func (s *Start) fill() (string, error) {
	values := map[string]string{
		"listen": s.Listen, "cert": s.Keys.Service.Cert, "key": s.Keys.Service.Key, "ca": s.Keys.Service.CA, "assert": Asserting, "allow": Allowed,
		"jwks": s.Keys.JWKS, "trust_domain": TrustDomain, "issuer": Issuer, "forward": Forward, "policy": s.Keys.Policy,
	}
	var wrong []string
	line := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllStringFunc(s.Command, func(name string) string {
		value, known := values[strings.Trim(name, "{}")]
		if !known {
			wrong = append(wrong, name+" is unknown")
		}
		return value
	})
	needed := Placeholders[1:4:4]
	if s.uses("jwks") {
		needed = append(needed, Placeholders[7:10]...)
	}
	for _, name := range needed {
		if !s.uses(name) {
			wrong = append(wrong, "{"+name+"} is missing")
		}
	}
	if wrong != nil {
		return "", fmt.Errorf("the command %q: %s; it is given {%s}", s.Command, strings.Join(slices.Compact(wrong), ", "), strings.Join(Placeholders, "}, {"))
	}
	return line, nil
}

// free returns an address where nobody listens.
func free(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func (p *Started) listens(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.Address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.Ended():
			return fmt.Errorf("%w: %w", errEnded, errors.Join(p.Wait(ctx), err))
		case <-ctx.Done():
			return fmt.Errorf("the service does not listen on %s after %s: %w", p.Address, patience, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
