// Package child runs programs as processes of their own, and leaves none of them behind.
package child

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Process is a program that was started. Its methods may be called concurrently.
type Process struct {
	command *exec.Cmd
	log     tail
	ended   chan struct{} // closed when it has ended, and err is there
	err     error
}

// Start starts a program with its arguments in a folder; empty: the one of this process. What it writes goes to log, from one
// goroutine, or to nobody if that is nil. The process has to be closed.
func Start(dir string, log io.Writer, program string, args ...string) (*Process, error) {
	p := &Process{command: exec.Command(program, args...), log: tail{more: log}, ended: make(chan struct{})} //nolint:gosec,noctx // what is run is for the caller to say; a context would kill it
	p.command.Dir, p.command.Stdout, p.command.Stderr = dir, &p.log, &p.log
	group(p.command)
	p.command.WaitDelay = time.Second // for children that hold its output
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.command.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Died returns an error that tells how the process has ended, although nobody asked it to, with what it said last.
func (p *Process) Died() error {
	<-p.ended
	return fmt.Errorf("%s; it said:\n%s", p.command.ProcessState, p.Said())
}

// Said returns the last that the process has written.
func (p *Process) Said() string {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	return string(bytes.TrimSpace(p.log.last))
}

// Terminate sends SIGTERM to the process, and to no other of its group: those it has to end itself.
func (p *Process) Terminate() error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("send SIGTERM: %w", err)
	}
	return nil
}

// Wait returns when the process has ended: with status 0, or 143 as that of a JVM after SIGTERM, or with an error.
func (p *Process) Wait(ctx context.Context) error {
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

// End asks the process to stop, gives it some time to do so, and closes it.
func (p *Process) End(patience time.Duration) {
	defer p.Close()
	if p.Terminate() != nil {
		return // it has ended
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
	}
}

// Close ends what is left of the process and of those that it has started.
func (p *Process) Close() {
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
