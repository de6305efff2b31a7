package caller

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
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
	b := make([]byte, 0, 4096) // of a constant size, and so on the stack
	b = appendPart(b, k.Platform)
	b = appendPart(b, k.ProjectID)
	b = appendPart(b, k.Agent)
	b = appendPart(b, k.Environment)
	b = appendPart(b, k.Session)
	if k.TurnID != nil {
		b = appendPart(b, *k.TurnID)
	} else {
		b = binary.BigEndian.AppendUint64(b, leftOut)
	}
	b = appendPart(b, k.Page)
	b = appendForm(b, k.FormValues)
	b = appendPart(b, k.Event)
	b = appendPart(b, k.Method)
	b = appendPart(b, k.Request)
	sum := sha256.Sum256(b)
	return string(base64.RawURLEncoding.AppendEncode(append(b[:0], "1."...), sum[:]))
}

func appendPart[T string | []byte](b []byte, part T) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(part))), part...)
}

func appendForm(b []byte, values []FormValue) []byte {
	start := len(b)
	b = appendPart(b, "") // its length, not known yet
	for _, v := range values {
		b = appendPart(b, v.Name)
		b = appendPart(b, v.Value)
	}
	binary.BigEndian.PutUint64(b[start:], uint64(len(b)-start-8)) //nolint:gosec // no length is negative
	return b
}
