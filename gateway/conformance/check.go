package conformance

import (
	"context"
	"slices"

	"github.com/intentgate/intentgate/gateway/doctor"
)

// Check is one thing that the gateway relies on.
type Check struct {
	ID     string // stable, snake_case
	Relies string // what the gateway relies on, a sentence
	Remedy string // what to do where it cannot; empty: the doctor's findings have remedies of their own
	Probe  bool   // whether it takes ProbeService; the others are black box

	// judge says what was seen. An error is skip or unfit, or what was seen where the check failed.
	judge func(ctx context.Context, b *bench) (saw string, err error)
}

// Kind says how a check is made.
func (c Check) Kind() string {
	if c.Probe {
		return "probe"
	}
	return "black box"
}

// doctors says whether the check is one of the doctor's findings.
func (c Check) doctors() bool { return c.Remedy == "" }

// Checks returns all checks in the order in which they are made.
func Checks() []Check { return slices.Clone(checks) }

// skip is why a check could not be made.
type skip string

// Error returns the reason.
func (s skip) Error() string { return string(s) }

// The reasons why checks are skipped that have nothing to do with the service.
const (
	notStarted = skip("the kit has not started the service: see --start")
	noProbe    = skip("the service does not serve intentgate.conformance.v1.ProbeService: start it with --probe")
)

// unfit is a finding of somebody else's, who has another remedy.
type unfit struct{ doctor.Finding }

// Error returns what was seen.
func (u unfit) Error() string { return u.Saw }

