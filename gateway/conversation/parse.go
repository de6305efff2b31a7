package conversation

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/words"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// schema is that of the files, whose keys are told of in conversation.proto.
var schema = config.Schema{Keys: "conversations", Wants: map[string]string{
	"conversations":                                 "a list of them, one at least",
	"conversations[].name":                          "a name, which reports and --run use",
	"conversations[].platforms":                     "each once",
	"conversations[].platforms[]":                   "ES or CX",
	"conversations[].turns":                         "a list of turns, one at least, each with say or event",
	"conversations[].turns[].retry":                 "SAME_ID or NEW_ID",
	"conversations[].turns[].expect.form[]":         "EMPTY, FILLED or INVALID",
	"agent.intents[].parameters[].name":             "the parameter's name",
	"agent.pages[].form[].name":                     "the parameter's name",
	"conversations[].turns[].expect.calls[].method": "a method such as OrderService/TrackOrder",
}}

// Parse reads a file of conversations; the path is what it is called. The error is a *config.Error of all that is wrong in
// it. A conversation of which nothing is expected on one of its platforms is wrong, since it could not fail there.
func Parse(path string, data []byte) (*File, error) {
	var message gatewayv1.ConversationFile
	document, err := config.Read(path, data, schema, &message)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, Design: message.GetAgent(), data: data, root: document.Node("")}
	p := parser{document, f}
	p.design(f.Design)
	for i, c := range message.GetConversations() {
		p.conversation(fmt.Sprintf("conversations[%d]", i), c, cmp.Or(message.GetLanguage(), "en"))
	}
	if err := document.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// parser makes a file of what was decoded.
type parser struct {
	*config.Document

	file *File
}

// design checks what is known of the agent.
func (p *parser) design(agent *gatewayv1.ConversationAgent) {
	for name, i := range agent.GetIntents() {
		at := fmt.Sprintf("agent.intents[%q]", name)
		p.parameters(at+".parameters", i.GetParameters())
		p.texts(at+".text", i.GetText())
	}
	for name, page := range agent.GetPages() {
		at := fmt.Sprintf("agent.pages[%q]", name)
		p.parameters(at+".form", page.GetForm())
		p.texts(at+".text", page.GetText())
	}
	for name, handler := range agent.GetEvents() {
		at := fmt.Sprintf("agent.events[%q]", name)
		p.texts(at+".text", handler.GetText())
		known(p, at+".page", "pages", handler.GetPage(), agent.GetPages())
	}
}

func (p *parser) parameters(at string, parameters []*gatewayv1.ConversationAgent_Parameter) {
	for i, one := range parameters {
		p.texts(fmt.Sprintf("%s[%d].prompt", at, i), one.GetPrompt())
		p.texts(fmt.Sprintf("%s[%d].reprompt", at, i), one.GetReprompt())
	}
}

func (p *parser) texts(at string, byLanguage map[string]string) {
	if _, err := words.New(byLanguage); err != nil {
		p.Refuse(at, "%s", err.Error())
	}
}

// known refuses a name that the agent does not have.
func known[T any](p *parser, at, kind, name string, all map[string]T) {
	if _, ok := all[name]; !ok && name != "" {
		p.Refuse(at, "%q is not among the agent's; want it under agent.%s", name, kind)
	}
}

func (p *parser) conversation(at string, from *gatewayv1.Conversation, language string) {
	from.Language = cmp.Or(from.GetLanguage(), language)
	c := &Conversation{Conversation: from, File: p.file, Line: p.line(at)}
	if slices.ContainsFunc(p.file.Conversations, func(other *Conversation) bool { return other.GetName() == c.GetName() }) {
		p.Refuse(at+".name", "an earlier conversation has the name %q; want another", c.GetName())
	}
	p.file.Conversations = append(p.file.Conversations, c)
	for i, turn := range from.GetTurns() {
		p.turn(fmt.Sprintf("%s.turns[%d]", at, i), c, turn)
	}
	for _, platform := range [...]string{ES, CX} {
		if len(c.Turns) > 0 && c.Plays(platform) && !c.expects(platform) {
			p.Refuse(at, "nothing is expected of it on %s, so that it cannot fail there; want expect in a turn, or other platforms", platform)
			break
		}
	}
}

// expects says whether something is expected of it on a platform.
func (c *Conversation) expects(platform string) bool {
	return slices.ContainsFunc(c.Turns, func(t *Turn) bool {
		return slices.ContainsFunc(kinds, func(k kind) bool { return t.expected[k.name] != nil && k.on(platform) })
	})
}

func (p *parser) line(at string) int {
	if node := p.Node(at); node != nil {
		return node.Line
	}
	return 1
}

func (p *parser) turn(at string, c *Conversation, from *gatewayv1.ConversationTurn) {
	t := &Turn{ConversationTurn: from, Number: len(c.Turns) + 1, Row: p.line(at), expected: map[string]*yaml.Node{}}
	c.Turns = append(c.Turns, t)
	if (from.GetSay() == "") == (from.GetEvent() == "") {
		p.Refuse(at, "want one of say, which is what the user says, and event")
	}
	known(p, at+".page", "pages", from.GetPage(), p.file.Design.GetPages())
	if intents := p.file.Design.GetIntents(); len(intents) > 0 {
		known(p, at+".intent", "intents", from.GetIntent(), intents)
	}
	for _, kind := range kinds {
		at := at + ".expect." + kind.name
		node := p.Node(at)
		if node == nil {
			continue
		}
		t.expected[kind.name] = node
		switch {
		case kind.platform != "" && !c.Plays(kind.platform):
			p.Refuse(at, "only %s has it, and this conversation is for %s", kind.platform, strings.Join(c.GetPlatforms(), ", "))
		case node.Kind == yaml.MappingNode && len(node.Content) == 0:
			p.Refuse(at, "an empty mapping fits everything; want a name in it, with null for what is not to be there")
		case kind.said:
			p.said(at, node)
		}
	}
	if from.GetExpect() != nil && len(t.expected) == 0 {
		p.Refuse(at+".expect", "nothing in it; want something to expect, or no such key")
	}
}

// said checks a text, a matcher, or a list of them.
func (p *parser) said(at string, node *yaml.Node) {
	if node.Kind == yaml.SequenceNode {
		for _, element := range node.Content {
			if element.Kind == yaml.SequenceNode {
				p.Refuse(at, "a list in a list; want a list of texts")
				continue
			}
			p.said(at, element)
		}
		return
	}
	how, pattern, ok := matcher(node)
	if node.Kind == yaml.MappingNode && (!ok || pattern == "") {
		p.Refuse(at, "a mapping; want a text, {contains: \"…\"} or {matches: \"…\"}, or a list of them; quote what has a comma")
	}
	if _, err := regexp.Compile(pattern); how == "matches" && err != nil {
		p.Refuse(at, "%q is no regular expression: %s", pattern, err.Error())
	}
}

// matcher takes `{contains: …}` and `{matches: …}` apart.
func matcher(node *yaml.Node) (how, pattern string, ok bool) {
	if node.Kind != yaml.MappingNode || len(node.Content) != 2 || node.Content[1].Kind != yaml.ScalarNode {
		return "", "", false
	}
	how, pattern = node.Content[0].Value, node.Content[1].Value
	return how, pattern, how == "contains" || how == "matches"
}
