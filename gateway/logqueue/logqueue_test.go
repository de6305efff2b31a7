package logqueue_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/logqueue"
)

func TestEveryLineOnceAndInOrder(t *testing.T) {
	const writers, lines = 8, 500
	var to bytes.Buffer
	queue := logqueue.New(&to, func(int64) { t.Error("told of lines that were dropped") })
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range lines {
				_, _ = fmt.Fprintf(queue, "%d %d\n", w, i)
			}
		})
	}
	all.Wait()
	if err := queue.Close(time.Minute); err != nil {
		t.Fatal(err)
	}
	next := make([]int, writers)
	for line := range strings.Lines(to.String()) {
		var w, i int
		if _, err := fmt.Sscanf(line, "%d %d\n", &w, &i); err != nil || i != next[w] {
			t.Fatalf("got %q (%v), want line %d of that writer", line, err, next[w])
		}
		next[w]++
	}
	for w, n := range next {
		if n != lines {
			t.Errorf("%d lines of writer %d, want %d", n, w, lines)
		}
	}
	if queue.Dropped() != 0 {
		t.Errorf("%d dropped", queue.Dropped())
	}
}

// A pipe that nobody reads takes some 64 KiB. Whoever logs must not notice; the lines that fit in the queue are there when it is read again.
func TestStalledReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var told atomic.Int64
	queue := logqueue.New(w, told.Store)
	line := append(bytes.Repeat([]byte("x"), 1023), '\n')
	const lines = 8 << 10 // 8 MiB: twice the room
	for range lines {
		if n, err := queue.Write(line); n != len(line) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if queue.Dropped() == 0 {
		t.Fatal("none dropped, so that it takes any memory")
	}
	if err := queue.Close(time.Millisecond); !errors.Is(err, logqueue.ErrStalled) {
		t.Fatalf("closed with %v", err)
	}
	read := make(chan int)
	go func() {
		all, _ := io.ReadAll(r)
		read <- bytes.Count(all, []byte("\n"))
	}()
	if err := queue.Close(time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if told.Load() != queue.Dropped() {
		t.Errorf("told of %d, %d are dropped", told.Load(), queue.Dropped())
	}
	if got := <-read; got+int(queue.Dropped()) != lines || got < 4<<10 {
		t.Errorf("%d read and %d dropped of %d", got, queue.Dropped(), lines)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestBrokenWriter(t *testing.T) {
	queue := logqueue.New(broken{}, func(int64) { t.Error("told, and nobody reads it") })
	_, _ = io.WriteString(queue, "one\ntwo\n")
	if err := queue.Close(time.Minute); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(queue, "late\n")
	if got := queue.Dropped(); got != 3 {
		t.Errorf("%d dropped, want 3", got)
	}
}

func BenchmarkWrite(b *testing.B) {
	line := append(bytes.Repeat([]byte("x"), 700), '\n')
	queue := logqueue.New(io.Discard, func(int64) {})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = queue.Write(line)
	}
	_ = queue.Close(time.Minute)
}
