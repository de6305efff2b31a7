package simulator

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
)

// A page's or flow's name, with the agent's in it.
var target = regexp.MustCompile(`^(projects/[^/]+/locations/[^/]+/agents/[^/]+)/flows/[^/]+(/pages/[^/]+)?$`)

// cx judges the answer to a CX agent.
func (v *verdict) cx(body []byte) {
	var answer cxpb.WebhookResponse
	if !v.decode(body, &answer) {
		return
	}
	v.responses(answer.GetFulfillmentResponse())
	v.sessionParameters(answer.GetSessionInfo())
	for i, p := range answer.GetPageInfo().GetFormInfo().GetParameterInfo() {
		v.formParameter(i, p)
	}
	if answer.GetPayload() != nil {
		v.effect("pass on the payload: %s", names(answer.GetPayload().GetFields()))
	}
	switch answer.GetTransition().(type) {
	case *cxpb.WebhookResponse_TargetPage:
		v.transition("targetPage", answer.GetTargetPage(), true)
	case *cxpb.WebhookResponse_TargetFlow:
		v.transition("targetFlow", answer.GetTargetFlow(), false)
	}
}

// responses are what is said and shown.
func (v *verdict) responses(fulfillment *cxpb.WebhookResponse_FulfillmentResponse) {
	for i, m := range fulfillment.GetMessages() {
		texts, speech := m.GetText().GetText(), m.GetOutputAudioText()
		switch kind := kind(m); {
		case kind == "":
			v.note("messages[%d]: no kind of message; nothing is shown for it", i)
		case kind == "endInteraction" || kind == "mixedAudio":
			v.note("messages[%d]: %s is only for Dialogflow to send; it is ignored", i, kind)
		case kind == "text" && len(texts) > 0:
			v.Heard = append(v.Heard, texts[0])
			if len(texts) > 1 {
				v.effect("choose one of the %d texts of messages[%d]", len(texts), i)
			}
		case kind == "outputAudioText":
			v.Heard = append(v.Heard, speech.GetText()+speech.GetSsml()) // it has one of them
		default:
			v.effect("show messages[%d]: %s", i, kind)
		}
	}
	if fulfillment.GetMergeBehavior() == cxpb.WebhookResponse_FulfillmentResponse_REPLACE {
		v.replaces = true
		v.effect("forget the messages that the agent has for this turn, for these")
	}
}

func (v *verdict) sessionParameters(info *cxpb.SessionInfo) {
	if info.GetSession() != "" && info.GetSession() != v.asked.SessionInfo.Session {
		v.note("sessionInfo.session: %q is another session; it cannot be changed", info.GetSession())
	}
	v.parameters = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(info.GetParameters())) {
		value := info.GetParameters()[name].AsInterface()
		v.parameters[name] = value
		if value == nil {
			v.effect("delete the session parameter %s", name)
			continue
		}
		v.effect("set the session parameter %s = %s", name, compactJSON(value))
	}
}

func (v *verdict) formParameter(i int, p *cxpb.PageInfo_FormInfo_ParameterInfo) {
	const (
		empty   = cxpb.PageInfo_FormInfo_ParameterInfo_EMPTY
		invalid = cxpb.PageInfo_FormInfo_ParameterInfo_INVALID
	)
	asked := v.asked.PageInfo.FormInfo.Parameters
	at := -1
	for i := range asked {
		if asked[i].Name == p.GetDisplayName() {
			at = i
		}
	}
	switch {
	case at < 0:
		v.note("parameterInfo[%d]: the form of this page has no parameter %q; nothing is done", i, p.GetDisplayName())
		return
	case p.GetState() == invalid && asked[at].State == empty.String():
		v.note("parameterInfo[%d]: %s has no value yet; INVALID spoils its first prompt", i, p.GetDisplayName())
	case p.GetState() != invalid && p.GetState() != 0:
		v.note("parameterInfo[%d]: a webhook may set no state but INVALID; %s is ignored", i, p.GetState())
	}
	v.form = append(v.form, formChange{
		name: p.GetDisplayName(), set: p.GetValue() != nil, value: p.GetValue().AsInterface(), invalid: p.GetState() == invalid,
	})
	if asked[at].Required && !p.GetRequired() {
		v.effect("make the form parameter %s optional", p.GetDisplayName())
	}
	if p.GetValue() != nil {
		v.effect("set the form parameter %s = %s", p.GetDisplayName(), compactJSON(p.GetValue().AsInterface()))
	}
	if p.GetState() == invalid {
		v.effect("ask for the form parameter %s again", p.GetDisplayName())
	}
}

// transition is where the conversation goes on: in the same agent, as the session or the page names it.
func (v *verdict) transition(field, name string, page bool) {
	if name == "" {
		return // as if it were not there
	}
	parts := target.FindStringSubmatch(name)
	if parts == nil || (parts[2] != "") != page {
		v.refuse("%s: %q; projects/P/locations/L/agents/A/flows/F is wanted, with /pages/P for a page", field, name)
		return
	}
	session, current := v.asked.SessionInfo.Session, v.asked.PageInfo.CurrentPage
	if !strings.HasPrefix(session, parts[1]+"/") && !strings.HasPrefix(current, parts[1]+"/") && session+current != "" {
		v.refuse("%s: %q is not of the agent of session %q", field, name, session)
		return
	}
	v.target = strings.TrimPrefix(name, parts[1]+"/")
	v.effect("go to %s", v.target)
}
