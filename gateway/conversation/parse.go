package conversation

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/simulator"
)

const fileKeys = "language, agent, conversations"

// Parse reads a file of conversations. The path is what it is called. The error is a *config.Error of all that is wrong in
// it: each conversation has to expect something that can fail, for one.
func Parse(path string, data []byte) (*File, error) {
	root, err := config.Document(path, data, fileKeys)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, data: data, root: root, Design: simulator.Design{
		Intents: map[string]simulator.Intent{}, Pages: map[string]simulator.Page{}, Events: map[string]simulator.Handler{},
	}}
	p := parser{reader{file: path}, f}
	p.file()
	if err := p.err(); err != nil {
		return nil, err
	}
	return f, nil
}

// parser reads a file.
type parser struct {
	reader

	into *File
}

func (p *parser) file() {
	language := ""
	var conversations *yaml.Node
	p.fields(p.into.root, "the file",
		field{"language", p.text(&language)},
		field{"agent", p.agent},
		field{"conversations", func(node *yaml.Node) { conversations = node }})
	if conversations == nil {
		p.at(p.into.root, "the file: no conversations; want a list of them under this key")
		return
	}
	// They refer to the agent, wherever that stands.
	p.elements(false, func(node *yaml.Node) { p.conversation(node, cmp.Or(language, "en")) })(conversations)
	if len(conversations.Content) == 0 && conversations.Kind == yaml.SequenceNode {
		p.at(conversations, "conversations: an empty list; want one conversation at least")
	}
}

func (p *parser) agent(node *yaml.Node) {
	design := &p.into.Design
	p.fields(node, "agent",
		field{"intents", p.members(func(name string, node *yaml.Node) {
			var i simulator.Intent
			p.fields(node, "intent "+name,
				field{"action", p.text(&i.Action)}, field{"tag", p.text(&i.Tag)}, field{"events", p.texts(&i.Events)},
				field{"parameters", p.parameters(&i.Parameters)}, field{"text", p.words(&i.Text)})
			design.Intents[name] = i
		})},
		field{"pages", p.members(func(name string, node *yaml.Node) {
			var page simulator.Page
			p.fields(node, "page "+name, field{"tag", p.text(&page.Tag)}, field{"text", p.words(&page.Text)}, field{"form", p.parameters(&page.Form)})
			design.Pages[name] = page
		})},
		field{"events", p.members(func(name string, node *yaml.Node) {
			var h simulator.Handler
			p.fields(node, "event "+name, field{"tag", p.text(&h.Tag)}, field{"text", p.words(&h.Text)}, field{"page", p.text(&h.Page)})
			design.Events[name] = h
		})})
}

// parameters keep the order of the file: that is the order in which they are asked for.
func (p *parser) parameters(into *[]simulator.Parameter) func(*yaml.Node) {
	return p.members(func(name string, node *yaml.Node) {
		one := simulator.Parameter{Name: name}
		p.fields(node, "parameter "+name,
			field{"required", p.flag(&one.Required)}, field{"prompt", p.words(&one.Prompt)}, field{"reprompt", p.words(&one.Reprompt)})
		*into = append(*into, one)
	})
}

func (p *parser) conversation(node *yaml.Node, language string) {
	c := &Conversation{File: p.into, Line: node.Line, Language: language}
	var turns *yaml.Node
	p.fields(node, "conversation",
		field{"name", p.text(&c.Name)},
		field{"platforms", p.elements(true, func(node *yaml.Node) {
			var platform string
			p.oneOf(&platform, ES, CX)(node)
			c.Platforms = append(c.Platforms, platform)
		})},
		field{"webhook", p.text(&c.Webhook)},
		field{"language", p.text(&c.Language)},
		field{"turns", func(node *yaml.Node) { turns = node }})
	if c.Name == "" {
		p.at(node, "conversation: no name; want one, which reports and --run use")
	}
	if slices.ContainsFunc(p.into.Conversations, func(other *Conversation) bool { return other.Name == c.Name }) {
		p.at(node, "conversation %q: an earlier one has the name; want another", c.Name)
	}
	p.into.Conversations = append(p.into.Conversations, c)
	if turns == nil {
		p.at(node, "conversation %q: no turns; want a list of them", c.Name)
		return
	}
	expects := false
	p.elements(false, func(node *yaml.Node) {
		p.turn(c, node)
		expects = expects || len(c.Turns[len(c.Turns)-1].expected) > 0
	})(turns)
	if !expects {
		p.at(node, "conversation %q: nothing is expected, so that it cannot fail; want `expect` in a turn", c.Name)
	}
}

func (p *parser) turn(c *Conversation, node *yaml.Node) {
	t := &Turn{Number: len(c.Turns) + 1, Row: node.Line}
	c.Turns = append(c.Turns, t)
	var retry string
	p.fields(node, "turn",
		field{"say", p.text(&t.Text)}, field{"event", p.text(&t.Event)}, field{"language", p.text(&t.Language)},
		field{"intent", p.known(&t.Intent, "intent", func(name string) bool {
			_, ok := p.into.Design.Intents[name]
			return ok || len(p.into.Design.Intents) == 0
		})},
		field{"action", p.text(&t.Action)}, field{"tag", p.text(&t.Tag)},
		field{"page", p.known(&t.Page, "page", func(name string) bool {
			_, ok := p.into.Design.Pages[name]
			return ok
		})},
		field{"parameters", p.values(&t.Parameters)}, field{"agent", p.text(&t.Agent)},
		field{"retry", p.oneOf(&retry, string(simulator.RetrySameID), string(simulator.RetryNewID))},
		field{"expect", func(node *yaml.Node) { p.expect(c, t, node) }})
	t.Retry = simulator.Retry(retry)
	if (t.Text == "") == (t.Event == "") {
		p.at(node, "turn: want one of say, which is what the user says, and event")
	}
}

// known reads the name of something that the agent has.
func (p *parser) known(into *string, what string, is func(string) bool) func(*yaml.Node) {
	return func(node *yaml.Node) {
		p.text(into)(node)
		if *into != "" && !is(*into) {
			p.at(node, "%s %q is none of the agent's; want it under agent.%ss", what, *into, what)
		}
	}
}

// expect reads what is expected of a turn: each kind checks the shape of its own.
func (p *parser) expect(c *Conversation, t *Turn, node *yaml.Node) {
	t.expected = map[string]*yaml.Node{}
	var known []field
	for _, kind := range kinds {
		known = append(known, field{kind.name, func(node *yaml.Node) {
			t.expected[kind.name] = node
			kind.check(p, node)
			if kind.platform != "" && len(c.Platforms) > 0 && !slices.Contains(c.Platforms, kind.platform) {
				p.at(node, "%s: only %s has it, and this conversation is for %s", kind.name, kind.platform, strings.Join(c.Platforms, ", "))
			}
		}})
	}
	p.fields(node, "expect", known...)
	if node.Kind == yaml.MappingNode && len(node.Content) == 0 {
		p.at(node, "expect: empty; want one of its keys at least, or no such key")
	}
}
