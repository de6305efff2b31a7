// Package turns makes the webhook requests that a benchmark is played with: of any size, and each of another turn.
package turns

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Method is which kind of method a turn is for. Its agent says so by the names of its intents, tags and actions.
type Method string

// The methods.
const (
	Typed         Method = "typed"         // one of the service's own
	IntentService Method = "intentservice" // IntentService.Fulfill
	Canonical     Method = "canonical"     // one that takes and returns Dialogflow's own messages
)

// names are the intent, which is the action, too, and the tag.
var names = map[Method][2]string{
	Typed: {"order.track", "track-order"}, IntentService: {"plain.track", "track-plain"}, Canonical: {"canon.track", "track-canon"},
}

// Intent is what a turn for the method is of.
func (m Method) Intent() (name, tag string) { return names[m][0], names[m][1] }

// File is where the turn lies that those of a platform, ES or CX, are made of, in the benchmark's folder.
func File(dir, platform string) string { return filepath.Join(dir, platform+".json") }

// Template makes the requests of one kind. It may be used by many goroutines.
type Template struct {
	body               []byte
	session, id, order []int // where their numbers stand
}

// numberLength is that of the numbers of sessions and turns, in hexadecimal digits.
const numberLength = 12

// Answer begins what services say of an order, whose number follows.
const Answer = "Order "

// Read makes a template of the turn in a benchmark's folder, grown to size bytes at least: of ES the contexts pile up, of CX the
// session's parameters.
func Read(dir, platform string, method Method, size int) (*Template, error) {
	body, err := os.ReadFile(File(dir, platform))
	if err != nil {
		return nil, err
	}
	session, id := "90be2d7f6c11", "2f6b1c0a9e77"
	if platform == "CX" {
		session, id = "dfcx-3e91-a7c2", "0a6d5e3f2b18"
	}
	name, tag := method.Intent()
	body = bytes.ReplaceAll(body, []byte("order.track"), []byte(name))
	body = bytes.ReplaceAll(body, []byte("track-order"), []byte(tag))
	if body, err = grow(body, platform, size); err != nil {
		return nil, fmt.Errorf("%s: %w", File(dir, platform), err)
	}
	t := &Template{body: body}
	for _, part := range []struct {
		text string
		at   *[]int
	}{{session, &t.session}, {id, &t.id}, {"A-1001", &t.order}} {
		for from := 0; ; from++ {
			i := bytes.Index(body[from:], []byte(part.text))
			if i < 0 {
				break
			}
			from += i
			*part.at = append(*part.at, from)
		}
		if *part.at == nil {
			return nil, fmt.Errorf("%s: it has no %q", File(dir, platform), part.text)
		}
	}
	return t, nil
}

// Example is a request as it stands in the template.
func (t *Template) Example() []byte { return t.body }

// Body returns the request of a turn of its own, and the number of the order that it asks for. A session has four turns.
func (t *Template) Body(turn uint64) (body []byte, order string) {
	body = bytes.Clone(t.body)
	put := func(at []int, text string) {
		for _, i := range at {
			copy(body[i:], text)
		}
	}
	order = fmt.Sprintf("A-%04d", 1000+turn%9000)
	put(t.session, fmt.Sprintf("%0*x", numberLength, turn/4))
	put(t.id, fmt.Sprintf("%0*x", numberLength, turn))
	put(t.order, order)
	return body, order
}

// grow adds to a request what makes those of long conversations large.
func grow(body []byte, platform string, size int) ([]byte, error) {
	if len(body) >= size {
		return body, nil
	}
	var request map[string]any
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	member := func(of map[string]any, name string) map[string]any {
		m, _ := of[name].(map[string]any)
		return m
	}
	query, session := member(request, "queryResult"), member(member(request, "sessionInfo"), "parameters")
	for i := 0; len(body) < size; {
		for range 1 + (size-len(body))/600 { // an item has a little less
			item := map[string]any{
				"product": fmt.Sprintf("soup-bowl-%03d", i), "product.original": "the blue bowl for soup", "quantity": i%9 + 1,
				"price": map[string]any{"amount": 14.5 + float64(i), "currency": "EUR"}, "wrapped": i%2 == 0, "note": "a gift for Müller & Söhne",
			}
			if platform == "CX" {
				session[fmt.Sprintf("item_%03d", i)] = item
			} else {
				contexts, _ := query["outputContexts"].([]any)
				query["outputContexts"] = append(contexts, map[string]any{
					"name": fmt.Sprintf("%s/contexts/item-%03d", request["session"], i), "lifespanCount": 5, "parameters": item,
				})
			}
			i++
		}
		var err error
		if body, err = json.MarshalIndent(request, "", "  "); err != nil {
			return nil, err
		}
	}
	return body, nil
}
