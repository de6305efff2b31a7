package caller

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/grpc/codes"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// MaxMethods is the size in bytes of the largest file that ParseMethods reads.
const MaxMethods = 1 << 20

// Methods say who may call what, by a method's full name, such as `shop.orders.v1.OrderService/CancelOrder`, or by
// `shop.orders.v1.OrderService/*` for all of a service that are not named themselves. What is not there nobody may call.
type Methods map[string]Method

// Method says who may call a method.
type Method struct {
	// Callers are the peers that may call for themselves, as they stand in [Policy].Allowed or Asserting.
	Callers []string `json:"callers"`
	// Asserted says which callers the method may be called for; nil: for none.
	Asserted *Proofs `json:"asserted"`
}

// Proofs say in which ways parts of a caller must be known: STATED, CERTIFICATE, ID_TOKEN or SECRET, one of which is enough. Nil does not
// ask for the part.
type Proofs struct {
	Project     []string `json:"project"` // of its ID or its number
	Location    []string `json:"location"`
	Agent       []string `json:"agent"`
	Environment []string `json:"environment"`
}

// ParseMethods reads `{"methods": {"shop.orders.v1.OrderService/TrackOrder": {"callers": ["uri:spiffe://shop.internal/crm"], "asserted":
// {"project": ["ID_TOKEN", "SECRET"]}}}}`.
func ParseMethods(document []byte) (Methods, error) {
	var file struct {
		Methods Methods `json:"methods"`
	}
	if len(document) > MaxMethods {
		return nil, fmt.Errorf("policy: %d bytes; want at most %d", len(document), MaxMethods)
	}
	if err := json.Unmarshal(document, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf(`policy: %w; want such as {"methods": {"shop.orders.v1.OrderService/*": {"asserted": {}}}}`, err)
	}
	if hasNull(document) {
		return nil, errors.New("policy: a member is null, which says neither none nor any; leave it out")
	}
	if file.Methods == nil {
		return nil, errors.New(`policy: "methods" is missing; want at least {"methods": {}}, by which nobody may call anything`)
	}
	return file.Methods, nil
}

// hasNull says whether a JSON document has a null in it.
func hasNull(document []byte) bool {
	for decoder := jsontext.NewDecoder(bytes.NewReader(document)); ; {
		if token, err := decoder.ReadToken(); err != nil || token.Kind() == 'n' {
			return err == nil
		}
	}
}

// Check tells all at once that is wrong: names that are no peer's of the lists, ways of proof that are none, and methods that are not among
// the registered ones, whose names are given by service.
func (m Methods) Check(peers []mtls.SAN, registered map[string][]string) error {
	var problems []error
	complain := func(text string, args ...any) { problems = append(problems, fmt.Errorf("policy: "+text, args...)) }
	for _, name := range slices.Sorted(maps.Keys(m)) {
		service, method, _ := strings.Cut(name, "/")
		switch methods, ok := registered[service]; {
		case !ok:
			complain("%q: no such service is registered; there are %q", name, slices.Sorted(maps.Keys(registered)))
		case method != "*" && !slices.Contains(methods, method):
			complain("%q: %s has no such method; want * or one of %q", name, service, slices.Sorted(slices.Values(methods)))
		}
		for _, text := range m[name].Callers {
			if san, err := mtls.ParseSAN(text); err != nil {
				complain("%q: %w", name, err)
			} else if !slices.Contains(peers, san) {
				complain("%q: %q may not call at all; name it in --allow, too", name, text)
			}
		}
		for _, part := range m[name].Asserted.parts(nil) {
			if part.proofs != nil && len(part.proofs) == 0 {
				complain("%q: %s lists nothing; want one of STATED, CERTIFICATE, ID_TOKEN, SECRET, or no such member", name, part.name)
			}
			for _, proof := range part.proofs {
				if known := intentgatev1.Caller_Proof_value["PROOF_"+proof]; known == 0 {
					complain("%q: %s: %q; want one of STATED, CERTIFICATE, ID_TOKEN, SECRET", name, part.name, proof)
				}
			}
		}
	}
	return errors.Join(problems...)
}

// part is a part of a caller with the ways in which it must be known.
type part struct {
	name   string
	proofs []string
	values []*intentgatev1.Caller_Value // one of which must be
}

// parts may be asked of nil, which asks for nothing.
func (p *Proofs) parts(who *intentgatev1.Caller) []part {
	if p == nil {
		return nil
	}
	return []part{
		{"project", p.Project, []*intentgatev1.Caller_Value{who.GetProjectId(), who.GetProjectNumber()}},
		{"location", p.Location, []*intentgatev1.Caller_Value{who.GetLocation()}},
		{"agent", p.Agent, []*intentgatev1.Caller_Value{who.GetAgent()}},
		{"environment", p.Environment, []*intentgatev1.Caller_Value{who.GetEnvironment()}},
	}
}

// judge judges a call of a method, such as shop.orders.v1.OrderService/TrackOrder, that is accepted otherwise.
func (m Methods) judge(name string, call *Call) *Refusal {
	refuse := func(reason, wanted, saw string, args ...any) *Refusal {
		return &Refusal{Code: codes.PermissionDenied, Reason: reason, Saw: fmt.Sprintf(saw, args...), Wanted: wanted}
	}
	service, _, _ := strings.Cut(name, "/")
	rule, ok := m[name]
	if !ok {
		rule, ok = m[service+"/*"]
	}
	if !ok {
		return refuse(ReasonMethod, "one that the policy names", "%.256q", name)
	}
	if call.Direct() {
		for _, text := range rule.Callers {
			if san, err := mtls.ParseSAN(text); err == nil && san.Matches(call.Peer.Certificate) {
				return nil
			}
		}
		return refuse(ReasonCaller, fmt.Sprintf("one of %q", rule.Callers), "%q, for itself", call.Peer.SANs)
	}
	if rule.Asserted == nil {
		return refuse(ReasonCaller, fmt.Sprintf("one of %q, for itself", rule.Callers), "a call for an agent")
	}
	for _, part := range rule.Asserted.parts(call.Caller) {
		if part.proofs == nil {
			continue
		}
		var known []string
		for _, value := range part.values {
			if value != nil {
				known = append(known, strings.TrimPrefix(value.GetProof().String(), "PROOF_"))
			}
		}
		if !slices.ContainsFunc(known, func(proof string) bool { return slices.Contains(part.proofs, proof) }) {
			return refuse(ReasonProof, fmt.Sprintf("one by one of %q", part.proofs), "a %s by %q", part.name, known)
		}
	}
	return nil
}
