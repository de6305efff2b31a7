package gateway_test

import (
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// Tries of one turn have one id, and nothing else has it.
func TestRequestID(t *testing.T) {
	es := func(replacements ...string) string { return recorded(t, "es-order-track", replacements...) }
	form := func(replacements ...string) string { return recorded(t, "cx-form-filling", replacements...) }
	event := func(replacements ...string) string { return recorded(t, "cx-trigger-event", replacements...) }
	const esTurn, cxTurn = "2f6b1c0a9e77-21947381", "b1c7e2a9-44d0-4f7e-8c1b-0a6d5e3f2b18"
	changing := func(s *setup) { s.RetriesRepeatID = false }

	for name, c := range map[string]struct {
		change func(*setup)
		a, b   string
		same   bool
	}{
		"the same turn": {a: es(), b: es(), same: true},
		"a turn id":     {a: es(), b: es(esTurn, "another")},
		"a parameter":   {a: es(), b: es(`"number": 7.0`, `"number": 8`)},
		"a session":     {a: es(), b: es("90be2d7f6c11", "another")},
		"the same turn, where a retry has an id of its own": {change: changing, a: es(), b: es(esTurn, "another"), same: true},
		"a parameter, where a retry has an id of its own":   {change: changing, a: es(), b: es(`"number": 7.0`, `"number": 8`)},

		"the same form":           {change: onCX(nil), a: form(), b: form(), same: true},
		"a form's turn id":        {change: onCX(nil), a: form(), b: form(cxTurn, "another")},
		"a form's value":          {change: onCX(nil), a: form(), b: form(`"value": "A-1001"`, `"value": "A-1002"`)},
		"a page":                  {change: onCX(nil), a: form(), b: form("pages/c2a1", "pages/c2a2")},
		"an event":                {change: onCX(nil), a: event(), b: event("sys.no-input-default", "sys.no-match-default")},
		"an agent":                {change: onCX(nil), a: form(), b: form("5f8a3c1e-2b7d-4c90-a6e4-1d0f9b3c7a52", "another")},
		"the same form, retried":  {change: onCX(changing), a: form(), b: form(cxTurn, "another"), same: true},
		"a form's value, retried": {change: onCX(changing), a: form(), b: form(`"value": "A-1001"`, `"value": "A-1002"`)},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := start(t, c.change).play(c.a), start(t, c.change).play(c.b) // one would have the second join the first
			first, second := a.metadata.Get(caller.MetadataRequestID)[0], b.metadata.Get(caller.MetadataRequestID)[0]
			if (first == second) != c.same {
				t.Errorf("ids %s and %s, want the same: %t", first, second, c.same)
			}
			// The turn's own id gets to the service whether or not it is a part of the request's.
			if _, ref := decoded(t, b.metadata); ref.GetRequestId() != second {
				t.Errorf("the call reference says %s, the metadata %s", ref.GetRequestId(), second)
			}
		})
	}
}

// The same words with the webhook's JSON beside them are the same call.
func TestRequestIDWithoutWebhookJSON(t *testing.T) {
	body := recorded(t, "es-order-track")
	plain, withJSON := start(t, nil), start(t, func(s *setup) { s.webhookJSON = true })
	a, b := plain.play(body), withJSON.play(body)
	if len(b.request) <= len(a.request)+len(body) {
		t.Errorf("requests of %d and %d bytes: the JSON is missing", len(a.request), len(b.request))
	}
	if a, b := a.metadata[caller.MetadataRequestID][0], b.metadata[caller.MetadataRequestID][0]; a != b {
		t.Errorf("ids %s and %s", a, b)
	}
}

// decoded returns what the metadata says.
func decoded(t *testing.T, md metadata.MD) (*intentgatev1.Caller, *intentgatev1.CallRef) {
	t.Helper()
	who, ref := new(intentgatev1.Caller), new(intentgatev1.CallRef)
	for key, message := range map[string]proto.Message{caller.MetadataCaller: who, caller.MetadataCall: ref} {
		if err := proto.Unmarshal([]byte(md.Get(key)[0]), message); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	return who, ref
}
