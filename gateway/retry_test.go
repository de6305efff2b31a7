package gateway_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// An answer is there for Dialogflow's retry for a minute, and for as long as a retry is likely where nothing but the same words tells it.
func TestKeptAnswers(t *testing.T) {
	t.Parallel()
	const timeout = 10 * time.Second
	again := recorded(t, "es-order-track", "2f6b1c0a9e77-21947381", "another")
	nameless := turnID.ReplaceAllString(again, `esponseId": ""`)
	for name, c := range map[string]struct {
		ids           bool // tell
		first, second string
		after         time.Duration
		joined        string
	}{
		"the same id":             {true, again, again, 59 * time.Second, "answer"},
		"the same id, too late":   {true, again, again, time.Minute, ""},
		"another id":              {true, recorded(t, "es-order-track"), again, 0, ""},
		"no ids":                  {false, recorded(t, "es-order-track"), again, timeout - time.Second, "answer"},
		"no ids, too late":        {false, recorded(t, "es-order-track"), again, timeout, ""},
		"an empty id":             {true, nameless, nameless, timeout - time.Second, "answer"},
		"an empty id, too late":   {true, nameless, nameless, timeout, ""},
		"no ids, another request": {false, again, strings.Replace(again, `"number": 7.0`, `"number": 8.0`, 1), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var later atomic.Int64
			f := start(t, func(s *setup) {
				s.RetriesRepeatID, s.Timeout = c.ids, timeout
				s.clock = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
			})
			first := f.say(c.first)
			f.line()
			later.Store(int64(c.after))
			second := f.say(c.second)
			if l := f.line(); l.Joined != c.joined || first.body != second.body || len(f.service.calls) == 1 != (c.joined != "") {
				t.Errorf("logged %+v after %d calls; answers %+v, %+v", l, len(f.service.calls), first, second)
			}
		})
	}
}
