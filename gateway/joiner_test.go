package gateway_test

import (
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/joins"
)

// Nobody hears an answer that somebody got who has proven more, or something else: services decide by that. What a request states is
// not enough.
func TestJoinerIsTheCaller(t *testing.T) {
	t.Parallel()
	proven := func(s *setup) { s.Platform, s.API, s.Profiles = dialogflow.CX, dialogflow.V3, []string{"agent"} }
	for name, c := range map[string]struct {
		other  func(*setup)
		joined string
	}{
		"the same":        {proven, "answer"},
		"less is proven":  {func(s *setup) { proven(s); s.Profiles = []string{"dialogflow-like"} }, ""},
		"another webhook": {func(s *setup) { proven(s); s.Path = "/others" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shared := must(joins.New(joins.Config{Now: time.Now}))(t)
			f := start(t, func(s *setup) { proven(s); s.joins = shared })
			g := start(t, func(s *setup) { c.other(s); s.joins = shared })
			turn := recorded(t, "cx-order-track")
			f.play(turn)
			if got := g.send(g.request(t.Context(), turn)); got.status != 200 {
				t.Fatalf("%+v", got)
			}
			if l := g.line(); l.Joined != c.joined || len(g.service.calls) == 1 != (c.joined == "") {
				t.Errorf("joined %q after %d calls of its own, want %q", l.Joined, len(g.service.calls), c.joined)
			}
		})
	}
}
