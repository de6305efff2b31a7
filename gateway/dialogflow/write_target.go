package dialogflow

import (
	"strings"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// endSession is the page on which Dialogflow ends a conversation; every flow has it. Nothing else does: the message
// endInteraction is Dialogflow's own, which it sends when it gets there.
const endSession = "pages/END_SESSION"

// target writes where a CX conversation goes on, or that it ends. A target that cannot be completed is dropped: Dialogflow
// would refuse the whole answer for it.
func (w *writer) target() {
	switch target := w.reply.GetTarget().(type) {
	case *intentgatev1.Reply_TargetPage:
		w.page("target_page", target.TargetPage)
	case nil:
		if w.reply.GetEndInteraction() {
			w.page("end_interaction", endSession)
		}
	case *intentgatev1.Reply_TargetFlow:
		agent, flow, problem := w.resolve(target.TargetFlow)
		if problem == "" && !isFlow(flow) {
			problem = "is not a flow; want flows/F"
		}
		w.transition("targetFlow", agent+flow, "target_flow", target.TargetFlow, problem)
	}
}

func (w *writer) page(place, name string) {
	agent, page, problem := w.resolve(name)
	flow, id, _ := strings.Cut(page, "/pages/")
	if problem == "" && (!isFlow(flow) || !isOne(id)) {
		problem = "is not a page; want pages/P or flows/F/pages/P"
	}
	w.transition("targetPage", agent+page, place, name, problem)
}

func (w *writer) transition(name, full, place, given, problem string) {
	if problem != "" {
		w.drop("%s: %q %s", place, given, problem)
		return
	}
	w.text(name, full)
}

// resolve splits the name of a page or flow, relative or full, into that of its agent and the rest, or says why it
// cannot. A conversation does not leave its agent, so that a full name must be of the one that the turn came from: as the
// session names it, or as the current page does, since of a project both the ID and the number are in use.
func (w *writer) resolve(name string) (agent, rest, problem string) {
	session, page := w.sessionAgent(), w.turn.Page.Name
	pageAgent, _, inFlow := strings.Cut(page, "flows/")
	switch {
	case strings.HasPrefix(name, "projects/"):
		for _, agent := range []string{session, pageAgent} {
			if rest, ok := strings.CutPrefix(name, agent); ok && agent != "" {
				return agent, rest, ""
			}
		}
		return "", "", "is not of this agent"
	case strings.HasPrefix(name, "pages/"):
		flow, _, ok := strings.Cut(strings.TrimPrefix(page, pageAgent), "/pages/")
		if !ok || !inFlow {
			return "", "", "cannot be completed: the turn names no page, hence no flow"
		}
		return pageAgent, flow + "/" + name, ""
	case session == "":
		return "", "", "cannot be completed: the session names no agent"
	default:
		return session, name, ""
	}
}

// sessionAgent is the name of the agent as the session has it, with a slash at its end; empty if it has none.
func (w *writer) sessionAgent() string {
	s := w.turn.Session
	if s.Project == "" || s.Location == "" || s.Agent == "" {
		return ""
	}
	return "projects/" + s.Project + "/locations/" + s.Location + "/agents/" + s.Agent + "/"
}

func isFlow(name string) bool {
	id, ok := strings.CutPrefix(name, "flows/")
	return ok && isOne(id)
}

// isOne reports whether s is a single part of a resource name.
func isOne(s string) bool { return s != "" && !strings.Contains(s, "/") }
