package rules

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// What operations cost at most, in what the cheapest takes: some 50 ns.
const (
	costSelect    = 4    // of a field
	costList      = 6    // of a list
	costReading   = 0.02 // of a byte of a text that is compared
	costMaking    = 0.2  // of one of a text that is made, or looked at letter by letter
	costParsing   = 1    // of one that is an e-mail address or a URI
	costDeep      = 2    // of a byte of a message
	costState     = 0.3  // of a state of a pattern, for a byte of a text
	costCompiling = 20   // of a state of a pattern that is a rule's value
	costZone      = 2000 // of the name of a time zone, whose file is read
)

// scalarSize is that of numbers and the like, written out.
const scalarSize = 64

// estimator bounds what an expression costs.
type estimator struct {
	names map[string]value
	most  size // how many bytes there are at most, by place
	loops int  // that are open
	rule  string
	err   error // why there is no bound
}

// value is what is known of the value of an expression.
type value struct {
	shape
	size

	count  float64 // of the elements of a list or a map
	joined bool    // of two lists
}

// estimate bounds what an expression costs for a value. The pattern is that which `rule` stands for.
func estimate(expression ast.Expr, on value, rule value, pattern string) (size, error) {
	e := estimator{names: map[string]value{"this": on, "rule": rule, "rules": rule}, most: size{fixed: 1, this: maxBytes}, rule: pattern}
	cost, _ := e.expr(expression)
	return cost, e.err
}

// input is a value that comes from the request, of the size of something in a place.
func input(s shape, bytes size) value {
	v := value{shape: s, size: bytes, count: maxCount}
	switch s.kind {
	case scalar:
		v.size = exactly(scalarSize)
	case anything:
		v.count = math.Inf(1)
	default:
	}
	return v
}

func (e *estimator) refuse(format string, args ...any) (size, value) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
	return size{}, value{}
}

// bytes is how many there are at most.
func (e *estimator) bytes(s size) (n float64) {
	for i := range s {
		if s[i] != 0 {
			n += s[i] * e.most[i]
		}
	}
	return n
}

// elements is how many a value has at most.
func (e *estimator) elements(v value) float64 {
	if v.kind == list || v.kind == mapping || v.kind == anything {
		return min(v.count, e.bytes(v.size))
	}
	return 0
}

// part is an element of a value, or a field, or the key of a map.
func (v *value) part(s *shape) value {
	if s == nil {
		return input(shape{kind: anything}, v.size)
	}
	return input(*s, v.size)
}

// inner returns the shape of the elements of a value that an expression makes, where inner lists may be of any length.
func (v *value) inner() *shape {
	if v.kind == list || v.kind == mapping {
		return nil
	}
	return &v.shape
}

