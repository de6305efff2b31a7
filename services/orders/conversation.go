package orders

import (
	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

const (
	// toCancel is the session parameter that remembers which order the user was asked about.
	toCancel = "order_to_cancel"
	// confirmContext is the ES context under which the agent's yes and no follow-up intents match. CX has pages
	// for that.
	confirmContext = "order-cancel-confirm"
	// confirmLifespan is how many turns the user may take to say yes or no.
	confirmLifespan = 2
)

func (s *Service) welcome(t turn) *intentgatev1.Reply { return t.say(greeting) }

func (s *Service) fallback(t turn) *intentgatev1.Reply { return t.say(notUnderstood) }

// track tells where an order is.
func (s *Service) track(t turn) *intentgatev1.Reply {
	o, reply := s.find(t)
	if o == nil {
		return reply
	}
	return t.sayOf(o, whereabouts[o.status])
}

// cancel asks whether an order is really to be cancelled, and remembers which.
func (s *Service) cancel(t turn) *intentgatev1.Reply {
	o, reply := s.find(t)
	if o == nil {
		return reply
	}
	if o.status != packing {
		return t.sayOf(o, tooLate[o.status])
	}
	reply = t.sayOf(o, reallyCancel)
	t.remember(reply, structpb.NewStringValue(o.id), confirmLifespan)
	return reply
}

// confirm cancels the order that cancel asked about.
func (s *Service) confirm(t turn) *intentgatev1.Reply {
	return s.decide(t, func(o *order) text {
		if o.status != packing { // it has changed since we asked
			return tooLate[o.status]
		}
		o.status = cancelled
		return cancelDone
	})
}

// deny leaves the order that cancel asked about alone.
func (s *Service) deny(t turn) *intentgatev1.Reply {
	return s.decide(t, func(*order) text { return cancelNot })
}

// decide answers with what becomes of the order that cancel asked about, and forgets that it asked.
func (s *Service) decide(t turn, become func(*order) text) *intentgatev1.Reply {
	o := s.orders[normalise(t.GetSessionParameters().GetFields()[toCancel].GetStringValue())]
	if o == nil {
		return t.say(nothingToCancel)
	}
	reply := t.sayOf(o, become(o))
	t.remember(reply, structpb.NewNullValue(), 0)
	return reply
}

// find returns the order that the user means, or what to answer instead.
func (s *Service) find(t turn) (*order, *intentgatev1.Reply) {
	id := t.orderID()
	if id == "" {
		if t.agentAsks() {
			return nil, nil // saying nothing lets the agent's own prompt be heard
		}
		return nil, t.say(whichOrder)
	}
	o := s.orders[id]
	if o == nil {
		reply := t.say(unknownOrder)
		reply.FormParameters = t.invalidOrderID()
		return nil, reply
	}
	return o, nil
}
