package orders

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/services/caller"
)

// remembered is how many answers are kept: far more than are still being tried at one time.
const remembered = 1024

// memory keeps the latest answers by request id. The zero memory is empty.
type memory struct {
	answers map[string]proto.Message
	ids     [remembered]string // in the order of arrival, the oldest at next
	next    int
}

// put keeps the answer to a request id that has none yet, and forgets the oldest.
func (m *memory) put(id string, answer proto.Message) {
	if m.answers == nil {
		m.answers = make(map[string]proto.Message)
	}
	delete(m.answers, m.ids[m.next])
	m.answers[id], m.ids[m.next] = answer, id
	m.next = (m.next + 1) % remembered
}

// once answers a call that changes something. Dialogflow tries again when it got no answer in time: what it asks for is done
// once, however often it is tried, and each try hears the same. A program that calls directly has no request id, and is
// answered each time.
func once[R proto.Message](ctx context.Context, s *Service, answer func() (R, error)) (R, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	call, ok := caller.FromContext(ctx)
	if !ok || call.RequestID == "" {
		return answer()
	}
	if earlier, ok := s.answers.answers[call.RequestID].(R); ok {
		return earlier, nil
	}
	resp, err := answer()
	if err == nil {
		s.answers.put(call.RequestID, resp)
	}
	return resp, err
}
