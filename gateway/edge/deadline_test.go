package edge

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// counted counts how often the deadline of reading is set, and tells of each reading that begins.
type counted struct {
	net.Conn

	sets  int
	reads chan struct{}
}

func (c *counted) SetReadDeadline(at time.Time) error {
	c.sets++
	return c.Conn.SetReadDeadline(at)
}

func (c *counted) Read(b []byte) (int, error) {
	c.reads <- struct{}{}
	return c.Conn.Read(b)
}

func TestDeadlineOfReading(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _, _ = near.Close(), far.Close() }()
	under := &counted{Conn: near, reads: make(chan struct{}, 1)}
	c := &conn{Conn: under, server: &Server{}}
	set := func(at time.Time) {
		t.Helper()
		if err := c.SetReadDeadline(at); err != nil {
			t.Fatal(err)
		}
	}
	begin := func() <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 1))
			done <- err
		}()
		return done
	}
	end := func(done <-chan error) error {
		t.Helper()
		select {
		case err := <-done:
			return err
		case <-time.After(10 * time.Second):
			t.Fatal("a reading does not end")
			return nil
		}
	}
	read := func() error { t.Helper(); return end(begin()) }
	past := time.Unix(1, 0)

	set(past)
	for range 2 {
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read after its deadline: %v", err)
		}
		<-under.reads
	}
	set(time.Now().Add(time.Hour))
	set(past)
	set(time.Time{})
	if under.sets != 1 {
		t.Errorf("%d deadlines were set where there was one reading", under.sets)
	}

	done := begin()
	<-under.reads // it has no deadline, until it gets one
	if err := c.SetDeadline(past); err != nil {
		t.Fatal(err)
	}
	if err := end(done); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a reading that was under way: %v", err)
	}
	if _, err := c.Write([]byte{0}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote after the deadline: %v", err)
	}

	set(time.Time{})
	go func() { _, _ = far.Write([]byte{0}) }()
	if err := read(); err != nil {
		t.Errorf("read without a deadline: %v", err)
	}
	<-under.reads
	_ = near.Close()
	set(past)
	if read() == nil {
		t.Error("read a closed connection")
	}
}