// checks begins with those that the others need.
var checks = []Check{
	{ID: "reachable", judge: hop("target", "tcp"), Relies: "Something listens at the target."},
	{ID: "tls_1_3", judge: hop("tls"), Relies: "The service speaks TLS 1.3, with HTTP/2 in ALPN."},
	{ID: "server_certificate", judge: hop("server_chain", "server_dates", "server_name"), Relies: "The service proves its name by a certificate of the CA that the gateway knows, which is valid now."},
	{ID: "refuses_strangers", judge: hop("asks_for_certificate", "strangers"), Relies: "Somebody without a certificate, or with a self-made one that has the gateway's names, hears nothing, not even of the service's health."},
	{ID: "gateway_accepted", judge: hop("client_certificate", "allowed"), Relies: "The gateway may call, known by a name of its certificate."},
	{ID: "health", judge: hop("health"), Relies: "`grpc.health.v1.Health` says SERVING for the service \"\": turns go to no other instance."},
	{ID: "gateway_believed", judge: hop("asserting"), Relies: "The service believes the gateway when it says in the metadata for whom it calls."},
	{
		ID: "refuses_unlisted", judge: refusesUnlisted, Relies: "A program of the same CA that is on no list hears nothing, neither of health nor by reflection.",
		Remedy: "compare each caller's names with the lists before any handler runs, those of health and reflection included",
	},
	{
		ID: "refuses_common_name", judge: refusesCommonName, Relies: "A certificate with the gateway's name as its common name, and not among its subject alternative names, is not the gateway's.",
		Remedy: "compare with the subject alternative names alone, exactly, and never with the subject",
	},
	{
		ID: "allowed_caller", judge: allowedCaller, Relies: "A program that is allowed (--allow) may call for itself.",
		Remedy: "start the service with --allow and a name of the program's certificate",
	},
	{
		ID: "forged_metadata", judge: forgedMetadata, Relies: "Metadata that begins with `intentgate-`, from anybody who may not say for whom he calls, is PERMISSION_DENIED.",
		Remedy: "refuse every call with such a key, known or not, from a peer that is not asserting: ignoring it would be read as proof some day",
	},
	{
		ID: "duplicate_metadata", judge: duplicateMetadata, Relies: "An `intentgate-` key that comes twice is INVALID_ARGUMENT: no two programs may read different callers in one call.",
		Remedy: "count the values of each key before one is taken; some libraries hand out the first or the last, or join them",
	},
	{
		ID: "malformed_metadata", judge: malformedMetadata, Relies: "A caller that is incomplete, cannot be decoded or contradicts itself is INVALID_ARGUMENT.",
		Remedy: "take the three keys together or not at all, and compare the request id with the one in the call reference",
	},
	{
		ID: "large_metadata", judge: largeMetadata, Relies: "A caller of 8 KiB, with a call reference of 4 KiB, is taken.",
		Remedy: "raise the bound on headers to 32 KiB (Java: maxInboundMetadataSize; grpcio: grpc.max_metadata_size and grpc.absolute_max_metadata_size)",
	},
	{
		ID: "unknown_method", judge: unknownMethod, Relies: "A method that is not there is UNIMPLEMENTED, so that a gateway that is newer knows.",
		Remedy: "let the gRPC server answer for methods that nobody has registered",
	},
	{
		ID: "descriptors", judge: descriptors, Relies: "The service describes itself by reflection, or in a descriptor set (--descriptors), with all that it imports.",
		Remedy: "register grpc.reflection.v1.ServerReflection, or give --descriptors a file that `--descriptors` of the service or `buf build` has written",
	},
	{
		ID: "intents", judge: intentsCompile, Relies: "Each method that claims intents can be called on each platform where it does.",
		Remedy: "correct the annotations: docs/typed.md has the rules, `intentgate check` says the same",
	},
	{
		ID: "certificate_reload", judge: certificateReload, Relies: "A new certificate is presented without a restart, calls go on, and a bad new file changes nothing.",
		Remedy: "watch the folder of the files for renames, read certificate and key together, and keep the old ones where the new ones do not fit",
	},
	{
		ID: "authority_reload", judge: authorityReload, Relies: "An authority that is withdrawn from the CA file lets nobody in any more, and one that is added does, without a restart.",
		Remedy: "read the CA file anew when it changes; beware of servers that take it once, and of TLS sessions that are resumed",
	},

	{
		ID: "annotations", Probe: true, judge: annotations, Relies: "Annotations arrive with every byte, those of options that the language does not know included.",
		Remedy: "serve the descriptors as they were compiled, not as they are printed or copied without extensions",
	},
	{
		ID: "caller", Probe: true, judge: callerArrives, Relies: "Whom the gateway calls for, in which session and turn, and with which idempotency key, arrives at the method as it was sent.",
		Remedy: "decode intentgate-caller-bin, intentgate-call-bin and intentgate-request-id, and hand them to the method unchanged",
	},
	{
		ID: "direct_call", Probe: true, judge: directCall, Relies: "A call without a caller is the peer's own: nobody's authority is made up for it.",
		Remedy: "tell the method that the call is direct, without a caller and without an idempotency key",
	},
	{
		ID: "deadline", Probe: true, judge: deadline, Relies: "The method knows the time that the turn has left, and ends with it.",
		Remedy: "hand the deadline of the call to the method, and end its work when it passes",
	},
	{
		ID: "cancellation", Probe: true, judge: cancellation, Relies: "Work ends when the gateway gives the call up.",
		Remedy: "hand the cancellation of the call to the method",
	},
	{
		ID: "status", Probe: true, judge: statusDetails, Relies: "Every status arrives with its code, its message and its details: what the user hears, the fields at fault, a Reply.",
		Remedy: "send google.rpc.Status in grpc-status-details-bin, with a LocalizedMessage for each language and one BadRequest",
	},
	{
		ID: "crash", Probe: true, judge: crash, Relies: "What a method did not foresee is INTERNAL or UNKNOWN, without its text, and the next call is answered.",
		Remedy: "catch what methods throw outside all else that handles the call; its text is for the log",
	},
	{
		ID: "large_messages", Probe: true, judge: largeMessages, Relies: "Requests of 3 MiB and answers of 256 KiB pass whole.",
		Remedy: "leave the bound on received messages at gRPC's 4 MiB, and let no proxy in between have a smaller one",
	},
	{
		ID: "empty_messages", Probe: true, judge: emptyMessages, Relies: "A message of no bytes is a message, in both directions.",
		Remedy: "do not take an empty request for a missing one",
	},
	{
		ID: "unicode", Probe: true, judge: unicodeText, Relies: "Text of every plane of Unicode passes unchanged, in fields, in what users hear and in status messages.",
		Remedy: "handle text as UTF-8, and percent-encode grpc-message as gRPC says",
	},
	{
		ID: "integers", Probe: true, judge: integers, Relies: "64-bit integers keep every digit.",
		Remedy: "use a type of 64 bits (JavaScript: bigint), and nowhere a double",
	},
	{
		ID: "unknown_fields", Probe: true, judge: unknownFields, Relies: "Fields of a newer contract do no harm, in requests and in the caller.",
		Remedy: "do not refuse messages with fields that are not known",
	},
	{
		ID: "concurrency", Probe: true, judge: concurrency, Relies: "64 calls at once, on one connection, neither wait for each other nor mix up their callers and answers.",
		Remedy: "keep nothing of a call outside it, and let slow calls hold up no others: more threads, or none that block",
	},
	{
		ID: "idempotency", Probe: true, judge: idempotency, Relies: "What is tried again with the same key is done once, and each try hears the same, at the same time too.",
		Remedy: "use the library's means to do things once per idempotency key",
	},
	{
		ID: "token_accepted", Probe: true, judge: tokensAccepted, Relies: "A caller counts with a token that the gateway has signed: for many turns or one, and when a service of --forward passes it on.",
		Remedy: "allow clocks 30 s, claims that are not known, and the use of a token for many calls",
	},
	{
		ID: "token_required", Probe: true, judge: tokenRequired, Relies: "A caller without a token is TOKEN_MISSING, from the gateway as from a forwarder; a token twice or without a caller is INVALID_ARGUMENT.",
		Remedy: "with --jwks ask for one with each intentgate-caller-bin",
	},
	{
		ID: "token_form", Probe: true, judge: tokenForm, Relies: "A token is three parts of base64url, at most 4 KiB, with alg, typ and kid in its header and each claim once; else it is TOKEN_MALFORMED.",
		Remedy: "refuse what is not expected before a library makes something of it: it is a stranger's until its signature holds",
	},
	{
		ID: "token_algorithm", Probe: true, judge: tokenAlgorithm, Relies: "A token of another algorithm or type is TOKEN_ALGORITHM, such as none, or HS256 by the public key.",
		Remedy: "compare with ES256 and txntoken+jwt before the key is looked up, and give the JWT library no other",
	},
	{
		ID: "token_signature", Probe: true, judge: tokenSignature, Relies: "A token by a key that is not known is TOKEN_KEY, and one whose signature does not hold TOKEN_SIGNATURE.",
		Remedy: "verify R and S, of 32 bytes each, over the first two parts as they came, by the key of that kid",
	},
	{
		ID: "token_time", Probe: true, judge: tokenTime, Relies: "A token whose time is over or has not begun, by more than 30 s, is TOKEN_EXPIRED, and one that lasts longer than three hours; in each call anew.",
		Remedy: "compare the times of a remembered token, too",
	},
	{
		ID: "token_audience", Probe: true, judge: tokenAudience, Relies: "A token for another trust domain, of another issuer or for another service is TOKEN_AUDIENCE, TOKEN_ISSUER or TOKEN_TARGET.",
		Remedy: "compare aud, iss and target exactly, target with the service of the method that is called",
	},
	{
		ID: "token_stolen", Probe: true, judge: tokenStolen, Relies: "A token that was made for somebody else's connection is TOKEN_PEER, and from who may not assert and is no forwarder it is of no use.",
		Remedy: "compare req_wl with the names in the peer's certificate",
	},
	{
		ID: "token_forwarder", Probe: true, judge: tokenForwarder, Relies: "A forwarder passes on what came to the service that it is listed with, for this caller and turn alone, and may call for nobody else.",
		Remedy: "take the target of a forwarder's entry for the service's own, and tokens with caller_hash alone",
	},
	{
		ID: "token_bound", Probe: true, judge: tokenBound, Relies: "A token of another caller's is TOKEN_CALLER, and of another turn or session TOKEN_TURN.",
		Remedy: "compare caller_hash with the bytes of intentgate-caller-bin as they came, txn with the request id, session with that of the call reference; where they are there, and in each call",
	},
	{
		ID: "token_subject", Probe: true, judge: tokenSubject, Relies: "A token of another project than the caller's is TOKEN_SUBJECT, and one of none where more than its word proves the project.",
		Remedy: "compare sub with projects/ and the number or the ID of the caller's project",
	},
	{
		ID: "policy_default", Probe: true, judge: policyDefault, Relies: "By a policy (--policy), what it does not name is METHOD_NOT_LISTED.",
		Remedy: "judge each method before its handler runs; an exact name goes before Service/*",
	},
	{
		ID: "policy_callers", Probe: true, judge: policyCallers, Relies: "A method is for those programs alone that its `callers` name, and for agents where it has `asserted`; others are CALLER_NOT_LISTED.",
		Remedy: "judge direct calls by callers, and calls for somebody by asserted",
	},
	{
		ID: "policy_proofs", Probe: true, judge: policyProofs, Relies: "A caller of whom too little is proven is PROOF_MISSING.",
		Remedy: "compare the proof of each part that the policy names; of the project, that of its ID or of its number",
	},
	{
		ID: "token_rotation", Probe: true, judge: tokenRotation, Relies: "A key that is added to the file of --jwks counts without a restart, and one that is removed counts no longer, not for tokens that were good before either.",
		Remedy: "watch the folder of the file for renames, and forget what was verified by keys that are gone",
	},
	{
		ID: "graceful_stop", Probe: true, judge: gracefulStop, Relies: "On SIGTERM calls in flight are answered, others are taken and answered or not taken at all (GOAWAY), and the process ends.",
		Remedy: "on SIGTERM send GOAWAY, wait for the calls in flight, then exit; a shell or a package manager in between has to pass the signal on",
	},
	{
		ID: "policy_names", Probe: true, judge: policyNames, Relies: "A policy with a name that is not registered keeps the service from starting, and is told with the names that are.",
		Remedy: "compare the policy with what is registered before listening",
	},
}
