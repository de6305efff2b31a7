// Package logqueue keeps those who read a log out of the way of those who write it. A pipe whose reader is slow or stands still would
// otherwise hold up turns: a line is written before the answer is.
package logqueue

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// room is how much may wait to be written: some ten thousand turns' lines.
	room = 4 << 20
	// gather is how long lines are gathered, so that a busy gateway writes many at once. They are lost where the process is killed.
	gather = 5 * time.Millisecond
	// kept is what of the room is kept when it is not needed.
	kept = 64 << 10
)

// Queue is an io.Writer of whole lines that never waits: what has no room is dropped and counted. It is safe for concurrent use.
type Queue struct {
	to      io.Writer
	tell    func(dropped int64)
	dropped atomic.Int64
	wake    chan struct{}
	closing chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	waiting []byte
	closed  bool
}

// New returns a Queue that writes to a writer until Close, by a goroutine of its own, one Write at a time. That calls tell, which may
// write to the Queue, with how many lines have been dropped so far, when there are more and the writer takes lines again.
func New(to io.Writer, tell func(dropped int64)) *Queue {
	q := &Queue{to: to, tell: tell, wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
	go q.run()
	return q
}

// Write takes a line, and always says that it is written: whoever logs can do nothing else about it.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	taken := !q.closed && len(q.waiting)+len(line) <= room
	if taken {
		q.waiting = append(q.waiting, line...)
	}
	q.mu.Unlock()
	if !taken {
		q.dropped.Add(1)
		return len(line), nil
	}
	select {
	case q.wake <- struct{}{}:
	default: // it knows
	}
	return len(line), nil
}

// Dropped is how many lines have been dropped so far: those without room, and those that could not be written.
func (q *Queue) Dropped() int64 { return q.dropped.Load() }

// ErrStalled says that lines are left that nobody reads.
var ErrStalled = errors.New("the log's reader stands still, and the last lines are lost")

// Close writes what is waiting, for as long as patience lasts. What is written later is dropped. It may be called more than once.
func (q *Queue) Close(patience time.Duration) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.closing)
	}
	q.mu.Unlock()
	select {
	case <-q.done:
		return nil
	case <-time.After(patience):
		return ErrStalled
	}
}

func (q *Queue) run() {
	defer close(q.done)
	var spare []byte
	var told int64
	for open := true; open; {
		select {
		case <-q.wake:
			select {
			case <-time.After(gather):
			case <-q.closing:
			}
		case <-q.closing:
			open = false
		}
		q.mu.Lock()
		lines := q.waiting
		q.waiting = spare[:0]
		q.mu.Unlock()
		if len(lines) > 0 && q.write(lines) {
			if dropped := q.Dropped(); dropped > told {
				told = dropped
				q.tell(dropped)
			}
		}
		if spare = lines; cap(spare) > kept {
			spare = nil
		}
	}
}

// write says whether all is written, and counts the lines that are not.
func (q *Queue) write(lines []byte) bool {
	n, err := q.to.Write(lines)
	if err == nil {
		return true
	}
	for _, b := range lines[min(max(n, 0), len(lines)):] {
		if b == '\n' {
			q.dropped.Add(1)
		}
	}
	return false
}
