package dialogflow

import (
	"strings"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// target writes where a CX conversation goes on.
func (w *writer) target() {
	switch target := w.reply.GetTarget().(type) {
	case *intentgatev1.Reply_TargetPage:
		if page, problem := w.resolve(target.TargetPage); problem != "" {
			w.drop("target_page: %q %s", target.TargetPage, problem)
		} else if flow, name, ok := strings.Cut(page, "/pages/"); !ok || !isOne(name) || !isFlow(flow) {
			w.drop("target_page: %q is not a page; want pages/P or flows/F/pages/P", target.TargetPage)
		} else {
			w.text("targetPage", w.agent()+page)
		}
	case *intentgatev1.Reply_TargetFlow:
		if flow, problem := w.resolve(target.TargetFlow); problem != "" {
			w.drop("target_flow: %q %s", target.TargetFlow, problem)
		} else if !isFlow(flow) {
			w.drop("target_flow: %q is not a flow; want flows/F", target.TargetFlow)
		} else {
			w.text("targetFlow", w.agent()+flow)
		}
	}
}

// resolve makes the name of a page or flow relative to the agent of the turn, or says why it cannot.
//
// A full name must be of this very agent: a conversation cannot leave it, and Dialogflow would refuse the whole answer.
func (w *writer) resolve(name string) (relative, problem string) {
	s := w.turn.Session
	if s.Project == "" || s.Location == "" || s.Agent == "" {
		return "", "cannot be completed: the session names no agent"
	}
	switch {
	case strings.HasPrefix(name, "projects/"):
		relative, ok := strings.CutPrefix(name, w.agent())
		if !ok {
			return "", "is not of this agent"
		}
		return relative, ""
	case strings.HasPrefix(name, "pages/"):
		current, ok := strings.CutPrefix(w.turn.Page.Name, w.agent())
		flow, _, _ := strings.Cut(current, "/pages/")
		if !ok || !isFlow(flow) {
			return "", "cannot be completed: the turn names no page, hence no flow"
		}
		return flow + "/" + name, ""
	default:
		return name, ""
	}
}

// agent is the resource name of the CX agent with a slash at its end.
func (w *writer) agent() string {
	s := w.turn.Session
	return "projects/" + s.Project + "/locations/" + s.Location + "/agents/" + s.Agent + "/"
}

func isFlow(name string) bool {
	id, ok := strings.CutPrefix(name, "flows/")
	return ok && isOne(id)
}

// isOne reports whether s is a single part of a resource name.
func isOne(s string) bool { return s != "" && !strings.Contains(s, "/") }
