package edge

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// RequestError says why a request cannot be read, in HTTP's words and for the caller's eyes.
type RequestError struct {
	Status  int
	Problem string

	header, value string // what the status asks for
	hangUp        bool   // the rest of the body is not worth reading
}

// Error returns the problem.
func (e *RequestError) Error() string { return e.Problem }

// SetHeader sets the fields that the status asks for in an answer's header.
func (e *RequestError) SetHeader(header http.Header) {
	if e.header != "" {
		header.Set(e.header, e.value)
	}
	if e.hangUp {
		header.Set("Connection", "close")
	}
}

// Admit refuses what cannot be a webhook request by its header: POST only, JSON in UTF-8 only, not compressed. The error
// is a *RequestError. Whoever calls it knows already whose request it is.
func Admit(r *http.Request) error {
	if r.Method != http.MethodPost {
		return &RequestError{Status: http.StatusMethodNotAllowed, Problem: "a webhook is called with POST", header: "Allow", value: http.MethodPost}
	}
	if encodings := r.Header["Content-Encoding"]; len(encodings) > 1 || len(encodings) == 1 && !strings.EqualFold(encodings[0], "identity") {
		return &RequestError{
			Status: http.StatusUnsupportedMediaType, Problem: "the body must not be compressed",
			header: "Accept-Encoding", value: "identity",
		}
	}
	if !isJSON(r.Header["Content-Type"]) {
		return &RequestError{
			Status: http.StatusUnsupportedMediaType, Problem: "the body must be application/json in UTF-8",
			header: "Accept", value: "application/json",
		}
	}
	return nil
}

func isJSON(types []string) bool {
	if len(types) != 1 {
		return false
	}
	if types[0] == "application/json" {
		return true
	}
	kind, parameters, err := mime.ParseMediaType(types[0])
	if err != nil || kind != "application/json" {
		return false
	}
	charset, ok := parameters["charset"]
	return !ok || strings.EqualFold(charset, "utf-8")
}

// ErrNoRoom says that hold had no room for a body.
var ErrNoRoom = errors.New("there is no room for the body")

// ReadBody reads the whole body, of at most limit bytes, into memory that Reuse takes back. It asks hold, unless that is nil,
// before it takes any. The error is ErrNoRoom or a *RequestError: 413 if there is more, 408 if it does not come in time, which is until ctx's deadline or
// Limits.ReadTimeout, else 400. From then on only the answer's deadline holds.
func ReadBody(ctx context.Context, w http.ResponseWriter, r *http.Request, limit int64, hold func(bytes int64) bool) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	reading := http.NewResponseController(w)
	if deadline, ok := sooner(ctx); ok && !settable(reading.SetReadDeadline(deadline)) {
		return nil, brokeOff("the connection")
	}
	from := r.Body
	if r.ContentLength < 0 { // net/http holds others to their length
		from = http.MaxBytesReader(w, r.Body, limit)
	}
	body, err := readAll(from, r.ContentLength, hold)
	if err != nil {
		var more *http.MaxBytesError
		switch {
		case errors.Is(err, ErrNoRoom):
			return nil, err
		case errors.As(err, &more):
			return nil, tooLarge(limit)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, &RequestError{Status: http.StatusRequestTimeout, Problem: "the body did not come in time", hangUp: true}
		default:
			return nil, brokeOff("the body")
		}
	}
	// net/http would cancel the request's context when the time for reading is over, although all has been read.
	if !settable(reading.SetReadDeadline(time.Time{})) {
		return nil, brokeOff("the connection")
	}
	return body, nil
}

// sooner returns ctx's deadline, unless net/http ends the reading before: it has set Limits.ReadTimeout already.
func sooner(ctx context.Context) (time.Time, bool) {
	deadline, ok := ctx.Deadline()
	if peer, served := PeerFromContext(ctx); ok && served {
		ok = time.Until(deadline) < peer.conn.server.config.Limits.ReadTimeout
	}
	return deadline, ok
}

// settable says whether a deadline was set, or there is none to set because no server is behind it.
func settable(err error) bool { return err == nil || errors.Is(err, http.ErrNotSupported) }

func brokeOff(what string) *RequestError {
	return &RequestError{Status: http.StatusBadRequest, Problem: what + " broke off", hangUp: true}
}

func tooLarge(limit int64) *RequestError {
	return &RequestError{
		Status: http.StatusRequestEntityTooLarge, Problem: fmt.Sprintf("the body is larger than %d bytes", limit), hangUp: true,
	}
}

// StripReserved deletes the fields that only the gateway may set, `intentgate-*` in any spelling: they carry identity to
// the services.
func StripReserved(header http.Header) {
	const prefix = "intentgate-"
	for name := range header {
		foreign := name != "" && name[0] >= utf8.RuneSelf // no field's name, and `İ` is an i to some
		if foreign || len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			delete(header, name)
		}
	}
}
