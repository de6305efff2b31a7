// Package conversation is conversations with an agent as files: what is said in each turn, and what is to come of it. They
// are read strictly, played as Dialogflow carries them (package simulator), compared, brought up to date and told of.
package conversation

import (
	"go.yaml.in/yaml/v3"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// The platforms that conversations are played on.
const (
	ES = "ES"
	CX = "CX"
)

// Platforms lists both.
func Platforms() []string { return []string{ES, CX} }

// File is a file of conversations with one agent.
type File struct {
	Path          string
	Design        *gatewayv1.ConversationAgent // nil: nothing is known
	Conversations []*Conversation

	data []byte
	root *yaml.Node
}

// Conversation is one conversation. Its language is the file's unless it has one of its own.
type Conversation struct {
	*gatewayv1.Conversation

	File  *File
	Line  int // in the file, from 1
	Turns []*Turn
}

// Turn is a turn and what is expected of it.
type Turn struct {
	*gatewayv1.ConversationTurn

	Number int // from 1
	Row    int // its line in the file, from 1

	expected map[string]*yaml.Node // by the name of the kind
}

// Said is what the turn is called: the user's words, or the event.
func (t *Turn) Said() string {
	if t.GetEvent() != "" {
		return "event " + t.GetEvent()
	}
	return t.GetSay()
}

// Names are what services may be asked by in a turn of the conversation: intent, action and tag, as the turn and the design of
// the agent have them. Some are empty.
func (c *Conversation) Names(t *Turn) []string {
	design := c.File.Design
	intent := design.GetIntents()[t.GetIntent()]
	return []string{
		t.GetIntent(), t.GetAction(), t.GetTag(), intent.GetAction(), intent.GetTag(),
		design.GetPages()[t.GetPage()].GetTag(), design.GetEvents()[t.GetEvent()].GetTag(),
	}
}
