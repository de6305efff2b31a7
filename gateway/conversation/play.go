package conversation

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/intentgate/intentgate/gateway/simulator"
)

// Stage is what a conversation is played on.
type Stage struct {
	Platform string // ES or CX
	Client   *simulator.Client
	// Agent is whose conversation it is. Its Design and Language are the file's.
	Agent simulator.Agent
	// Calls returns the calls of services that a session has made since it was last asked; nil: they cannot be seen.
	Calls func(session string) []Call
}

// Call is a call of a service's method.
type Call struct {
	Method  string          `json:"method"` // such as shop.orders.v1.OrderService/TrackOrder
	Request json.RawMessage `json:"request"`
}

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
	Calls       []Call
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
	return len(c.Platforms) == 0 || slices.Contains(c.Platforms, platform)
}

func (c *Conversation) result(platform string) *Result {
	return &Result{File: c.File.Path, Line: c.Line, Name: c.Name, Platform: platform, conversation: c}
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

// Play plays a conversation to its end, also behind a turn that was not as expected.
func (c *Conversation) Play(ctx context.Context, stage Stage) *Result {
	start, result := time.Now(), c.result(stage.Platform)
	agent := stage.Agent
	agent.Design, agent.Language = c.File.Design, c.Language
	played := simulator.NewConversation(stage.Client, agent)
	for _, turn := range c.Turns {
		p := Played{Number: turn.Number, Line: turn.Row, Said: turn.Said(), platform: stage.Platform, callsSeen: stage.Calls != nil}
		var err error
		if p.Turn, err = played.Play(ctx, turn.Line); err != nil {
			result.Error = err.Error()
			break
		}
		p.State = played.State()
		p.Calls = []Call{}
		if p.callsSeen {
			p.Calls = append(p.Calls, stage.Calls(played.Session())...)
		}
		p.Differences = turn.compare(&p)
		result.Turns = append(result.Turns, p)
	}
	result.Seconds = time.Since(start).Seconds()
	return result
}
