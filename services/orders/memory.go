package orders

import intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"

// remembered is how many replies are kept: far more than are still being tried at one time.
const remembered = 1024

// memory keeps the latest replies by request id. The zero memory is empty.
type memory struct {
	replies map[string]*intentgatev1.Reply
	ids     [remembered]string // in the order of arrival, the oldest at next
	next    int
}

// get returns the reply to a request id, or nil.
func (m *memory) get(id string) *intentgatev1.Reply { return m.replies[id] }

// put keeps the reply to a request id that has none yet, and forgets the oldest. A reply to no id is not kept.
func (m *memory) put(id string, reply *intentgatev1.Reply) {
	if id == "" {
		return
	}
	if m.replies == nil {
		m.replies = make(map[string]*intentgatev1.Reply)
	}
	delete(m.replies, m.ids[m.next])
	m.replies[id], m.ids[m.next] = reply, id
	m.next = (m.next + 1) % remembered
}
