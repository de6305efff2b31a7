package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen. It is never waited for in vain, unless the test fails.
const patience = 30 * time.Second

// entry is a line of the log: its attributes by key.
type entry map[string]any

// text returns an attribute that is text; "" if it is not there.
func (e entry) text(key string) string {
	text, _ := e[key].(string)
	return text
}

// journal is a log that can be waited for. It takes what slog's JSON handler writes; a line that is no JSON becomes the
// message of an entry.
type journal struct {
	mu      sync.Mutex
	rest    []byte
	entries []entry
	more    chan struct{} // closed when there is a new entry
	tired   bool          // something was awaited in vain: there is no point in being patient again
}

func newJournal() *journal { return &journal{more: make(chan struct{})} }

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rest = append(j.rest, b...)
	for {
		line, rest, ok := bytes.Cut(j.rest, []byte("\n"))
		if !ok {
			break
		}
		var e entry
		if json.Unmarshal(line, &e) != nil {
			e = entry{"msg": string(line)}
		}
		j.entries, j.rest = append(j.entries, e), rest
	}
	close(j.more)
	j.more = make(chan struct{})
	return len(b), nil
}

// find returns the entries that have all the given attributes so far, and what is closed when there are more.
func (j *journal) find(attributes entry) (found []entry, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		if e.has(attributes) {
			found = append(found, e)
		}
	}
	return found, j.more
}

func (e entry) has(attributes entry) bool {
	for key, want := range attributes {
		if e[key] != want {
			return false
		}
	}
	return true
}

// now returns the entries that have all the given attributes.
func (j *journal) now(attributes entry) []entry {
	found, _ := j.find(attributes)
	return found
}

// await waits until n entries have all the given attributes.
func (j *journal) await(t *testing.T, n int, attributes entry) []entry {
	t.Helper()
	timeout := time.After(j.patience())
	for {
		found, more := j.find(attributes)
		if len(found) >= n {
			return found
		}
		select {
		case <-more:
		case <-timeout:
			j.tire()
			t.Fatalf("the log has %d lines with %v, want %d; it has\n%s", len(found), attributes, n, j)
		}
	}
}

func (j *journal) patience() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.tired {
		return patience / 30
	}
	return patience
}

func (j *journal) tire() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tired = true
}

// String returns the log as lines of JSON.
func (j *journal) String() string {
	j.mu.Lock()
	entries := slices.Clone(j.entries)
	j.mu.Unlock()
	var all []byte
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			line = []byte(err.Error())
		}
		all = append(append(all, line...), '\n')
	}
	return string(all)
}
