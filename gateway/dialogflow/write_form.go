package dialogflow

import (
	"fmt"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// formParameters writes the changes to the form of the current page. One that changes nothing is left out, and one that Dialogflow
// would not take is dropped: no other page's form can be changed, and what has no value cannot be invalid. INVALID would spoil its
// first prompt.
func (w *writer) formParameters() {
	changes := w.reply.GetFormParameters()
	if len(changes) == 0 {
		return
	}
	known := make(map[string]*FormParameter, len(w.turn.Page.Form))
	for i := range w.turn.Page.Form {
		known[w.turn.Page.Form[i].Name] = &w.turn.Page.Form[i]
	}
	page := w.open("pageInfo", '{')
	form := w.open("formInfo", '{')
	list := w.open("parameterInfo", '[')
	for i, p := range changes {
		current, ok := known[p.GetName()]
		switch {
		case p.GetName() == "":
			w.drop("form_parameters[%d]: it has no name", i)
		case ok && current == nil:
			w.drop("form_parameters[%d]: %q is named before", i, p.GetName())
		case !ok:
			w.drop("form_parameters[%d]: the form of this page has no %q", i, p.GetName())
		case p.GetInvalid() && !current.Filled():
			w.drop("form_parameters[%d]: %q has no value that could be invalid; it is asked for anyway", i, p.GetName())
		case p.GetValue() != nil || p.GetInvalid():
			w.formParameter(i, p, current)
			known[p.GetName()] = nil
		}
	}
	w.close(list, ']')
	w.close(form, '}')
	w.close(page, '}')
}

// formParameter writes the change to one. What is invalid keeps the value that it has, as the request brought it, unless it gets
// another one. What is cleared is asked for again as it is.
func (w *writer) formParameter(i int, p *intentgatev1.Reply_FormParameter, current *FormParameter) {
	m := w.open("", '{')
	w.text("displayName", p.GetName())
	if current.Required {
		w.yes("required") // else it were optional from now on, and Dialogflow would not ask for it again
	}
	if p.GetValue() == nil {
		w.key("value")
		w.b = appendCompact(w.b, current.Value)
	} else if err := w.member("value", p.GetValue()); err != nil {
		w.fail(fmt.Sprintf("form_parameters[%d]", i), err)
	}
	if p.GetInvalid() && !isNull(p.GetValue()) {
		w.text("state", "INVALID")
	}
	w.close(m, '}')
}
