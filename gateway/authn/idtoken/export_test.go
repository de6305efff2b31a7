package idtoken

import (
	"context"
	"time"
)

// SetLoad replaces where the keys come from, for tests whose time is not the world's.
func (k *Keys) SetLoad(load func(context.Context) ([]byte, time.Duration, error)) { k.load = load }

// Remembered returns how many proofs are.
func (v *Verifier) Remembered() int {
	v.seen.mu.RLock()
	defer v.seen.mu.RUnlock()
	return len(v.seen.byHash)
}

// Forget forgets all proofs.
func (v *Verifier) Forget() {
	v.seen.mu.Lock()
	defer v.seen.mu.Unlock()
	clear(v.seen.byHash)
}

// Fill remembers as many proofs as there is room for.
func (v *Verifier) Fill() {
	for i := range maxProofs {
		v.seen.put(digest{byte(i), byte(i >> 8)}, &proof{})
	}
}
