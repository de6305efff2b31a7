package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
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
var Placeholders = []string{"listen", "cert", "key", "ca", "assert", "allow"}

// Started is a service that the kit has started.
type Started struct {
	// Address is where it listens.
	Address string

	command *exec.Cmd
	log     tail
	ended   chan struct{} // closed when it has ended, and err is there
	err     error
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
	p := &Started{Address: s.Listen, ended: make(chan struct{})}
	p.log.more = s.Log
	p.command = exec.Command("/bin/sh", "-c", "exec "+line) //nolint:gosec,noctx // it is what the user wants; a context would kill it
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	group(p.command)
	p.command.WaitDelay = time.Second // for children that hold its output
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %q: %w", line, err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.ended)
	}()
	if err := p.listens(ctx, s.Patience); err != nil {
		p.Close()
		return nil, fmt.Errorf("%w\nstarted: %s\nit said:\n%s", err, line, p.log.text())
	}
	return p, nil
}

// fill puts in what the placeholders stand for.
func (s Start) fill() (string, error) {
	values := map[string]string{
		"listen": s.Listen, "cert": s.Keys.Service.Cert, "key": s.Keys.Service.Key, "ca": s.Keys.Service.CA, "assert": Asserting, "allow": Allowed,
	}
	var wrong []string
	line := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllStringFunc(s.Command, func(name string) string {
		value, known := values[strings.Trim(name, "{}")]
		if !known {
			wrong = append(wrong, name+" is unknown")
		}
		return value
	})
	for _, name := range Placeholders[1:4] {
		if !strings.Contains(s.Command, "{"+name+"}") {
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
		case <-p.ended:
			return fmt.Errorf("the service has ended before it listened: %w", errors.Join(p.err, err))
		case <-ctx.Done():
			return fmt.Errorf("the service does not listen on %s after %s: %w", p.Address, patience, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Terminate sends SIGTERM to the process, and to no other of its group: those it has to end itself.
func (p *Started) Terminate() error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("send SIGTERM: %w", err)
	}
	return nil
}

// Wait returns when the process has ended: with status 0, or 143 as that of a JVM after SIGTERM, or with an error.
func (p *Started) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return fmt.Errorf("it has not ended: %w", ctx.Err())
	}
	const terminated = 128 + 15
	if p.command.ProcessState.ExitCode() == terminated {
		return nil
	}
	return p.err
}

// Close ends what is left of the process and of those that it has started.
func (p *Started) Close() {
	kill(p.command)
	<-p.ended
}

// tail keeps the end of what is written, and hands it on.
type tail struct {
	more io.Writer // or nil

	mu   sync.Mutex
	last []byte
}

// Write never fails.
func (t *tail) Write(text []byte) (int, error) {
	const most = 8 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, text...)
	t.last = t.last[max(0, len(t.last)-most):]
	if t.more != nil {
		_, _ = t.more.Write(text) // nobody's fault
	}
	return len(text), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.last))
}
