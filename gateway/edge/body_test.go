package edge_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/intentgate/intentgate/gateway/edge"
)

// TestReuse has bodies of all sizes, stated and not, in memory that is used again: each is read as it is, all memory is asked for
// before it is taken, and nothing is left of a body that was given back.
func TestReuse(t *testing.T) {
	for round := range 3 {
		for _, size := range []int{0, 1, 1400, 12<<10 - 513, 12 << 10, 12<<10 + 1, 40 << 10, 64 << 10, 200 << 10} {
			for _, stated := range []bool{true, false} {
				sent := bytes.Repeat([]byte{byte('a' + round)}, size)
				var held int64
				body, err := readBody(t.Context(), sent, stated, func(bytes int64) bool {
					held += bytes
					return true
				})
				if err != nil || !bytes.Equal(body, sent) {
					t.Fatalf("%d bytes, stated %t: %d bytes, %v", size, stated, len(body), err)
				}
				if held < int64(cap(body)) || held > max(64<<10+512, 4*int64(size)) {
					t.Errorf("%d bytes, stated %t: %d bytes were asked for, %d are taken", size, stated, held, cap(body))
				}
				edge.Reuse(body)
				if bytes.Count(body, []byte{0}) != size {
					t.Errorf("%d bytes, stated %t: something is left of them", size, stated)
				}
			}
		}
	}
}

// Where there is no room, none is taken.
func TestReadBodyWithoutRoom(t *testing.T) {
	for _, c := range []struct {
		size   int
		stated bool
		room   int64
	}{{1, true, 12<<10 - 1}, {40 << 10, true, 64 << 10}, {40 << 10, false, 64 << 10}, {100 << 10, true, 100 << 10}} {
		if body, err := readBody(t.Context(), make([]byte, c.size), c.stated, func(bytes int64) bool {
			c.room -= bytes
			return c.room >= 0
		}); !errors.Is(err, edge.ErrNoRoom) {
			t.Errorf("%+v: %d bytes, %v", c, len(body), err)
		}
	}
}

func readBody(ctx context.Context, sent []byte, stated bool, hold func(int64) bool) ([]byte, error) {
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(sent))
	if !stated {
		request.ContentLength, request.Body = -1, io.NopCloser(io.MultiReader(bytes.NewReader(sent)))
	}
	return edge.ReadBody(ctx, httptest.NewRecorder(), request, 1<<20, hold)
}
