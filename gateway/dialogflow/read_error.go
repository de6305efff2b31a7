package dialogflow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

// explain finds out what is wrong with a body that is not one JSON object of one meaning.
func explain(body []byte) error {
	_, err := jsontext.NewDecoder(bytes.NewBuffer(body)).ReadValue()
	e := new(SyntaxError)
	s := new(jsontext.SyntacticError)
	if errors.As(err, &s) {
		e.Path = path(s.JSONPointer)
	}
	switch {
	case err == nil:
		e.Problem = "goes on after its end, wanted one JSON object"
	case errors.Is(err, io.EOF):
		e.Problem = "empty, wanted a JSON object"
	case errors.Is(err, jsontext.ErrDuplicateName):
		e.Problem = "stands twice in one object, wanted it once"
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Problem = fmt.Sprintf("ends at byte %d of the body, wanted the rest", s.ByteOffset)
	default:
		e.Problem = fmt.Sprintf("not JSON at byte %d: %s", s.ByteOffset, cut(s.Err.Error(), 2*maxQuoted))
	}
	return e
}

// placeAt returns the path of the value that stands at an offset, or after it, in a body that is JSON as far as that.
func placeAt(body []byte, offset int) string {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	for dec.InputOffset() <= int64(offset) {
		if _, err := dec.ReadToken(); err != nil {
			break
		}
	}
	return path(dec.StackPointer())
}

// maxQuoted is how many characters of a text of the sender's an error or a name of an unknown field holds at most.
const maxQuoted = 64

// path writes a JSON pointer as a path. A name of digits looks like an index, which does no harm.
func path(pointer jsontext.Pointer) string {
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
