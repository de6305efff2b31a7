package main

const (
	methodFile     = "gateway/binding/method.go"
	invalidFile    = "gateway/binding/invalid.go"
	rulesFile      = "gateway/binding/rules/rules.go"
	compileFile    = "gateway/binding/rules/compile.go"
	readFile       = "gateway/binding/rules/read.go"
	expressionFile = "gateway/binding/rules/expression.go"
	estimateFile   = "gateway/binding/rules/estimate.go"
	callFile       = "gateway/binding/rules/call.go"
	bindingRoom    = "gateway/binding"
	rulesRoom      = "gateway/binding/rules"
)

// validation is what keeps a request that breaks a rule from a service, and rules from keeping the gateway busy.
var validation = []mutation{
	{
		name:  "rule: nothing is sent",
		edits: []edit{{methodFile, `case len(broken) > 0:`, `case false:`}},
		red:   []check{{bindingRoom, `TestRules$`}},
	},
	{
		name:  "rule: one that fails lets nothing through",
		edits: []edit{{methodFile, "case err != nil:\n\t\treturn Call{}, fmt.Errorf(\"checking", "case false:\n\t\treturn Call{}, fmt.Errorf(\"checking"}},
		red:   []check{{bindingRoom, `TestRulesThatFail`}},
	},
	{
		name:  "rule: no sensitive value in what it says",
		edits: []edit{{invalidFile, `if rule.Made && sensitive || rule.Message == "" {`, `if sensitive && false || rule.Message == "" {`}},
		red:   []check{{bindingRoom, `TestRules$`}},
	},
	{
		name:  "rule: what is made by an expression",
		edits: []edit{{rulesFile, `Made: !standard(v.Proto.GetRule()) && !c.texts[v.Proto.GetMessage()],`, ``}},
		red:   []check{{rulesRoom, `TestMade`}, {bindingRoom, `TestRules$`}},
	},
	{
		name:  "rule: no key of a map in its path",
		edits: []edit{{rulesFile, `b.WriteString("[…]")`, `b.WriteString("[" + element.GetStringKey() + "]")`}},
		red:   []check{{bindingRoom, `TestRules$`}},
	},
	{
		name:  "rule: bytes of a request",
		edits: []edit{{rulesFile, `if c.bounded && len(wire) > maxBytes {`, `if false {`}},
		red:   []check{{bindingRoom, `TestRulesOfLargeRequests`}},
	},
	{
		name:  "rule: elements of a request",
		edits: []edit{{rulesFile, `c.bounded && !count(message, &left)`, `left < 0`}},
		red:   []check{{bindingRoom, `TestRulesOfLargeRequests`}},
	},
	{
		name:  "rule: newer than the gateway",
		edits: []edit{{readFile, `case len(rules.ProtoReflect().GetUnknown()) > 0:`, `case false:`}},
		red:   []check{{rulesRoom, `TestRefused/a_newer_rule$`}},
	},
	{
		name:  "rule: unreadable",
		edits: []edit{{readFile, "case err != nil:\n\t\tc.problem", "case false:\n\t\tc.problem"}},
		red:   []check{{rulesRoom, `TestRefused$`}},
	},
	{
		name:  "rule: compiled one by one",
		edits: []edit{{compileFile, `{ return d == at })`, `{ return d != nil })`}},
		red:   []check{{rulesRoom, `TestRefused/behind_one_that_fails`}},
	},
	{
		name:  "rule: one that does not compile stays refused",
		edits: []edit{{compileFile, "problems = append(problems, t.problems...)\n\t\truled", "ruled"}, {compileFile, `if t.verified {`, `if t.verified && func() bool { t.problems = nil; return true }() {`}},
		red:   []check{{rulesRoom, `TestRefused/no_field`}},
	},
	{
		name:  "rule: the cost of an expression, and of a pattern",
		edits: []edit{{expressionFile, `whole > maxCost || c.computed > maxCompiling {`, `whole < 0 {`}, {compileFile, `if cost := c.cost(all); cost > maxCost {`, `if cost := c.cost(all); cost < 0 {`}},
		red:   []check{{rulesRoom, `TestHostile/nested_loops|TestHostile/a_huge_pattern|TestHostile/replacing_again`}},
	},
	{
		name:  "rule: the cost of all together",
		edits: []edit{{compileFile, `if cost := c.cost(all); cost > maxCost {`, `if cost := c.cost(all); cost < 0 {`}},
		red:   []check{{rulesRoom, `TestTogether`}},
	},
	{
		name:  "rule: how many there are",
		edits: []edit{{readFile, `c.rules > maxRules {`, `false {`}},
		red:   []check{{rulesRoom, `TestRefused$`}},
	},
	{
		name:  "rule: bytes of an expression",
		edits: []edit{{expressionFile, `if len(rule.GetExpression()) > maxExpression {`, `if false {`}},
		red:   []check{{rulesRoom, `TestHostile/a_long_one`}},
	},
	{
		name:  "rule: loops in each other",
		edits: []edit{{estimateFile, `if e.loops == maxLoops {`, `if e.loops == 5*maxLoops {`}},
		red:   []check{{rulesRoom, `TestHostile/too_deep`}},
	},
	{
		name:  "rule: lists that share their elements",
		edits: []edit{{estimateFile, `if one.joined {`, `if false {`}},
		red:   []check{{rulesRoom, `TestHostile/joined_in_a_list`}},
	},
	{
		name:  "rule: a pattern that users write",
		edits: []edit{{callFile, `all[1].AsIdent() != "rule" {`, `false {`}},
		red:   []check{{rulesRoom, `TestHostile/a_pattern_that_is_made`}},
	},
}
