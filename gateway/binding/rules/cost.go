package rules

import (
	"google.golang.org/protobuf/reflect/protoreflect"
)

// typeRules is what is known of a message's own rules.
type typeRules struct {
	message  protoreflect.MessageDescriptor
	fields   []fieldRules
	problems Errors
	ruled    bool // has any
	bounded  bool // has some that need a bound on what they are applied to
	verified bool // they have been compiled

	each     float64 // what they cost for each such message
	elements float64 // for each element of its lists and maps
	perByte  float64 // for each byte of a message, without those of fields
}

// fieldRules is a field with rules, or a message in which there may be some.
type fieldRules struct {
	nested  protoreflect.MessageDescriptor // nil: none that is looked into
	many    bool                           // of them
	perByte float64                        // what its rules cost for each of its bytes
}

// cost bounds what the rules of a request cost, whose own type is the first of all those in it.
//
// Fixed costs come with each message and element, of which there are at most maxCount. The others come with bytes: those of
// fields beside each other are no more than those of the message, so that the dearest field counts.
func (c *Compiler) cost(all []*typeRules) (cost float64) {
	many := map[*typeRules]bool{} // false: there is one
	var find func(t *typeRules, several bool)
	find = func(t *typeRules, several bool) {
		before, known := many[t]
		if before {
			return
		}
		many[t] = several || known
		for _, f := range t.fields {
			if f.nested != nil {
				find(c.types[f.nested.FullName()], many[t] || f.many)
			}
		}
	}
	find(all[0], false)
	for _, t := range all {
		n := 1.0
		if many[t] {
			n = maxCount
		}
		cost += n*t.each + maxCount*t.elements
	}
	return cost + maxBytes*c.perByte(all)
}

// perByte is what the rules cost for each byte of a request, which is in as many messages as these are deep.
func (c *Compiler) perByte(all []*typeRules) float64 {
	cost := map[*typeRules]float64{}
	for range maxDepth {
		deeper := map[*typeRules]float64{}
		for _, t := range all {
			dearest := 0.0
			for _, f := range t.fields {
				within := f.perByte
				if f.nested != nil {
					within += cost[c.types[f.nested.FullName()]]
				}
				dearest = max(dearest, within)
			}
			deeper[t] = t.perByte + dearest
		}
		cost = deeper
	}
	return cost[all[0]]
}
