package once

import (
	"context"
	"sync"
)

// remembered is how many answers are kept: far more than are still being tried at one time.
const remembered = 1024

// Memory keeps the latest answers, as long as the process lives. It is safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	answers map[string][]byte
	keys    []string // in the order of arrival, the oldest at next
	next    int
}

// NewMemory returns an empty memory of that many answers, at least one.
func NewMemory(limit int) *Memory {
	return &Memory{answers: map[string][]byte{}, keys: make([]string, max(limit, 1))}
}

// Get returns the answer to a key, if there is one.
func (m *Memory) Get(_ context.Context, key string) (answer []byte, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answer, ok = m.answers[key]
	return answer, ok, nil
}

// Put keeps the answer to a key that has none yet, and forgets the oldest.
func (m *Memory) Put(_ context.Context, key string, answer []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.answers, m.keys[m.next])
	m.answers[key], m.keys[m.next] = answer, key
	m.next = (m.next + 1) % len(m.keys)
}
