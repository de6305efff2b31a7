package caller

import (
	"hash/maphash"
	"slices"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// callers remembers the callers that were decoded last, by their bytes: those of one agent are the same in each of its turns, and
// decoding them takes longer than all else that is judged. Only what asserting peers say is kept.
type callers struct {
	seed maphash.Seed
	last [64]atomic.Pointer[decoded] // each at the place that its hash says, until another takes it
}

// decoded is a caller that is handed out in copies alone: a handler that changes its own must not change who the next call is for.
type decoded struct {
	text   string
	caller *intentgatev1.Caller
	plain  bool // duplicate copies all of it
}

func newCallers() *callers { return &callers{seed: maphash.MakeSeed()} }

// decode reads an intentgate.v1.Caller.
func (c *callers) decode(text string) (*intentgatev1.Caller, *Refusal) {
	place := &c.last[maphash.String(c.seed, text)%uint64(len(c.last))]
	if known := place.Load(); known != nil && known.text == text {
		return known.copied(), nil
	}
	who := new(intentgatev1.Caller)
	if err := proto.Unmarshal([]byte(text), who); err != nil {
		return nil, malformed(ReasonUndecodable, "an intentgate.v1.Caller", "%q: %v", MetadataCaller, err)
	}
	if who.GetPlatform() == intentgatev1.Platform_PLATFORM_UNSPECIFIED {
		return nil, malformed(ReasonUndecodable, "a caller that says at least its platform", "%q without one", MetadataCaller)
	}
	known := &decoded{text, who, proto.Equal(duplicate(who), who)}
	place.Store(known)
	return known.copied(), nil
}

func (d *decoded) copied() *intentgatev1.Caller {
	if d.plain {
		return duplicate(d.caller)
	}
	return proto.Clone(d.caller).(*intentgatev1.Caller) //nolint:errcheck,forcetypeassert // it is of the same type
}

// duplicate copies the fields that are known here, in one piece of memory: proto.Clone takes half as long as decoding.
func duplicate(who *intentgatev1.Caller) *intentgatev1.Caller {
	var all struct {
		caller      intentgatev1.Caller
		values      [5]intentgatev1.Caller_Value
		certificate intentgatev1.Caller_Certificate
		token       intentgatev1.Caller_IdToken
	}
	used := 0
	value := func(from *intentgatev1.Caller_Value) *intentgatev1.Caller_Value {
		if from == nil {
			return nil
		}
		to := &all.values[used]
		used++
		to.Value, to.Proof = from.GetValue(), from.GetProof()
		return to
	}
	to := &all.caller
	to.Platform, to.Credential = who.GetPlatform(), who.GetCredential()
	to.ProjectId, to.ProjectNumber, to.Location = value(who.GetProjectId()), value(who.GetProjectNumber()), value(who.GetLocation())
	to.Agent, to.Environment = value(who.GetAgent()), value(who.GetEnvironment())
	if from := who.GetCertificate(); from != nil {
		to.Certificate = &all.certificate
		to.Certificate.Profile, to.Certificate.Subject, to.Certificate.Issuer = from.GetProfile(), from.GetSubject(), from.GetIssuer()
		to.Certificate.Sans, to.Certificate.Sha256 = slices.Clone(from.GetSans()), slices.Clone(from.GetSha256())
		to.Certificate.ForwardedBy = from.GetForwardedBy()
	}
	if from := who.GetIdToken(); from != nil {
		to.IdToken = &all.token
		to.IdToken.Email, to.IdToken.Audience = from.GetEmail(), from.GetAudience()
	}
	return to
}
