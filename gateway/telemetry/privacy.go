package telemetry

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"log/slog"
	"slices"
	"sync"

	"github.com/intentgate/intentgate/gateway/authn"
)

// UserData is a kind of what is users' own. None of it is told unless the configuration asks for it, by these names.
type UserData string

// The kinds of users' data.
const (
	Utterances  UserData = "utterances"   // what they say
	Parameters  UserData = "parameters"   // what the agent made of it
	StatusTexts UserData = "status_texts" // the words of services' failures, and of answers that cannot be sent
	Violations  UserData = "violations"   // why a value was refused
)

// privacy is what is told of users.
type privacy struct {
	tells []string  // kinds
	macs  sync.Pool // of *mac
}

// mac hashes, in memory of its own.
type mac struct {
	hash.Hash

	text []byte
}

// SetPrivacy says which kinds of users' data are told from now on, and the key by which sessions are told from each other.
// Without one it is a random one, of this Telemetry.
func (t *Telemetry) SetPrivacy(tells []string, sessionKey []byte) {
	if len(sessionKey) == 0 {
		sessionKey = t.randomKey[:]
	}
	key := slices.Clone(sessionKey)
	t.privacy.Store(&privacy{tells: tells, macs: sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, key)} }}})
}

// randomKey is one that nobody knows.
func randomKey() (key [sha256.Size]byte) {
	_, _ = rand.Read(key[:]) // never fails
	return key
}

// session returns what a session is told by: who has the key can tell that it is the same one, and nobody else which.
func (p *privacy) session(name string) string {
	m, _ := p.macs.Get().(*mac)
	defer p.macs.Put(m)
	m.Reset()
	m.text = append(m.text[:0], name...)
	_, _ = m.Write(m.text) // never fails
	sum := len(m.text)
	m.text = m.Sum(m.text)
	end := len(m.text)
	m.text = base64.RawURLEncoding.AppendEncode(m.text, m.text[sum:sum+12])
	return string(m.text[end:])
}

// SetSession says which session the turn is of, which is told as a keyed hash only.
func (e *TurnEvent) SetSession(name string) { e.session = name }

// Session returns the keyed hash of the session, empty where none is known.
func (e *TurnEvent) Session() string {
	if e.session == "" {
		return ""
	}
	return e.telemetry.privacy.Load().session(e.session)
}

// Tells says whether a kind of users' data is asked for.
func (e *TurnEvent) Tells(kind UserData) bool {
	return slices.Contains(e.telemetry.privacy.Load().tells, string(kind))
}

// mostTold is how much of a turn's users' data is told, each cut: a body has room for a hundred thousand parameters.
const mostTold = 100

// Tell notes what is users' data, under a name of its kind; it is dropped unless the kind is asked for, and where there is much of it
// already. What a sensitive field holds is never to come here.
func (e *TurnEvent) Tell(kind UserData, name, text string) {
	if text != "" && len(e.told) < mostTold && e.Tells(kind) {
		e.told = append(e.told, told{kind, name, text})
	}
}

// told is something of a user's that is asked for.
type told struct {
	kind       UserData
	name, text string
}

// tellUsers tells a line what was told of users, by kind: a text for a kind that is one, a group for those that are many.
func (e *TurnEvent) tellUsers(l *line) {
	for i := 0; i < len(e.told); {
		kind, first := e.told[i].kind, i
		for i++; i < len(e.told) && e.told[i].kind == kind; i++ {
		}
		if e.told[first].name == "" {
			l.text(string(kind), authn.Printable(e.told[first].text))
			continue
		}
		group := make([]slog.Attr, 0, i-first)
		for _, t := range e.told[first:i] {
			group = append(group, slog.String(authn.Printable(t.name), authn.Printable(t.text)))
		}
		l.group(string(kind), group)
	}
}
