package dialogflow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// SyntaxError says why a body is not a webhook request. Its text is one sentence that names the place, fit for whoever
// sent the body: what it quotes of the body is cut and escaped.
type SyntaxError struct {
	Path    string // such as queryResult.outputContexts[1].name; empty for the whole body
	Problem string // what was seen, and what was wanted
}

func (e *SyntaxError) Error() string {
	if e.Path == "" {
		return "the body: " + e.Problem
	}
	return e.Path + ": " + e.Problem
}

// Read reads the body of a webhook request: on ES a v2beta1 WebhookRequest, of which that of v2 is a part but for one
// field, on CX one of v3. The Turn keeps the body, which must not be changed from here on. An error is a *SyntaxError.
//
// The envelope, which is everything except the values of parameters and the payloads, is read as protobuf's JSON
// mapping reads it, unknown fields and enum names accepted. It is more generous where Dialogflow, or a proxy before
// it, was seen to write otherwise (see Quirk), and stricter where two readers could disagree about one body: a name
// may not come twice in an object, nor in both its spellings, fields unknown to us included, and nothing is nested
// deeper than any protobuf reader follows. It refuses what is no turn: a session and something to route by must be there.
func Read(platform Platform, body []byte) (*Turn, error) {
	t := &Turn{Platform: platform, Body: body}
	if bytes.HasPrefix(body, []byte("\uFEFF")) {
		return nil, &SyntaxError{Problem: "begins with a byte order mark, wanted plain UTF-8"}
	}
	if err := readBody(t); err != nil {
		return nil, explain(err)
	}
	if err := check(t); err != nil {
		return nil, err
	}
	return t, nil
}

// readBody reads the one JSON value that a body is into t.
func readBody(t *Turn) error {
	r := newReader(t)
	defer r.release()
	fields := esRequest
	if t.Platform == CX {
		fields = cxRequest
	}
	if err := object(r, fields, t); err != nil {
		return err
	}
	switch _, err := r.dec.ReadToken(); {
	case err == nil:
		return &SyntaxError{Problem: "goes on after its end, wanted one JSON object"}
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// check refuses what is JSON of the right shape but no turn, as a body of another kind would be, and completes t.
func check(t *Turn) error {
	session := "session"
	if t.Platform == CX {
		session = "sessionInfo.session"
	}
	if problem := t.Session.parse(t.Platform); problem != "" {
		return &SyntaxError{Path: session, Problem: problem}
	}
	switch {
	case t.Platform == CX && t.Tag == "":
		return &SyntaxError{Path: "fulfillmentInfo.tag", Problem: "missing or empty, wanted the webhook's tag to route by"}
	case t.Platform == ES && t.Intent.DisplayName == "" && t.Intent.Name == "" && t.Action == "":
		return &SyntaxError{Path: "queryResult", Problem: "names neither an intent nor an action, wanted one to route by"}
	}
	// Defaults are left out of the body, so that absent is false; but bodies cut down by hand lack the field as well.
	t.FillingSlots = !t.allRequired && slices.ContainsFunc(t.Parameters, func(p Parameter) bool { return empty(p.Value) })
	return nil
}

// explain puts what the JSON library has to say into words of ours.
func explain(err error) error {
	var s *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF):
		return &SyntaxError{Problem: "empty, wanted a JSON object"}
	case !errors.As(err, &s):
		return err
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &SyntaxError{Path: place(s.JSONPointer), Problem: "stands twice in one object, wanted it once"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &SyntaxError{Path: place(s.JSONPointer), Problem: fmt.Sprintf("ends at byte %d of the body, wanted the rest", s.ByteOffset)}
	default:
		return &SyntaxError{Path: place(s.JSONPointer), Problem: fmt.Sprintf("not JSON at byte %d: %s", s.ByteOffset, cut(s.Err.Error(), 2*maxQuoted))}
	}
}

// maxQuoted is how many characters of a text of the sender's an error or a name of an unknown field holds at most.
const maxQuoted = 64

// place writes a JSON pointer as a path. A name of digits looks like an index, which does no harm.
func place(pointer jsontext.Pointer) string {
	var b strings.Builder
	for name := range pointer.Tokens() {
		switch {
		case strings.Trim(name, "0123456789") == "" && name != "":
			b.WriteString("[" + cut(name, maxQuoted) + "]")
		case strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`."[]`, c) }) || name == "":
			fmt.Fprintf(&b, "[%.*q]", maxQuoted, name)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(cut(name, maxQuoted))
		}
	}
	return cut(b.String(), 4*maxQuoted)
}

// cut returns s, or its first n characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
