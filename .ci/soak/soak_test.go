package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// TestJudge shows the judge what must not be, and what may.
func TestJudge(t *testing.T) {
	t.Parallel()
	killed := &gateway{}
	killed.killed.Store(true)
	const es, cx = dialogflow.V2, dialogflow.V3
	ok := func(body string) try {
		return try{status: http.StatusOK, body: []byte(body), took: time.Second, patience: clock, gateway: &gateway{}}
	}
	fails := func(err error) try { return try{err: err, took: time.Second, patience: clock, gateway: &gateway{}} }
	said := `{"fulfillmentText": "Tracked 7."}`
	apology := `{"fulfillmentText": "` + fallbackPrefix + `timeout"}`
	event := `{"followupEventInput": {"name": "` + continueEvent + `", "languageCode": "en", "parameters": {"nonce": "x"}}}`
	for name, c := range map[string]struct {
		api     dialogflow.API
		try     try
		spoilt  bool
		fair    bool
		stalled bool
		kind    string
		rule    string
	}{
		"good":                   {api: es, try: ok(said), fair: true, kind: "service"},
		"good on CX":             {api: cx, try: ok(`{"fulfillmentResponse": {"messages": [{"text": {"text": ["Tracked 7."]}}]}}`), fair: true, kind: "service"},
		"fallback":               {api: es, try: ok(apology), kind: "fallback timeout"},
		"fallback that is due":   {api: es, try: ok(apology), fair: true, spoilt: true, kind: "fallback timeout"},
		"fallback without fault": {api: es, try: ok(apology), fair: true, kind: "fallback timeout", rule: ruleFair},
		"fallback on a stalled machine": {
			api: es, try: ok(apology), fair: true, stalled: true, kind: "fallback timeout",
		},
		"unknown fallback":        {api: es, try: ok(`{"fulfillmentText": "Fallback: boredom"}`), kind: "broken", rule: ruleWords},
		"another's words":         {api: es, try: ok(`{"fulfillmentText": "Tracked 71."}`), kind: "broken", rule: ruleWords},
		"spoilt words":            {api: es, try: ok(said), spoilt: true, kind: "broken", rule: ruleWords},
		"silence":                 {api: es, try: ok(`{}`), kind: "broken", rule: ruleWords},
		"continues":               {api: es, try: ok(event), fair: true, kind: "continues"},
		"another event":           {api: es, try: ok(strings.Replace(event, continueEvent, "EVIL", 1)), kind: "broken", rule: ruleWords},
		"no JSON":                 {api: es, try: ok(said[:9]), kind: "broken", rule: ruleForm},
		"garbage behind the JSON": {api: es, try: ok(said + "x"), kind: "broken", rule: ruleForm},
		"unknown member":          {api: cx, try: ok(said), kind: "broken", rule: ruleForm},
		"too large":               {api: es, try: ok(`{"fulfillmentText": "` + strings.Repeat("x", 64<<10) + `"}`), kind: "broken", rule: ruleForm},
		"status":                  {api: es, try: try{status: 503, patience: clock, gateway: &gateway{}}, kind: "broken", rule: ruleAnswer},
		"late":                    {api: es, try: fails(os.ErrDeadlineExceeded), kind: "broken", rule: ruleClock},
		"late answer":             {api: es, try: try{status: 200, body: []byte(said), took: clock + 1, patience: clock}, kind: "broken", rule: ruleClock},
		"late while connecting":   {api: es, try: fails(fmt.Errorf("connect: %w", context.DeadlineExceeded)), kind: "broken", rule: ruleClock},
		"late on a stalled machine": {
			api: es, try: fails(os.ErrDeadlineExceeded), stalled: true, kind: "stalled",
		},
		"hung up":  {api: es, try: fails(errors.New("EOF")), kind: "broken", rule: ruleHangUp},
		"killed":   {api: es, try: try{err: errors.New("EOF"), patience: clock, gateway: killed}, fair: true, kind: "cut"},
		"given up": {api: es, try: try{err: os.ErrDeadlineExceeded, patience: time.Second, left: true, gateway: &gateway{}}, fair: true, kind: "left"},
		"given up, and answered after all": {
			api: es, try: try{status: 200, body: []byte(said), took: time.Second + 1, patience: time.Second, left: true, gateway: &gateway{}}, kind: "left",
		},
		"hung up meanwhile": {api: es, try: try{err: errors.New("EOF"), patience: time.Second, left: true, gateway: &gateway{}}, kind: "broken", rule: ruleHangUp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := question{api: c.api, request: []byte(`{"session": "projects/shop/agent/sessions/s"}`), words: ask{number: 7}.words(track), spoilt: c.spoilt}
			if got := judge(q, c.try, c.fair, c.stalled); got.kind != c.kind || got.rule != c.rule {
				t.Errorf("%q, rule %q (%s); want %q, rule %q", got.kind, got.rule, got.what, c.kind, c.rule)
			}
		})
	}
}

