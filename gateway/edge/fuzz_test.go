package edge_test

import (
	"errors"
	"mime"
	"net/http"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/edge"
)

// Whatever a header is called, nothing of the gateway's own is left; whatever it says, only JSON by POST is let in.
func FuzzHeaders(f *testing.F) {
	f.Add("POST", "Intentgate-Caller-Bin", "application/json", "identity")
	f.Add("POST", "ıntentgate-x", "application/json;charset=\"UTF-8\"", "")
	f.Add("POST", "İntentgate-", "application/json", "")
	f.Add("PUT", "iNTENTGATE-", "application/json; charset=utf-8; charset=utf-7", "gzip")
	f.Add("POST", "Intentgate", "application/json;;", "identity, gzip")
	f.Fuzz(func(t *testing.T, method, name, kind, encoding string) {
		header := http.Header{name: {"x"}, "Content-Type": {kind}, "X-Kept": {"x"}}
		if encoding != "" {
			header["Content-Encoding"] = []string{encoding}
		}
		edge.StripReserved(header)
		for name := range header {
			if strings.HasPrefix(strings.ToLower(name), "intentgate-") {
				t.Errorf("%q is left", name)
			}
		}
		if header["X-Kept"] == nil {
			t.Error("more is gone than what is reserved")
		}
		err := edge.Admit(&http.Request{Method: method, Header: header})
		var refused *edge.RequestError
		if err != nil {
			if !errors.As(err, &refused) || refused.Status < 400 || refused.Status > 499 {
				t.Errorf("refused with %v", err)
			}
			return
		}
		media, _, problem := mime.ParseMediaType(header.Get("Content-Type"))
		if method != http.MethodPost || problem != nil || media != "application/json" || !strings.EqualFold(header.Get("Content-Encoding"), "identity") && header["Content-Encoding"] != nil {
			t.Errorf("let in: %q %q", method, header)
		}
	})
}
