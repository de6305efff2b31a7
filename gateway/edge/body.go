package edge

import (
	"errors"
	"io"
	"sync"
)

// Bodies are read into memory of two sizes that is used again, all everyday ones into the small one. What is larger is left to
// the garbage collector.
const (
	smallBody = 12 << 10
	largeBody = 64<<10 + spare
	spare     = 512 // so that what is stated fits, and the end is seen
)

var (
	smallBodies = sync.Pool{New: func() any { return new([smallBody]byte) }}
	largeBodies = sync.Pool{New: func() any { return new([largeBody]byte) }}
)

// Reuse takes back the memory of a body that ReadBody returned; neither it nor any part of it may be used from then on. No
// caller's bytes can show in the next one's request: they are wiped here, and nobody is given more of the memory than
// was read into it for him.
func Reuse(body []byte) {
	clear(body)
	switch cap(body) {
	case smallBody:
		smallBodies.Put((*[smallBody]byte)(body[:smallBody]))
	case largeBody:
		largeBodies.Put((*[largeBody]byte)(body[:largeBody]))
	}
}

// room is how much memory is taken for size bytes.
func room(size int64) int64 {
	switch {
	case size <= smallBody:
		return smallBody
	case size <= largeBody:
		return largeBody
	default:
		return size
	}
}

// take takes as much memory as room says.
func take(room int64) []byte {
	switch room {
	case smallBody:
		return smallBodies.Get().(*[smallBody]byte)[:0] //nolint:errcheck,forcetypeassert // it holds nothing else
	case largeBody:
		return largeBodies.Get().(*[largeBody]byte)[:0] //nolint:errcheck,forcetypeassert // it holds nothing else
	default:
		return make([]byte, 0, room)
	}
}

// readAll reads to the end, into memory that grows with what is there: a stated length is not believed beyond the large size.
func readAll(from io.Reader, stated int64, hold func(bytes int64) bool) ([]byte, error) {
	var body []byte
	size := room(min(max(stated, 0), largeBody-spare) + spare)
	for {
		if len(body) == cap(body) {
			if hold != nil && !hold(size-int64(cap(body))) {
				Reuse(body)
				return nil, ErrNoRoom
			}
			grown := append(take(size), body...)
			Reuse(body)
			body, size = grown, room(2*size)
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			Reuse(body)
			return nil, err
		}
	}
}
