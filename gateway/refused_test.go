package gateway

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestRefusedFor(t *testing.T) {
	t.Parallel()
	with := func(code codes.Code, domain, reason string) error {
		s, err := status.New(code, "caller is not allowed").WithDetails(&errdetails.ErrorInfo{Domain: domain, Reason: reason})
		if err != nil {
			t.Fatal(err)
		}
		return s.Err()
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a token":             {with(codes.PermissionDenied, "intentgate", "TOKEN_EXPIRED"), "TOKEN_EXPIRED"},
		"a policy":            {with(codes.PermissionDenied, "intentgate", "METHOD_NOT_LISTED"), "METHOD_NOT_LISTED"},
		"of another domain":   {with(codes.PermissionDenied, "shop.example", "TOKEN_EXPIRED"), ""},
		"of another status":   {with(codes.NotFound, "intentgate", "TOKEN_EXPIRED"), ""},
		"no reason of ours":   {with(codes.PermissionDenied, "intentgate", "Ada's token"), ""},
		"one without end":     {with(codes.PermissionDenied, "intentgate", "TOKEN_"+strings.Repeat("X", 40)), ""},
		"without a detail":    {status.Error(codes.PermissionDenied, "no"), ""},
		"no status":           {errors.New("no"), ""},
		"nothing was refused": {nil, ""},
	} {
		if got := refusedFor(c.err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
