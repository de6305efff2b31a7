package rules

import (
	"math"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
)

// call is an operator or a function. One that is not known here may cost anything.
func (e *estimator) call(x ast.CallExpr) (cost size, v value) {
	all := x.Args()
	if x.IsMemberFunction() {
		all = append([]ast.Expr{x.Target()}, all...)
	}
	cost = exactly(1)
	args := make([]value, len(all), len(all)+3)
	var together, read size
	for i, arg := range all {
		c, one := e.expr(arg)
		cost, args[i] = cost.plus(c), one
		together, read = together.plus(one.size), read.plus(reading(one))
	}
	args = append(args, number, number, number)[:max(len(all), 3)] // what is called with too few is refused by CEL
	first, second, made := args[0], args[1], value{shape: shape{kind: text}}
	switch name := x.FunctionName(); name {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse, operators.Negate, operators.Subtract, operators.Multiply,
		operators.Divide, operators.Modulo, overloads.TypeConvertType, "isNan", "isInf":
		return cost, number
	case overloads.Size:
		if first.kind == text || first.kind == anything {
			cost = cost.plus(first.times(costMaking))
		}
		return cost, number
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		overloads.StartsWith, overloads.EndsWith, overloads.Contains:
		return cost.plus(read), number
	case overloads.TypeConvertInt, overloads.TypeConvertUint, overloads.TypeConvertDouble, overloads.TypeConvertBool,
		overloads.TypeConvertTimestamp, overloads.TypeConvertDuration,
		"isEmail", "isHostname", "isIp", "isIpPrefix", "isUri", "isUriRef", "isHostAndPort":
		return cost.plus(together.times(costParsing)), number
	case overloads.TimeGetFullYear, overloads.TimeGetMonth, overloads.TimeGetDayOfYear, overloads.TimeGetDate, overloads.TimeGetDayOfMonth,
		overloads.TimeGetDayOfWeek, overloads.TimeGetHours, overloads.TimeGetMinutes, overloads.TimeGetSeconds, overloads.TimeGetMilliseconds:
		if len(all) > 1 {
			cost = cost.plus(exactly(costZone)).plus(read)
		}
		return cost.plus(exactly(2)), number
	case operators.In, operators.OldIn:
		n := e.elements(second)
		return cost.plus(exactly(n)).plus(reading(first).times(n)), number
	case "unique":
		n := e.elements(first)
		return cost.plus(exactly(4 * n)).plus(first.times(costMaking)), number
	case overloads.Matches:
		return e.matches(cost, all, first)
	case operators.Conditional:
		return cost, either(second, args[2])
	case operators.Index:
		if first.joined {
			cost = cost.plus(exactly(2))
		}
		return cost.plus(exactly(1)).plus(reading(second)), first.part(first.each)
	case "getField":
		return cost.plus(exactly(costSelect)), first.part(nil)
	case overloads.TypeConvertDyn:
		return cost, first
	case operators.Add:
		return e.add(cost, first, second, len(all) == 2 && isAccumulator(all[0]))
	case overloads.TypeConvertString, overloads.TypeConvertBytes, "lowerAscii", "upperAscii", "trim", "reverse", "charAt", "substring":
		made.size = together.plus(exactly(scalarSize))
	case "quote":
		made.size = together.times(12).plus(exactly(2))
	case "indexOf", "lastIndexOf":
		return cost.plus(first.times(costMaking * (1 + e.bytes(second.size)))), number
	case "replace":
		made.size = first.times(1 + e.bytes(args[2].size)).plus(args[2].size)
	case "split":
		made = value{shape: shape{kind: list, each: &shape{kind: text}}, size: first.times(2).plus(exactly(1)), count: math.Inf(1)}
		cost = cost.plus(first.size)
	case "join":
		made.size = first.plus(second.times(e.elements(first)))
	case "format":
		if literal, ok := all[0].AsLiteral().(types.String); !ok || precise.MatchString(string(literal)) {
			return e.refuse("has a format that is computed, or a number of a hundred digits")
		}
		made.size = first.times(scalarSize).plus(second.times(12))
	default:
		return e.refuse("calls %s, of which this gateway does not know what it costs", cut(name, maxShown))
	}
	return cost.plus(made.times(costMaking)).plus(together.times(costMaking)), made
}

// matches is a text that is compared with a pattern, which has to be known.
func (e *estimator) matches(cost size, all []ast.Expr, on value) (size, value) {
	if len(all) != 2 {
		return e.refuse("calls matches without a pattern")
	}
	pattern, compiled := e.rule, 0.0
	if literal, ok := all[1].AsLiteral().(types.String); ok {
		pattern = string(literal)
	} else if compiled = costCompiling; all[1].AsIdent() != "rule" {
		return e.refuse("has a pattern that is computed: write it as a literal")
	}
	n, err := states(pattern)
	if err != nil {
		return e.refuse("%s", err)
	}
	return cost.plus(on.plus(exactly(1)).times(costState * n)).plus(exactly(compiled * n)), number
}

// add is a sum, or one text or list behind the other.
func (e *estimator) add(cost size, a, b value, accumulated bool) (size, value) {
	if a.kind == scalar && b.kind == scalar {
		return cost, number
	}
	both := either(a, b)
	both.size, both.count = a.plus(b.size), a.count+b.count
	switch {
	case accumulated:
		both.shape = b.shape
		return cost, both
	case a.kind == text || b.kind == text:
		return cost.plus(both.times(costMaking)), both
	case a.joined || b.joined:
		return e.refuse("joins more than two lists")
	}
	both.joined = true
	return cost, both
}

func isAccumulator(x ast.Expr) bool { return x.Kind() == ast.IdentKind && x.AsIdent() == "@result" }

// either is one of two values.
func either(a, b value) value {
	v := value{size: a.most(b.size), count: max(a.count, b.count), joined: a.joined || b.joined}
	switch {
	case a.kind == list && b.kind == list && a.count == 0:
		v.shape = b.shape
	case a.kind == list && b.kind == list && b.count == 0:
		v.shape = a.shape
	case a.kind != b.kind || a.message != b.message:
		v.count = math.Inf(1)
	case a.each == nil || b.each == nil || *a.each != *b.each:
		v.shape = shape{kind: a.kind, message: a.message}
	default:
		v.shape = a.shape
	}
	return v
}
