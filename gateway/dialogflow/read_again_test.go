package dialogflow

import (
	"strings"
	"testing"
)

// TestReadersStaySmall has bodies of very many contexts, parameters and names: what is used for the next turn is none of their lists.
func TestReadersStaySmall(t *testing.T) {
	for what, members := range map[string]string{
		"contexts":   `"outputContexts": [{}` + strings.Repeat(",{}", 4*maxListed) + `]`,
		"parameters": `"parameters": ` + objectOf(4*maxListed),
		"names":      `"diagnosticInfo": ` + objectOf(4*maxListed),
	} {
		body := []byte(`{"session": "projects/shop/agent/sessions/1", "queryResult": {"action": "track", ` + members + `}}`)
		if len(body) > maxKept {
			t.Fatalf("%s: %d bytes, want fewer than what is left to the garbage collector anyway", what, len(body))
		}
		for range 20 { // a pool may forget
			if _, err := Read(ES, body); err != nil {
				t.Fatal(err)
			}
			r, _ := readers.Get().(*reader)
			if most := max(cap(r.params), cap(r.contexts), cap(r.names)); most > maxListed {
				t.Fatalf("%s: the next turn's reader has a list of %d", what, most)
			}
		}
	}
}

func objectOf(members int) string {
	var all strings.Builder
	all.WriteString(`{"": 1`)
	for i := range members {
		all.WriteString(`, "` + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + `": 1`)
	}
	return all.String() + "}"
}
