package telemetry

import "sync"

// bounded keeps what was built for the first so many keys. All further ones share what is built for their coarser key, of which there
// are few.
type bounded[K key[K], V any] struct {
	most  int
	build func(K) V

	mu    sync.RWMutex
	known map[K]V
}

// key is what things are kept by.
type key[K any] interface {
	comparable
	coarser() K
	cloned() K // without what its strings are parts of, such as the body of a request
}

func newBounded[K key[K], V any](most int, build func(K) V) *bounded[K, V] {
	return &bounded[K, V]{most: most, build: build, known: map[K]V{}}
}

// get returns what was built for key.
func (b *bounded[K, V]) get(key K) V {
	b.mu.RLock()
	value, ok := b.known[key]
	if full := len(b.known) >= b.most; !ok && full {
		key = key.coarser()
		value, ok = b.known[key]
	}
	b.mu.RUnlock()
	if ok {
		return value
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok = b.known[key]; !ok && len(b.known) >= b.most {
		key = key.coarser()
	}
	if value, ok = b.known[key]; !ok {
		key = key.cloned()
		value = b.build(key)
		b.known[key] = value
	}
	return value
}
