package refusal

import (
	"fmt"
	"slices"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/intentgate/intentgate/gateway/binding/rules"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// What is read of the details of one status. A service that says more says it to nobody.
const (
	maxDetails    = 16
	maxBytes      = 64 << 10 // of all: an answer of Dialogflow's is no larger
	maxViolations = 32
)

// details is what a service says in its status.
type details struct {
	words  []*errdetails.LocalizedMessage
	reply  *intentgatev1.Reply
	fields []field // in the order in which they are first named
	// ignored tells of what cannot be read, or is too much.
	ignored []string

	violations int
}

// field is a field that the service finds fault with.
type field struct {
	path  string
	words []*errdetails.LocalizedMessage
}

// read reads what it knows among the details. Texts for developers stay where they are.
func read(all []*anypb.Any) *details {
	d, room := new(details), maxBytes
	for i, detail := range all {
		if room -= len(detail.GetValue()); i == maxDetails || room < 0 {
			d.ignore("details[%d:]: a status may have %d details of %d bytes", i, maxDetails, maxBytes)
			break
		}
		d.detail(i, detail)
	}
	return d
}

func (d *details) ignore(format string, args ...any) {
	d.ignored = append(d.ignored, fmt.Sprintf(format, args...))
}

func (d *details) detail(i int, detail *anypb.Any) {
	// MessageName is the last part of the type URL, which nobody resolves.
	switch name := detail.MessageName(); name {
	case "google.rpc.LocalizedMessage":
		if words := decode(d, i, detail, new(errdetails.LocalizedMessage)); words.GetMessage() != "" {
			d.words = append(d.words, words)
		}
	case "google.rpc.BadRequest":
		for _, v := range decode(d, i, detail, new(errdetails.BadRequest)).GetFieldViolations() {
			d.violation(v.GetField(), v.GetLocalizedMessage())
		}
	case "buf.validate.Violations":
		for _, v := range decode(d, i, detail, new(validate.Violations)).GetViolations() {
			d.violation(rules.Path(v.GetField()), nil)
		}
	case "intentgate.v1.Reply":
		reply := decode(d, i, detail, new(intentgatev1.Reply))
		switch {
		case reply == nil:
		case d.reply != nil:
			d.ignore("details[%d]: it is a second Reply; the first is obeyed", i)
		default:
			d.reply = reply
		}
	}
}

// decode returns the message that a detail holds, nil if its bytes are none.
func decode[M proto.Message](d *details, i int, detail *anypb.Any, message M) M {
	if err := proto.Unmarshal(detail.GetValue(), message); err != nil {
		d.ignore("details[%d]: its %d bytes are no %s", i, len(detail.GetValue()), detail.MessageName())
		var none M
		return none
	}
	return message
}

// violation notes a field at fault. One that is named twice is one, perhaps with words in two languages.
func (d *details) violation(path string, words *errdetails.LocalizedMessage) {
	if d.violations++; d.violations > maxViolations {
		if d.violations == maxViolations+1 {
			d.ignore("violations[%d:]: a status may have as many", maxViolations)
		}
		return
	}
	at := slices.IndexFunc(d.fields, func(f field) bool { return f.path == path })
	if at < 0 {
		at, d.fields = len(d.fields), append(d.fields, field{path: path})
	}
	if words.GetMessage() != "" {
		d.fields[at].words = append(d.fields[at].words, words)
	}
}
