package telemetry

import "sync"

// bounded keeps what was built for the first so many keys. All further ones share what is built for their coarser key, of which there
// are few.
type bounded[K comparable, V any] struct {
	most    int
	build   func(K) V
	coarser func(K) K

	mu    sync.RWMutex
	known map[K]V
}

func newBounded[K comparable, V any](most int, build func(K) V, coarser func(K) K) *bounded[K, V] {
	return &bounded[K, V]{most: most, build: build, coarser: coarser, known: map[K]V{}}
}

// get returns what was built for key.
func (b *bounded[K, V]) get(key K) V {
	b.mu.RLock()
	value, ok := b.known[key]
	if full := len(b.known) >= b.most; !ok && full {
		key = b.coarser(key)
		value, ok = b.known[key]
	}
	b.mu.RUnlock()
	if ok {
		return value
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok = b.known[key]; !ok && len(b.known) >= b.most {
		key = b.coarser(key)
	}
	if value, ok = b.known[key]; !ok {
		value = b.build(key)
		b.known[key] = value
	}
	return value
}