// TestAudit shows a soak a journal with what must not be in it, and claims that are not in it.
func TestAudit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	line := func(key string, turn int) string {
		return fmt.Sprintf(`{"key":%q,"turn":%d,"answer":%q}`+"\n", key, turn, base64.StdEncoding.EncodeToString([]byte("a")))
	}
	for name, c := range map[string]struct {
		lines  string
		claims []uint64
		broken []string
	}{
		"good":             {lines: line("a", 1) + line("b", 2), claims: []uint64{2, 1}},
		"half a line":      {lines: line("a", 1) + `{"key":"b",`, claims: []uint64{1}},
		"a key twice":      {lines: line("a", 1) + line("b", 2) + line("a", 1), broken: []string{ruleKey}},
		"a turn twice":     {lines: line("a", 1) + line("b", 1), broken: []string{ruleTurn}},
		"a claim too many": {lines: line("a", 1), claims: []uint64{1, 2}, broken: []string{ruleClaim}},
		"no journal":       {lines: "{\n", broken: []string{ruleClaim}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := path + strings.ReplaceAll(name, " ", "-")
			if err := os.WriteFile(path, []byte(c.lines), 0o600); err != nil {
				t.Fatal(err)
			}
			s := testSoak()
			var err error
			if s.ledger, err = openLedger(path); err != nil {
				t.Fatal(err)
			}
			for _, number := range c.claims {
				s.claim(number)
			}
			s.audit()
			s.audit()
			s.want(t, c.broken...)
		})
	}
}

func testSoak() *soak {
	s := &soak{tally: newTally()}
	s.enter("test", true)
	return s
}

// want wants these rules to be broken, and no other.
func (s *soak) want(t *testing.T, rules ...string) {
	t.Helper()
	var got []string
	for _, b := range s.tally.breaches() {
		got = append(got, b.Rule)
	}
	slices.Sort(rules)
	if !slices.Equal(got, rules) {
		t.Errorf("broken: %q, want %q", got, rules)
	}
}

// TestJournal has the service remember over a restart what it has done, and cut off what was half written.
func TestJournal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := openJournal(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	j.Put(context.WithValue(t.Context(), turnKey{}, uint64(5)), "key", []byte("answer"))
	if _, err := j.file.WriteString(`{"key":"half`); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, err = openJournal(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if answer, ok, err := j.Get(t.Context(), "key"); string(answer) != "answer" || !ok || err != nil {
		t.Errorf("%q %t %v", answer, ok, err)
	}
	j.Put(context.WithValue(t.Context(), turnKey{}, uint64(6)), "next", []byte("answer"))
	s := testSoak()
	if s.ledger, err = openLedger(path); err != nil {
		t.Fatal(err)
	}
	s.audit()
	if s.want(t); !s.ledger.has(5) || !s.ledger.has(6) || len(s.ledger.turns) != 2 {
		t.Errorf("turns %v", s.ledger.turns)
	}
}

// TestMeasures shows what is measured what is too much.
func TestMeasures(t *testing.T) {
	t.Parallel()
	before := usage{Descriptors: 20, Goroutines: 50}
	for after, problems := range map[usage]int{
		{Descriptors: 21, Goroutines: 55}:  0,
		{Descriptors: 30, Goroutines: 50}:  1,
		{Descriptors: 10, Goroutines: 150}: 1,
	} {
		if got := leaked("one", before, after); len(got) != problems {
			t.Errorf("%+v: %q", after, got)
		}
	}
	for _, c := range []struct {
		late  int
		rules []string
	}{{110 << 10, nil}, {400 << 10, []string{ruleMemory}}} {
		s, m := testSoak(), &memory{}
		for i := range 100 {
			m.samples = append(m.samples, 100<<10+i*(c.late-100<<10)/100)
		}
		m.judge(s)
		s.want(t, c.rules...)
	}
	s := testSoak()
	for _, message := range []string{`{"msg": "Turn", "reason": "panic"}`, "panic: runtime error", `{"msg": "Serving"}`} {
		_, _ = (&logScan{each: s.overhear("one")}).Write([]byte(message + "\n"))
	}
	if s.want(t, ruleProcess); s.tally.breaches()[0].Times != 2 {
		t.Errorf("%+v", s.tally.breaches())
	}
}

// TestCovered shows a soak that nothing has happened in, and one in which all has.
func TestCovered(t *testing.T) {
	t.Parallel()
	s := testSoak()
	s.ledger = &ledger{}
	s.covered()
	if s.want(t, ruleCoverage); s.tally.breaches()[0].Times != 6 {
		t.Errorf("%+v", s.tally.breaches())
	}
	s = testSoak()
	s.ledger = &ledger{turns: map[uint64]struct{}{1: {}}}
	for _, kind := range []string{"service", "fallback timeout", "left", "continues"} {
		s.count(s.phase(), question{spoilt: true}, try{}, verdict{kind: kind}, 1)
	}
	_, _ = (&logScan{each: s.overhear("one")}).Write([]byte(`{"msg": "Turn", "joined": "call", "tries": 2}` + "\n"))
	if s.covered(); s.tally.rows["test"].retried != 1 {
		t.Error("the gateway's own second try is not counted")
	}
	s.want(t)
}

// TestAsk has what is asked arrive as it was.
func TestAsk(t *testing.T) {
	t.Parallel()
	for _, want := range []ask{
		{number: 1},
		{number: 1 << 60, before: time.Second, after: 5 * time.Millisecond, large: true, garbage: 3, refuse: true},
	} {
		if got, err := parseAsk(want.String()); got != want || err != nil {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	for _, bad := range []string{"", "x", "1.large", "1.new=1"} {
		if _, err := parseAsk(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// TestCommandLine refuses what is wrong.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--for", "0s"}, {"--only", "nothing"}, {"more"}, {"--unknown"}} {
		var out strings.Builder
		if err := run(t.Context(), args, &out, &out); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	var out strings.Builder
	if err := run(t.Context(), []string{"--help"}, &out, &out); err != nil || !strings.Contains(out.String(), "service killed") {
		t.Errorf("%v: %s", err, out.String())
	}
}
