package authn

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"time"
)

// verified are the presented chains that hold, each with its span. Clients come back with the same one, in resumed handshakes too,
// and two signatures by RSA keys are dearer than the rest of such a handshake. What is remembered is what crypto/x509 would
// say once more: within a span, a chain of the same certificates to the same roots holds. The rules for the leaf and the dates of
// the chain are no part of it, and are judged each time.
type verified struct {
	mu    sync.Mutex
	spans map[[sha256.Size]byte]span
}

// maxVerified bounds what is remembered.
const maxVerified = 1024

// identity is that of a presented chain: DER says where it ends, so that no two give the same bytes.
func identity(certs []*x509.Certificate) (id [sha256.Size]byte) {
	hash := sha256.New()
	for _, cert := range certs {
		_, _ = hash.Write(cert.Raw) // never fails
	}
	hash.Sum(id[:0])
	return id
}

// at returns the span of a chain that is known to hold at the time.
func (v *verified) at(id [sha256.Size]byte, now time.Time) (valid span, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	valid, known = v.spans[id]
	return valid, known && !now.Before(valid.from) && !now.After(valid.to)
}

// put starts again when there are too many: each of the others costs its signatures once more.
func (v *verified) put(id [sha256.Size]byte, valid span) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.spans) >= maxVerified {
		clear(v.spans)
	}
	v.spans[id] = valid
}
