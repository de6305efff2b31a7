package dialogflow

import (
	"github.com/go-json-experiment/json/jsontext"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// Platform is the edition of Dialogflow that a webhook belongs to. It is configuration: a body does not say.
type Platform uint8

// The editions of Dialogflow.
const (
	ES = Platform(intentgatev1.Platform_PLATFORM_ES) // v2 and v2beta1
	CX = Platform(intentgatev1.Platform_PLATFORM_CX) // v3
)

// String returns ES or CX.
func (p Platform) String() string {
	switch p {
	case ES:
		return "ES"
	case CX:
		return "CX"
	default:
		return "unknown"
	}
}

// Proto returns the platform as services know it.
func (p Platform) Proto() intentgatev1.Platform { return intentgatev1.Platform(p) }

// Value is one JSON value as it was written: valid JSON, aliasing the body it was read from; nil where there is none.
// No digit is lost, and nothing is decoded for nobody.
type Value = jsontext.Value

// Unset reports whether v stands for no value: absent, null or, as ES has it of slots that are still to be filled, "" or [].
func Unset(v Value) bool { return v == nil || v.Kind() == jsontext.KindNull || empty(v) }

// Parameter is a named value.
type Parameter struct {
	Name  string // any text, perhaps empty
	Value Value
}

// Parameters are named values in the order in which they were written, each name once.
type Parameters []Parameter

// Get returns the value of a name, or nil.
func (p Parameters) Get(name string) Value {
	for i := range p {
		if p[i].Name == name {
			return p[i].Value
		}
	}
	return nil
}

// Turn is a webhook request, read. Its values alias the body, which must not be changed while the Turn is in use; its
// texts are copies. Nothing else holds on to either, and a Turn may be read by many at once.
type Turn struct {
	Platform  Platform
	ID        string // responseId, detectIntentResponseId; may be empty
	Session   Session
	Language  string
	Intent    Intent // CX: the last one matched
	Action    string // ES
	Tag       string // CX
	Page      Page   // CX
	Contexts  []Context
	Input     Input
	Channel   Channel
	Messages  []Message
	Sentiment *intentgatev1.Turn_Sentiment

	// Parameters are those of the matched intent on ES (queryResult.parameters); nil on CX, where they stand in
	// Page.Form, Intent.Parameters and SessionParameters.
	Parameters        Parameters
	SessionParameters Parameters // CX

	SpeechConfidence   float64
	LanguageInfo       *intentgatev1.Turn_LanguageInfo      // CX
	KnowledgeAnswers   []*intentgatev1.Turn_KnowledgeAnswer // ES v2beta1
	AlternativeResults []AlternativeResult                  // ES v2beta1
	FulfillmentText    string                               // ES: the agent's own answer, which Messages mostly hold as well
	FillingSlots       bool                                 // ES: required parameters are still being collected
	CancelsSlotFilling bool                                 // ES
	WebhookSource      string                               // ES
	WebhookPayload     Value                                // ES, an object
	DiagnosticInfo     Value                                // ES, an object

	// Unknown names the fields that no published proto has, as paths such as `messages[].source`: each once, cut to 64
	// characters, at most 100. They are words of the sender's, to be escaped wherever they go.
	Unknown []string
	// Quirks counts the liberties that were accepted, by Quirk.
	Quirks [quirks]uint32
	// Body is the whole request.
	Body []byte

	allRequired bool // queryResult.allRequiredParamsPresent
}

// Session is a session's resource name, taken apart.
type Session struct {
	Name        string // as it came
	Project     string // ID or number
	Location    string // may be empty
	Agent       string // CX
	Environment string // empty: the draft
	User        string // ES
	ID          string
}

// Intent is a matched intent.
type Intent struct {
	Name           string // resource name
	DisplayName    string
	Confidence     float64
	Fallback       bool              // ES
	EndInteraction bool              // ES
	Parameters     []IntentParameter // CX
}

// IntentParameter is a parameter of a CX intent.
type IntentParameter struct {
	Name     string
	Original string
	Resolved Value
}

// Page is a page of a CX flow.
type Page struct {
	Name        string // resource name
	DisplayName string
	Form        []FormParameter
}

// FormParameter is a parameter of a CX form.
type FormParameter struct {
	Name          string
	Required      bool
	State         string // EMPTY, INVALID, FILLED, or what Dialogflow added since
	Value         Value
	JustCollected bool
}

// Filled reports whether the parameter has a value, be it a good one. One that is required and has none is asked for by the agent.
func (p *FormParameter) Filled() bool {
	return p.State != "EMPTY" && p.Value != nil && p.Value.Kind() != jsontext.KindNull
}

// Context is an active context of an ES session.
type Context struct {
	Name     string // the last part of the resource name
	Lifespan int32
	Object   Value // its parameters, as an object; nil where there are none
}

// Parameters takes the object apart, in time that grows with it: of most contexts of a long conversation nobody asks.
func (c *Context) Parameters() Parameters {
	var all Parameters
	_ = c.read(func(r *reader) error { return r.parameters(&all) }) // it was judged when it was read
	return all
}

// each hands on the parameters one by one. The name is there until the next one is.
func (c *Context) each(with func(name []byte, value Value)) {
	_ = c.read(func(r *reader) error { // likewise
		return r.object(func(name []byte) error {
			v, err := r.value()
			with(name, v)
			return err
		})
	})
}

func (c *Context) read(with func(r *reader) error) error {
	if c.Object == nil {
		return nil
	}
	return read(nil, c.Object, with)
}

// InputKind says what the user did.
type InputKind uint8

// The ways of input. ES knows only text.
const (
	NoInput InputKind = iota
	TextInput
	EventInput
	DTMFInput
	TranscriptInput
	IntentInput
)

// String returns the kind as a word for logs, such as text or event; it is empty for no input.
func (k InputKind) String() string {
	return [...]string{"", "text", "event", "dtmf", "transcript", "intent"}[k]
}

// Input is what the user did.
type Input struct {
	Kind InputKind
	Text string // the text, event name, digits, transcript or intent name
}

// Channel is the integration that the user sits behind.
type Channel struct {
	Source  string
	Version string
	Payload Value // an object
}

// Message is a message of the agent's own.
type Message struct {
	Kind    string   // the field's JSON name, such as text or payload
	Channel string   // ES platform or CX channel
	Text    []string // of a text message
	Content Value    // the whole message
}

// AlternativeResult is another way to read what the user said.
type AlternativeResult struct {
	Text             string
	Language         string
	Intent           Intent
	Action           string
	KnowledgeAnswers []*intentgatev1.Turn_KnowledgeAnswer
	Messages         []Message
}

// Quirk is a way of writing the envelope that differs from Dialogflow's own but was seen on the wire, mostly because
// somebody stood in between and wrote the body again.
type Quirk uint8

// The quirks that are accepted and counted.
const (
	EmptyForObject  Quirk = iota // `[]` or `""` where an object is expected: it has no members
	NumberAsString               // a number or a boolean in quotes
	FloatForInteger              // 7.0 or 7e0 for 7
	UnknownEnumName              // kept as text
	SnakeCase                    // query_result for queryResult
	quirks
)

// String returns the quirk as a word for metrics and logs, such as snake_case.
func (q Quirk) String() string {
	return [...]string{"empty_for_object", "number_as_string", "float_for_integer", "unknown_enum_name", "snake_case"}[q]
}
