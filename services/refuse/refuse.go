// Package refuse makes the gRPC statuses with which a service says no. A status is an answer: its details tell the user why, and
// the conversation how to go on, while programs go by its code.
//
//	return nil, refuse.With(codes.FailedPrecondition, "the slot is full",
//		refuse.Saying("en", "We are full at two. How about three?"),
//		refuse.Field("time", "full"),
//		&intentgatev1.Reply{Messages: …})
//
// The gateway speaks the words that fit the user's language, has the agent ask again for the parameters that the fields were
// made of, and obeys the Reply. All the rest stays in the house.
package refuse

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// With returns the error of a status with details: those of this package, an intentgatev1.Reply, any other message. A detail that
// is nil is left out, and all fields become one BadRequest, where clients look for it. The code is any but codes.OK. The message
// is for developers: no user hears it.
func With(code codes.Code, message string, details ...proto.Message) error {
	var kept []protoadapt.MessageV1
	fields := &errdetails.BadRequest{}
	for _, detail := range details {
		switch one, isField := detail.(*errdetails.BadRequest); {
		case detail == nil, !detail.ProtoReflect().IsValid():
		case isField:
			fields.FieldViolations = append(fields.FieldViolations, one.GetFieldViolations()...)
		default:
			kept = append(kept, protoadapt.MessageV1Of(detail))
		}
	}
	if len(fields.GetFieldViolations()) > 0 {
		kept = append(kept, fields)
	}
	refusal := status.New(code, message)
	detailed, err := refusal.WithDetails(kept...)
	if err != nil { // such as text that is no UTF-8: it stays a refusal, with less to say
		return refusal.Err()
	}
	return detailed.Err()
}

// Saying is what a user hears, in a language such as `en` or `pt-BR`. In several languages the gateway chooses that of the turn.
func Saying(language, words string) *errdetails.LocalizedMessage {
	return &errdetails.LocalizedMessage{Locale: language, Message: words}
}

// Field says which field of the request is at fault, by its path such as `items[0].quantity`, and to developers why. An agent asks
// for its parameter again.
func Field(path, problem string) *errdetails.BadRequest {
	return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: path, Description: problem}}}
}
