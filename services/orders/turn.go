package orders

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// idNames are the names under which agents send the number of an order.
var idNames = []string{"order_id", "orderId", "order-id"}

// turn is a turn with its parameters and the language to answer in.
type turn struct {
	*intentgatev1.Turn

	parameters *structpb.Struct
	lang       language
}

// say answers with a text.
func (t turn) say(words text) *intentgatev1.Reply {
	return &intentgatev1.Reply{Texts: []string{words[t.lang]}}
}

// sayOf answers with a text about an order.
func (t turn) sayOf(o *order, words text) *intentgatev1.Reply {
	return &intentgatev1.Reply{Texts: []string{strings.NewReplacer(
		"{id}", o.id,
		"{items}", o.items[t.lang],
		"{day}", dayIn(t.lang, o.day),
		"{carrier}", o.carrier,
	).Replace(words[t.lang])}}
}

// orderID returns the number of the order that the user named, or "".
func (t turn) orderID() string {
	for _, name := range idNames {
		if id := normalise(t.parameters.GetFields()[name].GetStringValue()); id != "" {
			return id
		}
	}
	return ""
}

// normalise returns the number of an order as the catalogue has it: people write and say it in many ways.
func normalise(id string) string { return strings.ToUpper(strings.TrimSpace(id)) }

// agentAsks reports whether the agent itself is about to ask for the number: it is filling slots (ES), or its current
// form has the number among its parameters (CX).
func (t turn) agentAsks() bool {
	return t.GetFillingSlots() || slices.ContainsFunc(t.GetPage().GetForm(), isOrderID)
}

// invalidOrderID makes CX ask again for the number that it has just filled in. A parameter that is still empty is left
// alone, since marking it would spoil its first prompt.
func (t turn) invalidOrderID() []*intentgatev1.Reply_FormParameter {
	var bad []*intentgatev1.Reply_FormParameter
	for _, p := range t.GetPage().GetForm() {
		if isOrderID(p) && p.GetState() == "FILLED" {
			bad = append(bad, &intentgatev1.Reply_FormParameter{Name: p.GetName(), Invalid: true})
		}
	}
	return bad
}

func isOrderID(p *intentgatev1.Turn_FormParameter) bool { return slices.Contains(idNames, p.GetName()) }

// remember keeps the order that a yes or no would be about for the turns to come; null forgets it.
func (t turn) remember(reply *intentgatev1.Reply, id *structpb.Value, lifespan int32) {
	reply.SessionParameters = &structpb.Struct{Fields: map[string]*structpb.Value{toCancel: id}}
	if t.GetPlatform() == intentgatev1.Platform_PLATFORM_ES {
		reply.Contexts = []*intentgatev1.Reply_Context{{Name: confirmContext, Lifespan: lifespan}}
	}
}
