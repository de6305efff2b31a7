package simulator

import (
	"strings"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// The states of a CX form's parameter.
const (
	stateEmpty   = "EMPTY"
	stateFilled  = "FILLED"
	stateInvalid = "INVALID"
)

// formParameter is a parameter of the current page's form, as requests tell of it.
type formParameter struct {
	Name     string `json:"displayName"`
	Required bool   `json:"required,omitempty"`
	State    string `json:"state"`
	Value    any    `json:"value,omitempty"`
	Just     bool   `json:"justCollected,omitempty"`
}

// formChange is what a webhook does to one of them.
type formChange struct {
	name    string
	set     bool
	value   any // nil clears it
	invalid bool
}

// Where every conversation of CX begins.
const (
	defaultFlow = "flows/00000000-0000-0000-0000-000000000000"
	startPage   = "START_PAGE"
)

// enter makes a page the current one, with a form of its own, in which values are that the session has already.
func (c *Conversation) enter(page string) {
	flow, id, ok := strings.Cut(page, "/pages/")
	switch {
	case !ok && strings.HasPrefix(page, "flows/"):
		flow, id = page, startPage
	case !ok:
		flow, id = c.flow(), strings.TrimPrefix(page, "pages/")
	}
	c.page, c.form, c.collected = flow+"/pages/"+id, nil, false
	for _, p := range c.designed().GetForm() {
		one := formParameter{Name: p.GetName(), Required: p.GetRequired(), State: stateEmpty}
		if value, ok := c.parameters[p.GetName()]; ok {
			one.State, one.Value = stateFilled, value
		}
		c.form, c.collected = append(c.form, one), true
	}
}

// flow is that of the current page.
func (c *Conversation) flow() string {
	flow, _, _ := strings.Cut(c.page, "/pages/")
	return flow
}

// designed is what is known of the current page: by its whole name or its ID.
func (c *Conversation) designed() *gatewayv1.ConversationAgent_Page {
	if page, ok := c.agent.Design.GetPages()[c.page]; ok {
		return page
	}
	_, id, _ := strings.Cut(c.page, "/pages/")
	return c.agent.Design.GetPages()[id]
}

// collect puts those of an utterance's values into the form that it asks for, and leaves the others to the intent.
func (c *Conversation) collect(u *Utterance) {
	for i := range c.form {
		p := &c.form[i]
		value, said := u.Parameters[p.Name]
		p.Just = said
		if said {
			p.State, p.Value, c.collected = stateFilled, value, true
			delete(u.Parameters, p.Name)
		}
	}
}

// alter does to the form what a webhook says.
func (c *Conversation) alter(changes []formChange) {
	for _, change := range changes {
		for i := range c.form {
			p := &c.form[i]
			if p.Name != change.name {
				continue
			}
			if change.set {
				p.State, p.Value, c.collected = stateFilled, change.value, true
			}
			if change.set && change.value == nil {
				p.State = stateEmpty
			}
			if change.invalid {
				p.State = stateInvalid
			}
		}
	}
}

// asked is the parameter that the form asks for next, and whether it asks again; nil: it is complete, or there is none.
func (c *Conversation) asked() (asked *gatewayv1.ConversationAgent_Parameter, again bool) {
	form := c.designed().GetForm()
	for i, p := range c.form {
		if p.State == stateInvalid || p.Required && p.State != stateFilled {
			return form[i], p.State == stateInvalid
		}
	}
	return nil, false
}

// finish hands the values of a form that is complete to the session, if there is anything new in them, and says so.
func (c *Conversation) finish() bool {
	if next, _ := c.asked(); next != nil || !c.collected {
		return false
	}
	for _, p := range c.form {
		if p.State == stateFilled {
			c.parameters[p.Name] = p.Value
		}
	}
	return true
}
