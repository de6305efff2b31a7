package main

const (
	soakRoom  = ".ci/soak"
	soakJudge = ".ci/soak/judge.go"
	soakFile  = ".ci/soak/soak.go"
)

// soaks are the rules that a soak fails by: one that lets everything pass proves nothing.
var soaks = []mutation{
	{
		name:  "soak: an answer that comes too late",
		edits: []edit{{soakJudge, ` || t.err == nil && t.took > t.patience`, ``}},
		red:   []check{{soakRoom, `TestJudge/late_answer`}},
	},
	{
		name:  "soak: a connection that breaks",
		edits: []edit{{soakJudge, `t.gateway != nil && t.gateway.killed.Load()`, `t.gateway != nil`}},
		red:   []check{{soakRoom, `TestJudge/hung_up`}},
	},
	{
		name:  "soak: an answer that the platform does not take",
		edits: []edit{{soakJudge, `!outcome.Accepted || len(outcome.Problems) > 0`, `len(outcome.Problems) > 100`}},
		red:   []check{{soakRoom, `TestJudge/unknown_member`}},
	},
	{
		name:  "soak: the words of another turn",
		edits: []edit{{soakJudge, `heard == q.words`, `heard[:9] == q.words[:9]`}},
		red:   []check{{soakRoom, `TestJudge/another's_words`}},
	},
	{
		name:  "soak: a fallback without a fault",
		edits: []edit{{soakJudge, `fair && !q.spoilt && !stalled`, `false`}},
		red:   []check{{soakRoom, `TestJudge/fallback_without_fault`}},
	},
	{
		name:  "soak: a side effect twice",
		edits: []edit{{".ci/soak/journal.go", `_, done := l.keys[e.Key]; done`, `false`}},
		red:   []check{{soakRoom, `TestAudit/a_key_twice`}},
	},
	{
		name:  "soak: a claim that is not true",
		edits: []edit{{soakFile, `!s.ledger.has(number)`, `false`}},
		red:   []check{{soakRoom, `TestAudit/a_claim_too_many`}},
	},
	{
		name:  "soak: a soak of nothing",
		edits: []edit{{soakFile, `n == 0 && len`, `n < 0 && len`}},
		red:   []check{{soakRoom, `TestCovered`}},
	},
}
