package conversation

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
)

// Result is what became of a conversation on a platform.
type Result struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Name     string   `json:"name"`
	Platform string   `json:"platform"`
	Skipped  string   `json:"skipped,omitempty"` // why it was not played
	Error    string   `json:"error,omitempty"`   // why it could not be played to its end
	Turns    []Played `json:"turns,omitempty"`
	Seconds  float64  `json:"seconds"`

	conversation *Conversation
}

// Played is a turn as it went.
type Played struct {
	Number      int
	Line        int // in the file
	Said        string
	Turn        simulator.Turn
	State       simulator.State // after it
	Calls       []simulator.Call
	Differences []Difference

	platform  string
	callsSeen bool
}

// MarshalJSON writes it for programs.
func (p Played) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{
		"turn": p.Number, "line": p.Line, "said": p.Said, "heard": p.Turn.Heard, "problems": p.Turn.Problems,
		"calls": p.Calls, "differences": p.Differences,
	})
}

// Failed says whether something was not as expected.
func (r *Result) Failed() bool { return r.Error != "" || r.differences() > 0 }

func (r *Result) differences() (n int) {
	for i := range r.Turns {
		n += len(r.Turns[i].Differences)
	}
	return n
}

// Plays says whether a conversation is for a platform.
func (c *Conversation) Plays(platform string) bool {
	return len(c.GetPlatforms()) == 0 || slices.Contains(c.GetPlatforms(), platform)
}

func (c *Conversation) result(platform string) *Result {
	return &Result{File: c.File.Path, Line: c.Line, Name: c.GetName(), Platform: platform, conversation: c}
}

// Skipped returns the result of a conversation that is not played.
func (c *Conversation) Skipped(platform, why string) *Result {
	r := c.result(platform)
	r.Skipped = why
	return r
}

// Failed returns the result of a conversation that could not be played.
func (c *Conversation) Failed(platform string, err error) *Result {
	r := c.result(platform)
	r.Error = err.Error()
	return r
}

// Play plays a conversation of an agent to its end, also behind a turn that was not as expected. The agent's design and
// language are the file's.
func (c *Conversation) Play(ctx context.Context, client *simulator.Client, agent simulator.Agent) *Result {
	platform := ES
	if agent.API == dialogflow.V3 {
		platform = CX
	}
	start, result := time.Now(), c.result(platform)
	agent.Design, agent.Language = c.File.Design, c.GetLanguage()
	played := simulator.NewConversation(client, agent)
	for _, turn := range c.Turns {
		p := Played{Number: turn.Number, Line: turn.Row, Said: turn.Said(), Calls: []simulator.Call{}, platform: platform, callsSeen: agent.Calls != nil}
		var err error
		if p.Turn, err = played.Play(ctx, turn.ConversationTurn); err != nil {
			result.Error = err.Error()
			break
		}
		p.State = played.State()
		for _, exchange := range p.Turn.Exchanges {
			p.Calls = append(p.Calls, exchange.Calls...)
		}
		p.Differences = turn.compare(&p)
		result.Turns = append(result.Turns, p)
	}
	result.Seconds = time.Since(start).Seconds()
	return result
}
