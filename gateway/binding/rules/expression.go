package rules

import (
	"fmt"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// expressions returns what those of a message or a field cost, applied to a value.
func (c *Compiler) expressions(t *typeRules, at protoreflect.Descriptor, plain []string, rules []*validate.Rule, on value) (cost size) {
	for _, expression := range plain {
		rules = append(rules[:len(rules):len(rules)], validate.Rule_builder{Id: &expression, Expression: &expression}.Build())
	}
	for _, rule := range rules {
		cost = cost.plus(c.expression(t, at, rule, on, value{}, ""))
	}
	return cost
}

// expression bounds what a rule in CEL costs, without running it: that is what it is bounded for.
func (c *Compiler) expression(t *typeRules, at protoreflect.Descriptor, rule *validate.Rule, on, ruleValue value, pattern string) size {
	t.ruled, t.bounded = true, true
	c.another(at, 5+len(rule.GetExpression())/20)
	c.known(at, rule, nil)
	name := cut(rule.GetId(), maxShown)
	if len(rule.GetExpression()) > maxExpression {
		c.problem(at, fmt.Sprintf("the rule %q has %d bytes", name, len(rule.GetExpression())), fmt.Sprintf("write several, of at most %d each", maxExpression))
		return size{}
	}
	if len(c.problems) > 0 {
		return size{} // they are to be mended first
	}
	if c.parser == nil {
		var err error
		if c.parser, err = cel.NewEnv(); err != nil {
			c.problem(at, "its rules cannot be read: "+oneLine(err), "upgrade the gateway")
			return size{}
		}
	}
	parsed, issues := c.parser.Parse(rule.GetExpression())
	if issues.Err() != nil {
		c.problem(at, fmt.Sprintf("the rule %q is no CEL: %s", name, oneLine(issues.Err())), "correct it; buf lint checks it, too")
		return size{}
	}
	cost, err := estimate(parsed.NativeRep().Expr(), on, ruleValue, pattern)
	if err != nil {
		c.problem(at, fmt.Sprintf("the rule %q %s", name, err), "write it so that it can be told how long it takes")
		return size{}
	}
	c.computed += cost[fixed]
	if text := rule.GetMessage(); text != "" {
		c.texts[text] = true
	} else {
		c.texts[fmt.Sprintf("%q returned false", rule.GetExpression())] = true
	}
	if whole := cost[fixed] + maxBytes*cost[this]; whole > maxCost || c.computed > maxCompiling {
		c.problem(at, fmt.Sprintf("the rule %q may take too long: %.1f times as long as all rules may", name, whole/maxCost), simpler)
	}
	return cost
}
