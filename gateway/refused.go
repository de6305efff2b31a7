package gateway

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refusedFor is the reason by which the library of a service refused the gateway's call, such as TOKEN_EXPIRED; empty where err is
// anything else: what a service says in its own words is not for the log. So whoever reads the gateway's log knows of wrong keys without the service's.
func refusedFor(err error) string {
	s, ok := status.FromError(err)
	if !ok || s.Code() != codes.PermissionDenied {
		return ""
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "intentgate" {
			if reason := info.GetReason(); len(reason) <= 32 && strings.Trim(reason, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "" {
				return reason
			}
		}
	}
	return ""
}