func (e *estimator) expr(x ast.Expr) (cost size, v value) {
	switch x.Kind() {
	case ast.LiteralKind:
		switch literal := x.AsLiteral().(type) {
		case types.String:
			return exactly(1), value{shape: shape{kind: text}, size: exactly(float64(len(literal)))}
		case types.Bytes:
			return exactly(1), value{shape: shape{kind: text}, size: exactly(float64(len(literal)))}
		}
		return exactly(1), number
	case ast.IdentKind:
		if v, ok := e.names[x.AsIdent()]; ok {
			return exactly(1), v
		}
		if strings.HasPrefix(x.AsIdent(), ".") {
			return e.refuse("has a name that begins with a point, %s", cut(x.AsIdent(), maxShown))
		}
		return exactly(1), number // now, a type, a value of an enum
	case ast.SelectKind:
		cost, of := e.expr(x.AsSelect().Operand())
		if x.AsSelect().IsTestOnly() {
			return cost.plus(exactly(1)), number
		}
		return cost.plus(exactly(costSelect)), e.field(of, x.AsSelect().FieldName())
	case ast.CallKind:
		return e.call(x.AsCall())
	case ast.ListKind:
		return e.collection(list, x.AsList().Elements())
	case ast.MapKind:
		var all []ast.Expr
		for _, entry := range x.AsMap().Entries() {
			all = append(all, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return e.collection(mapping, all)
	case ast.StructKind:
		var all []ast.Expr
		for _, f := range x.AsStruct().Fields() {
			all = append(all, f.AsStructField().Value())
		}
		cost, v = e.collection(mapping, all)
		v.shape = shape{kind: anything}
		return cost.plus(exactly(10)), v
	case ast.ComprehensionKind:
		return e.loop(x.AsComprehension())
	default:
		return e.refuse("has a part of a kind that is not known")
	}
}

var number = value{shape: shape{kind: scalar}, size: exactly(scalarSize)}

// field returns a field of a message, or a member of a map.
func (e *estimator) field(of value, name string) value {
	switch of.kind {
	case scalar: // a name with points
		return number
	case mapping:
		return of.part(of.each)
	case message:
		for i := range of.message.Fields().Len() {
			if f := of.message.Fields().Get(i); string(f.Name()) == name {
				s := shapeOf(f, false)
				return of.part(&s)
			}
		}
	default:
	}
	return of.part(nil)
}

// collection is a list or a map of elements that are written out.
func (e *estimator) collection(of kind, all []ast.Expr) (cost size, v value) {
	cost = exactly(float64(costList + len(all)))
	v = value{shape: shape{kind: of}, size: exactly(1), count: float64(len(all))}
	for i, element := range all {
		c, one := e.expr(element)
		if one.joined { // each would take longer to look at than it is long
			return e.refuse("puts joined lists into another list, a map or a message")
		}
		cost, v.size = cost.plus(c), v.plus(one.size)
		switch each := one.inner(); {
		case i == 0:
			v.each = each
		case each == nil || v.each == nil || *each != *v.each:
			v.each = nil
		}
	}
	return cost, v
}

// loop is one of the macros all, exists, exists_one, filter and map.
func (e *estimator) loop(x ast.ComprehensionExpr) (cost size, v value) {
	cost, in := e.expr(x.IterRange())
	first, accu := e.expr(x.AccuInit())
	if e.loops == maxLoops {
		return e.refuse("has more than %d loops in each other", maxLoops)
	}
	if x.HasIterVar2() || x.IterVar() == "rule" || x.IterVar() == "rules" {
		return e.refuse("has a loop over two variables, or over one that is called %s", cut(x.IterVar(), maxShown))
	}
	place, n := loops+e.loops, e.elements(in)
	if in.joined {
		cost = cost.plus(exactly(2 * n))
	}
	e.most[place] = e.bytes(in.size)
	e.loops++
	var bytes size
	bytes[place] = 1
	element := in.each
	if in.kind == mapping {
		element = &shape{kind: text} // its key
	}
	whole := value{size: bytes}
	outer := map[string]value{x.IterVar(): e.names[x.IterVar()], x.AccuVar(): e.names[x.AccuVar()]}
	e.names[x.IterVar()], e.names[x.AccuVar()] = whole.part(element), accu
	step, result := e.expr(x.LoopStep())
	condition, _ := e.expr(x.LoopCondition())
	for name, before := range outer {
		e.names[name] = before
	}
	e.loops--
	cost = cost.plus(first).plus(step.plus(condition).plus(exactly(costList)).looped(place, n, in.size))
	if accu.kind == scalar {
		return cost, number
	}
	// The macros add to the list that they make; a step begins with an empty one here, so that it tells what it adds.
	return cost, value{shape: result.shape, size: result.size.looped(place, n, in.size).plus(exactly(1)), count: n * result.count}
}

// precise is the precision of a number in a format that would take much room.
var precise = regexp.MustCompile(`%\.[0-9]{3,}`)

func reading(v value) size {
	switch v.kind {
	case scalar:
		return size{}
	case text:
		return v.times(costReading)
	default:
		return v.times(costDeep)
	}
}
