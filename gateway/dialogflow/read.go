package dialogflow

import (
	"bytes"
	"errors"
	"slices"
)

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
	fields := esRequest
	if platform == CX {
		fields = cxRequest
	}
	err := read(t, body, func(r *reader) error {
		err := object(r, fields, t)
		if r.next(); err == nil && r.pos < len(body) {
			err = errSyntax
		}
		return err
	})
	if errors.Is(err, errSyntax) {
		err = explain(body)
	}
	if err != nil {
		return nil, err
	}
	if err := check(t); err != nil {
		return nil, err
	}
	return t, nil
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
	case t.Platform != CX && t.Intent.DisplayName == "" && t.Intent.Name == "" && t.Action == "":
		return &SyntaxError{Path: "queryResult", Problem: "names neither an intent nor an action, wanted one to route by"}
	}
	// Defaults are left out of the body, so that absent is false; but bodies cut down by hand lack the field as well.
	t.FillingSlots = !t.allRequired && slices.ContainsFunc(t.Parameters, func(p Parameter) bool { return empty(p.Value) })
	return nil
}
