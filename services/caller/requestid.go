package caller

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"math"
)

// RequestKey is all that makes a call the same call when it is tried again. It holds no certificate and no token: they
// may be renewed between two tries.
type RequestKey struct {
	Platform    string // ES or CX
	ProjectID   string
	Agent       string // CX: the agent's ID
	Environment string
	Session     string // the full session name
	// TurnID is Dialogflow's id of the turn, perhaps empty; nil leaves it out, for a platform that changes it when it
	// tries again.
	TurnID     *string
	Page       string // CX: the full page name
	FormValues []FormValue
	Event      string
	Method     string // the full method, such as /intentgate.v1.IntentService/Fulfill
	// Request is the request message, marshalled deterministically, with Turn.id and webhook_json cleared.
	Request []byte
}

// FormValue is a parameter of a CX form, in the order of the form.
type FormValue struct {
	Name  string
	Value []byte // JSON as it was written; empty if there is none
}

// leftOut stands where the length of a part stands, and is the length of none.
const leftOut = math.MaxUint64

// RequestID returns the idempotency key of a call: `1.` and the SHA-256 of k in base64url without padding.
//
// What is hashed are the eleven fields in their order above. Each is written as its length in bytes, 8 bytes big-endian,
// and its bytes; a turn id that is left out as the 8 bytes ff alone. The form values are one field: each value's name
// and JSON text one after the other, each with its length before it in the same way. No two keys are written alike.
func RequestID(k RequestKey) string {
	h := hasher{sha256.New()}
	h.part(k.Platform)
	h.part(k.ProjectID)
	h.part(k.Agent)
	h.part(k.Environment)
	h.part(k.Session)
	if k.TurnID != nil {
		h.part(*k.TurnID)
	} else {
		h.length(leftOut)
	}
	h.part(k.Page)
	h.form(k.FormValues)
	h.part(k.Event)
	h.part(k.Method)
	h.length(uint64(len(k.Request)))
	h.Write(k.Request)
	return "1." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

type hasher struct{ hash.Hash } // whose Write never fails

func (h hasher) length(n uint64) {
	var prefix [8]byte
	binary.BigEndian.PutUint64(prefix[:], n)
	h.Write(prefix[:])
}

func (h hasher) part(s string) {
	h.length(uint64(len(s)))
	h.Write([]byte(s))
}

func (h hasher) form(values []FormValue) {
	size := 0
	for _, v := range values {
		size += 8 + len(v.Name) + 8 + len(v.Value)
	}
	h.length(uint64(size))
	for _, v := range values {
		h.part(v.Name)
		h.length(uint64(len(v.Value)))
		h.Write(v.Value)
	}
}
