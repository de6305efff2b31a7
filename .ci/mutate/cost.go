package main

// costs are what keeps a turn cheap, and would otherwise go unnoticed: nothing but a count of allocations is other without it.
var costs = []mutation{
	{
		name:  "cost: the memory of a body is used again",
		edits: []edit{{"gateway/edge/body.go", `smallBodies.Put((*[smallBody]byte)(body[:smallBody]))`, `_ = body`}},
		red:   []check{{"gateway", `TestAllocations`}},
	},
	{
		name:  "cost: the memory of a line is used again",
		edits: []edit{{"gateway/telemetry/line.go", `t.lines.Put(l)`, ``}},
		red:   []check{{"gateway", `TestAllocations`}},
	},
	{
		name:  "cost: a token's proof is remembered",
		edits: []edit{{"gateway/authn/idtoken/verifier.go", `v.seen.put(hash, p)`, ``}},
		red:   []check{{"gateway", `TestAllocations`}},
	},
}
