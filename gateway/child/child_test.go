package child_test

import (
	"context"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/child"
)

// role names what this binary is to be in a process of its own, and where the test listens.
const role, address = "CHILD_TEST_ROLE", "CHILD_TEST_ADDRESS"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run()) //nolint:forbidigo // as a main function
	case "parent": // of one that stays
		_ = os.Setenv(role, "stubborn")
		if _, err := child.Start("", os.Stderr, os.Args[0]); err != nil {
			panic(err)
		}
	case "stubborn": // does not end when it is asked to
		signal.Ignore(syscall.SIGTERM)
	case "kind":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		call()
		<-ctx.Done()
		_, _ = os.Stdout.WriteString("Farewell\n")
		return
	}
	call()
	select {}
}

// call connects to the test. The connection lives as long as this process.
func call() {
	if _, err := net.Dial("tcp", os.Getenv(address)); err != nil { //nolint:gosec,noctx // the test listens there
		panic(err)
	}
}

// start starts this binary in a role, and returns the connections of it and of its children.
func start(t *testing.T, as string, log io.Writer, connections int) (*child.Process, []net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // likewise
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	t.Setenv(role, as)
	t.Setenv(address, listener.Addr().String())
	process, err := child.Start(t.TempDir(), log, os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Close)
	var all []net.Conn
	for range connections {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
	}
	return process, all
}

// gone fails unless the process at the other end has ended, or does soon.
func gone(t *testing.T, conns []net.Conn) {
	t.Helper()
	for _, conn := range conns {
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); os.IsTimeout(err) {
			t.Error("a process is still there")
		}
		_ = conn.Close()
	}
}

func TestEndsKindly(t *testing.T) {
	var log buffer
	process, conns := start(t, "kind", &log, 1)
	process.End(time.Minute)
	gone(t, conns)
	if err := process.Wait(t.Context()); err != nil || process.Said() != "Farewell" || log.text() != "Farewell\n" {
		t.Errorf("it ended with %v, said %q, and the log has %q", err, process.Said(), log.text())
	}
	process.End(time.Minute) // again does no harm
}

func TestEndsTheStubborn(t *testing.T) {
	process, conns := start(t, "parent", nil, 2)
	process.End(10 * time.Millisecond)
	gone(t, conns)
	if err := process.Died(); !strings.Contains(err.Error(), "signal: ") {
		t.Errorf("it ended by %v", err)
	}
}

// TestLeavesNoOrphans kills a process, which so cannot end its own.
func TestLeavesNoOrphans(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can be asked to")
	}
	process, conns := start(t, "parent", nil, 2)
	if err := process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone(t, conns)
}

func TestDies(t *testing.T) {
	process, err := child.Start("", nil, "/bin/sh", "-c", "echo no space is left >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	defer process.Close()
	<-process.Ended()
	if err := process.Died(); err.Error() != "exit status 3; it said:\nno space is left" {
		t.Error(err)
	}
	if err := process.Terminate(); err == nil {
		t.Error("a process is terminated that has ended")
	}
	if _, err := child.Start("", nil, "no-such-program-anywhere"); err == nil || !strings.Contains(err.Error(), "start no-such-program-anywhere: ") {
		t.Errorf("error is %v", err)
	}
}

// buffer may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(text)
}

func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
