package router

// index finds the few rules that can take a turn among thousands that ask for exact names. A rule is in one of its lists, each of
// which is in the order of the rules.
type index struct {
	intents, actions, tags map[string][]int // of rules that take no other name
	others                 []int
}

func newIndex() index {
	return index{intents: map[string][]int{}, actions: map[string][]int{}, tags: map[string][]int{}}
}

// add is called for the rules in their order.
func (x *index) add(i int, rule *Rule) {
	for _, by := range []struct {
		name  string
		rules map[string][]int
	}{{rule.intent.exact(), x.intents}, {rule.action.exact(), x.actions}, {rule.tag.exact(), x.tags}} {
		if by.name != "" {
			by.rules[by.name] = append(by.rules[by.name], i)
			return
		}
	}
	x.others = append(x.others, i)
}

// first returns the first of the rules that is the one, among those that take the names; -1 if none is. An empty name is that of
// no exact rule.
func (x *index) first(intent, action, tag string, is func(i int) bool) int {
	found := -1
	for _, rules := range [...][]int{x.intents[intent], x.actions[action], x.tags[tag], x.others} {
		for _, i := range rules {
			if found >= 0 && i > found {
				break
			}
			if is(i) {
				found = i
				break
			}
		}
	}
	return found
}
