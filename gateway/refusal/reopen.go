package refusal

import (
	"slices"
	"strings"
	"unicode"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// How the contexts end in whose parameters ES keeps the slots of an intent while it fills them. They begin with the intent's
// name or, where it is `_id`, with its ID; the last is that of the parameter that is being asked for.
const (
	collected   = "_dialog_context"
	collectedID = "_id" + collected
	askedFor    = "_dialog_params_"
)

// reopened returns the changes to an ES session's contexts that have the agent ask for parameters again. Nothing of it is
// documented by Google: it is what users have found out. The values are emptied where ES keeps them, and the first one is the
// parameter that is being asked for. Only contexts that the request brought are touched: without them, no slots are being filled.
func reopened(turn *dialogflow.Turn, parameters []string) []*intentgatev1.Reply_Context {
	var all []*intentgatev1.Reply_Context
	var intent string // as the names of contexts have it
	first := ""
	for _, c := range turn.Contexts {
		name := strings.ToLower(c.Name)
		owner, isCollected := strings.CutSuffix(name, collected)
		id, isByID := strings.CutSuffix(name, collectedID)
		if !isCollected || isByID && !strings.HasSuffix(strings.ToLower(turn.Intent.Name), "/"+id) || !isByID && !sameIntent(owner, turn.Intent.DisplayName) {
			continue
		}
		emptied := &structpb.Struct{Fields: map[string]*structpb.Value{}}
		for _, p := range c.Parameters() {
			of := strings.TrimSuffix(p.Name, ".original")
			if slices.Contains(parameters, of) && c.Lifespan > 0 {
				emptied.Fields[p.Name] = structpb.NewStringValue("")
				if first == "" {
					first = of
				}
			}
		}
		if len(emptied.GetFields()) > 0 {
			all = append(all, &intentgatev1.Reply_Context{Name: c.Name, Lifespan: c.Lifespan, Parameters: emptied})
			if !isByID {
				intent = owner
			}
		}
	}
	if intent == "" {
		return all
	}
	wanted := intent + askedFor + strings.ToLower(first)
	for _, c := range turn.Contexts {
		if name := strings.ToLower(c.Name); strings.HasPrefix(name, intent+askedFor) && name != wanted && name != intent+askedFor+"size" {
			all = append(all, &intentgatev1.Reply_Context{Name: c.Name})
		}
	}
	return append(all, &intentgatev1.Reply_Context{Name: wanted, Lifespan: 1})
}

// sameIntent reports whether the name of a context begins with that of an intent, of which ES keeps letters and digits only.
func sameIntent(context, intent string) bool {
	letters := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return unicode.ToLower(r)
			}
			return -1
		}, s)
	}
	return letters(context) == letters(intent)
}
