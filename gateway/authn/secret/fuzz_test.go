package secret_test

import (
	"net/http"
	"testing"
)

// What is accepted is what was configured, as Go's own reader of Basic authentication sees it.
func FuzzVerify(f *testing.F) {
	s := set(f, credentials(f)...)
	f.Add(basic("shop:"+password), "")
	f.Add("", key)
	f.Add("basic  c2hvcDo=", key+" ")
	f.Add(basic("shop:"+password)+"=", "x")
	f.Add("Basic \r\n", "\x00")
	f.Fuzz(func(t *testing.T, authorization, value string) {
		header := http.Header{"Authorization": {authorization}, "X-Webhook-Key": {value}}
		c, refusal := s.Verify(header)
		if (c == nil) == (refusal == nil) {
			t.Fatalf("either a credential or a refusal is wanted: %+v, %+v", c, refusal)
		}
		username, sent, ok := (&http.Request{Header: header}).BasicAuth()
		right := map[string]bool{"basic": ok && username == "shop" && sent == password, "header": value == key}
		switch {
		case c == nil:
			silent(t, refusal)
			if right["header"] && authorization == "" {
				t.Errorf("refused what is right: %v", refusal)
			}
		case !right[c.Name]:
			t.Errorf("taken for %s", c.Name)
		}
	})
}
