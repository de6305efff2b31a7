// Package caller says who called: it carries the verified Dialogflow caller from the gateway to a service, and decides
// what a service believes.
//
// A service puts a [Policy]'s interceptors before its handlers, and a handler asks [FromContext]. The [Call] it gets is
// either one that the gateway makes for an agent, then Call.Caller says which agent and how each part of that is known,
// or a direct call of another internal program, known by its own certificate. On the other side the gateway, or a
// service that passes a caller on, uses [NewOutgoingContext].
//
// Metadata is believed because of who sent it and for no other reason: only a peer that is listed as asserting may send
// the keys of this package. With [Tokens] a caller counts only with a token besides in which the gateway has signed for whom it calls,
// which is what lets a service pass a caller on with [Forward]. [Methods] say who may call what. testdata/vectors.json and tokens.json
// hold the contract as data, for the libraries of other languages.
package caller

// The keys of the metadata that carry a caller. gRPC transports the values of keys ending in -bin as bytes.
const (
	// Prefix is reserved: every key that begins with it is ours, known or not.
	Prefix = "intentgate-"
	// MetadataCaller holds an intentgate.v1.Caller.
	MetadataCaller = Prefix + "caller-bin"
	// MetadataCall holds an intentgate.v1.CallRef.
	MetadataCall = Prefix + "call-bin"
	// MetadataRequestID holds the text of CallRef.request_id once more, for those who read no protobuf.
	MetadataRequestID = Prefix + "request-id"
	// MetadataToken holds the JWT in which the gateway signs for whom it calls.
	MetadataToken = Prefix + "token"
	// MetadataTraceParent is the W3C trace context's.
	MetadataTraceParent = "traceparent"
)

// The sizes in bytes beyond which values are neither sent nor accepted. Real ones are a tenth of that.
const (
	MaxCaller    = 8 << 10
	MaxCall      = 4 << 10
	MaxRequestID = 256
)
