package conversation_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/conversation"
)

// TestUpdate brings a file up to date in which everything is different: comments, order and the lines of all else stay, and
// it is as expected afterwards.
func TestUpdate(t *testing.T) {
	t.Parallel()
	data, _, _ := bytes.Cut(read(t, "es.wrong.yaml"), []byte("  - name: Nobody expects"))
	data = append(data, "# The end.\n"...)
	file := parsed(t, data)
	updated, changed, err := file.Update(perform(t, file, conversation.ES, wrongCalls, wrongAnswers...))
	if err != nil || changed != 24 {
		t.Errorf("%d changes, %v", changed, err)
	}
	golden(t, "es.updated.golden.yaml", string(updated))
	file = parsed(t, updated)
	results := perform(t, file, conversation.ES, wrongCalls, wrongAnswers...)
	if results[0].Failed() {
		t.Errorf("it is not as expected yet: %s", results[0].Text(false))
	}
	if again, changed, err := file.Update(results); err != nil || changed != 0 || !bytes.Equal(again, updated) {
		t.Errorf("%d more changes, %v:\n%s", changed, err, again)
	}
}

// TestUpdateLeaves has files stay as they are where it is not known what to write.
func TestUpdateLeaves(t *testing.T) {
	t.Parallel()
	const es, cx = `{"fulfillmentText": "a"}`, `{"fulfillmentResponse": {"messages": [{"text": {"text": ["b"]}}]}}`
	head := "conversations:\n  - name: one\n    turns:\n      - say: x\n        tag: t\n        expect: "
	for name, c := range map[string]struct{ expect, es, want string }{
		"platforms differ":         {`{heard: c}`, es, `turn 1 of one (ES): heard is "a", and cannot be written down`},
		"one platform is right":    {`{heard: b}`, es, `turn 1 of one (CX): heard is "b", and cannot be written down`},
		"unexpected":               {`{parameters: {x: null}}`, `5`, `turn 1 of one (ES): problems is ["the HTTP status is 500, 200 is wanted"], and cannot be written down`},
		"only one has it":          {`{target: flows/f, contexts: {c: null}}`, es, ``},
		"both differ the same way": {`{status: 500}`, es, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := parsed(t, []byte(head+c.expect+"\n"))
			results := append(perform(t, file, conversation.CX, nil, cx), perform(t, file, conversation.ES, nil, c.es)...)
			data, changed, err := file.Update(results)
			if c.want == "" {
				if err != nil || changed != 1 {
					t.Errorf("%d changes, %v: %s", changed, err, data)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "testdata/file.yaml:") || changed != 0 || string(data) != head+c.expect+"\n" {
				t.Errorf("error is %v, want one with %q, and no change: %s", err, c.want, data)
			}
		})
	}
	file := parsed(t, []byte(head+"{heard: a}\n"))
	if _, _, err := file.Update([]*conversation.Result{file.Conversations[0].Failed("ES", bytes.ErrTooLarge)}); err == nil {
		t.Error("a conversation that was not played is brought up to date")
	}
}
