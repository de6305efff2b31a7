package caller_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/caller/token"
)

var update = flag.Bool("update", false, "write testdata/tokens.json anew")

// tokenVectors is testdata/tokens.json, which explains itself.
type tokenVectors struct {
	About       []string           `json:"about"`
	TrustDomain string             `json:"trust_domain"`
	JWKS        jose.JSONWebKeySet `json:"jwks"`
	Tokens      []tokenRow         `json:"tokens"`
	Policies    []policyRow        `json:"policies"`
	PolicyFiles []policyFile       `json:"policy_files"`
}

// about is what the vectors say of themselves.
var about = []string{
	"What a service makes of tokens and of its policy, as data: play it in every language that serves intents. See vectors.json for the rest.",
	"base64 is standard base64 of bytes, padded; messages are ProtoJSON; now is Unix time in seconds.",
	"tokens: calls of `method` from a peer whose certificate has the names `peer`, by a service that trusts `jwks` and `trust_domain`, with the lists `allowed`, `asserting` and `forward`, and `issuer` where it is there. `metadata` is as in vectors.json. code is the gRPC status; no handler runs unless it is OK. A reason in capitals is told to the peer: the status has a google.rpc.ErrorInfo of the domain `intentgate` with it. Others stand in the log only. call is what a handler learns. Play each twice, and it ends in the same way.",
	"policies: the same without tokens: `caller` (intentgate.v1.Caller, or none: the peer calls for itself) is asserted, `policy` is in force.",
	"policy_files: `text` is read as a policy where the services and methods of `registered` are there and `peers` are those of all lists; `good` says whether the service starts.",
}

func readTokens(t *testing.T) tokenVectors {
	t.Helper()
	data, err := os.ReadFile("testdata/tokens.json")
	if err != nil {
		t.Fatal(err)
	}
	var v tokenVectors
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTokenVectorsAreMade holds the file against what makes it.
func TestTokenVectorsAreMade(t *testing.T) {
	want := tokenVectors{
		About: about, TrustDomain: "shop.internal", JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			vectorJWK(t, vectorKey(t, "the gateway's next")), vectorJWK(t, vectorKey(t, "the gateway's")),
		}},
		Tokens: tokenRows(t), Policies: policyRows(), PolicyFiles: policyFiles(),
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(want); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/tokens.json"
	if *update {
		if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, text.Bytes()) {
		t.Errorf("%s is another one than the rows make, %v; go test ./services/caller -update", file, err)
	}
}

// connected is the context of a call from a peer with these names.
func connected(t *testing.T, sans []string, md metadata.MD) context.Context {
	t.Helper()
	cert := &x509.Certificate{}
	for _, san := range sans {
		if name, ok := strings.CutPrefix(san, "dns:"); ok {
			cert.DNSNames = append(cert.DNSNames, name)
			continue
		}
		id, err := url.Parse(strings.TrimPrefix(san, "uri:"))
		if err != nil {
			t.Fatal(err)
		}
		cert.URIs = append(cert.URIs, id)
	}
	ctx := peer.NewContext(t.Context(), &peer.Peer{AuthInfo: credentials.TLSInfo{State: tls.ConnectionState{
		VerifiedChains: [][]*x509.Certificate{{cert}},
	}}})
	return metadata.NewIncomingContext(ctx, md)
}

// play makes a call, and holds its end against what is wanted.
func play(t *testing.T, policy caller.Policy, ctx context.Context, method, code, reason, how string) { //nolint:revive // the test first
	t.Helper()
	var call *caller.Call
	_, err := policy.UnaryInterceptor()(ctx, nil, &grpc.UnaryServerInfo{FullMethod: method}, func(ctx context.Context, _ any) (any, error) {
		call, _ = caller.FromContext(ctx)
		return nil, nil
	})
	var refusal *caller.Refusal
	got := ""
	if errors.As(err, &refusal) {
		if got = refusal.Reason; refusal.Saw == "" || refusal.Wanted == "" {
			t.Errorf("refusal %+v with a gap", refusal)
		}
	}
	var want codes.Code
	if err := want.UnmarshalJSON([]byte(`"` + code + `"`)); err != nil {
		t.Fatal(err)
	}
	if status.Code(err) != want || got != reason {
		t.Errorf("%v, reason %q, error %v; want %s, %q", status.Code(err), got, err, code, reason)
	}
	told := ""
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "intentgate" {
			told = info.GetReason()
		}
	}
	if in := reason == strings.ToUpper(reason); in && told != reason || !in && told != "" {
		t.Errorf("the peer is told %q; the reason is %q", told, reason)
	}
	is := ""
	if call != nil {
		is = map[bool]string{true: "direct", false: "asserted"}[call.Direct()]
	}
	if is != how {
		t.Errorf("a handler saw a call that is %q, want %q", is, how)
	}
}

func verifier(t *testing.T, set jose.JSONWebKeySet, config token.Config) *token.Verifier {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jwks.json")
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if config.Keys, err = token.NewKeys(token.KeysConfig{Source: file, Logger: slog.New(slog.DiscardHandler), Now: config.Now}); err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (r tokenRow) policy(t *testing.T, v tokenVectors) caller.Policy {
	t.Helper()
	tokens := &caller.Tokens{Verifier: verifier(t, v.JWKS, token.Config{
		TrustDomain: v.TrustDomain, Issuer: r.Issuer, Now: func() time.Time { return time.Unix(r.Now, 0) },
	})}
	for _, text := range r.Forward {
		forwarder, err := caller.ParseForwarder(text)
		if err != nil {
			t.Fatal(err)
		}
		tokens.Forwarders = append(tokens.Forwarders, forwarder)
	}
	return caller.Policy{Allowed: parse(t, r.Allowed), Asserting: parse(t, r.Asserting), Tokens: tokens}
}

func (r tokenRow) md() metadata.MD {
	md := metadata.MD{}
	for _, e := range r.Metadata {
		md.Append(e.Key, e.value())
	}
	return md
}

// TestTokenVectors plays each twice: the second time the verdict is remembered.
func TestTokenVectors(t *testing.T) {
	v := readTokens(t)
	for _, row := range v.Tokens {
		t.Run(row.Name, func(t *testing.T) {
			policy := row.policy(t, v)
			for range 2 {
				play(t, policy, connected(t, row.Peer, row.md()), row.Method, row.Code, row.Reason, row.Call)
			}
		})
	}
}

// TestTokensSwitchedOff: whoever asks for none takes calls with any, or none.
func TestTokensSwitchedOff(t *testing.T) {
	v := readTokens(t)
	policy := caller.Policy{Asserting: parse(t, []string{gateway})}
	for _, row := range v.Tokens {
		if slices.Equal(row.Peer, []string{gateway}) && row.Code == "PERMISSION_DENIED" {
			play(t, policy, connected(t, row.Peer, row.md()), row.Method, "OK", "", "asserted")
		}
	}
}

// TestVerdictEnds: what is remembered ends with the token, and with the key.
func TestVerdictEnds(t *testing.T) {
	v, now := readTokens(t), time.Unix(moment+5, 0)
	row := v.Tokens[0]
	policy := row.policy(t, v)
	policy.Tokens.Verifier.Now = func() time.Time { return now }
	ctx := connected(t, row.Peer, row.md())
	play(t, policy, ctx, row.Method, "OK", "", "asserted")
	now = now.Add(time.Hour)
	play(t, policy, ctx, row.Method, "PERMISSION_DENIED", "TOKEN_EXPIRED", "")
	now = time.Unix(moment+5, 0)
	keys := policy.Tokens.Verifier.Keys
	other, err := json.Marshal(jose.JSONWebKeySet{Keys: v.JWKS.Keys[:1]})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys.Source, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := keys.Reload(t.Context()); err != nil || !changed {
		t.Fatalf("changed %t, %v", changed, err)
	}
	play(t, policy, ctx, row.Method, "PERMISSION_DENIED", "TOKEN_KEY", "")
}

func TestForward(t *testing.T) {
	v := readTokens(t)
	row := v.Tokens[1]
	md := row.md()
	md.Set(caller.MetadataTraceParent, "00-11111111111111111111111111111111-2222222222222222-01")
	md.Set("intentgate-later", "x")
	md.Set("cookie", "x")
	want := md.Copy()
	delete(want, "intentgate-later")
	delete(want, "cookie")
	_, err := row.policy(t, v).UnaryInterceptor()(connected(t, row.Peer, md), nil, &grpc.UnaryServerInfo{FullMethod: row.Method},
		func(ctx context.Context, _ any) (any, error) {
			out, err := caller.Forward(metadata.AppendToOutgoingContext(ctx, "other", "x"))
			got, _ := metadata.FromOutgoingContext(out)
			for key := range want {
				if !slices.Equal(got[key], want[key]) {
					t.Errorf("%s is %q, want %q", key, got[key], want[key])
				}
			}
			if len(got) != len(want) {
				t.Errorf("passed on %v, want %v", got, want)
			}
			return nil, err
		})
	if err != nil {
		t.Error(err)
	}
	if _, err := caller.Forward(caller.NewContext(t.Context(), &caller.Call{})); err == nil {
		t.Error("a direct call was passed on")
	}
}

// policyRow is a call under a policy.
type policyRow struct {
	Name      string          `json:"name"`
	Policy    json.RawMessage `json:"policy"`
	Allowed   []string        `json:"allowed,omitempty"`
	Asserting []string        `json:"asserting"`
	Peer      []string        `json:"peer"`
	Caller    json.RawMessage `json:"caller,omitempty"`
	Method    string          `json:"method"`
	Code      string          `json:"code"`
	Reason    string          `json:"reason,omitempty"`
	Call      string          `json:"call,omitempty"`
}

func policyRows() []policyRow {
	const (
		policy = `{"methods": {"shop.orders.v1.OrderService/TrackOrder": {"callers": ["uri:spiffe://shop.internal/crm"], "asserted": {"project": ["ID_TOKEN", "SECRET"]}},` +
			` "shop.orders.v1.OrderService/*": {"asserted": {}}, "shop.orders.v1.OrderService/CancelOrder": {"asserted": {"project": ["ID_TOKEN"], "agent": ["CERTIFICATE"]}},` +
			` "shop.faq.v1.FaqService/Ask": {"callers": ["dns:gateway.internal"]}}}`
		crm, service               = "uri:spiffe://shop.internal/crm", "/shop.orders.v1.OrderService/"
		stated                     = `{"platform":"PLATFORM_CX","projectId":{"value":"shop","proof":"PROOF_STATED"}}`
		proven                     = `{"platform":"PLATFORM_CX","projectId":{"value":"shop","proof":"PROOF_ID_TOKEN"}}`
		byNumber                   = `{"platform":"PLATFORM_CX","projectNumber":{"value":"7","proof":"PROOF_SECRET"}}`
		agent                      = `{"platform":"PLATFORM_CX","projectId":{"value":"shop","proof":"PROOF_ID_TOKEN"},"agent":{"value":"a","proof":"PROOF_CERTIFICATE"}}`
		nobody                     = `{"platform":"PLATFORM_CX"}`
		denied, noMethod, noCaller = "PERMISSION_DENIED", caller.ReasonMethod, caller.ReasonCaller
	)
	row := func(name, peer, who, method, code, reason, call string) policyRow {
		r := policyRow{
			Name: name, Policy: json.RawMessage(policy), Allowed: []string{crm, "dns:other.internal"}, Asserting: []string{gateway},
			Peer: []string{peer}, Method: method, Code: code, Reason: reason, Call: call,
		}
		if who != "" {
			r.Caller = json.RawMessage(who)
		}
		return r
	}
	return []policyRow{
		row("a project by an ID token", gateway, proven, service+"TrackOrder", "OK", "", "asserted"),
		row("a project's number by a secret", gateway, byNumber, service+"TrackOrder", "OK", "", "asserted"),
		row("a project that is stated", gateway, stated, service+"TrackOrder", denied, caller.ReasonProof, ""),
		row("no project", gateway, nobody, service+"TrackOrder", denied, caller.ReasonProof, ""),
		row("any caller, by all other methods", gateway, stated, service+"Browse", "OK", "", "asserted"),
		row("a method of its own is not one of all", gateway, proven, service+"CancelOrder", denied, caller.ReasonProof, ""),
		row("two parts proven", gateway, agent, service+"CancelOrder", "OK", "", "asserted"),
		row("a peer for itself", crm, "", service+"TrackOrder", "OK", "", "direct"),
		row("a peer for itself, by a method for others", crm, "", service+"CancelOrder", denied, noCaller, ""),
		row("another peer for itself", "dns:other.internal", "", service+"TrackOrder", denied, noCaller, ""),
		row("the gateway for itself", gateway, "", service+"TrackOrder", denied, noCaller, ""),
		row("the gateway for itself, listed", gateway, "", "/shop.faq.v1.FaqService/Ask", "OK", "", "direct"),
		row("a method for no agent", gateway, proven, "/shop.faq.v1.FaqService/Ask", denied, noCaller, ""),
		row("a method that is not named", gateway, proven, "/shop.faq.v1.FaqService/Tell", denied, noMethod, ""),
		row("a service that is not named", gateway, proven, "/shop.v1.Other/Ask", denied, noMethod, ""),
		row("a service of a longer name", gateway, proven, "/shop.orders.v1.OrderServices/Browse", denied, noMethod, ""),
		row("health", crm, "", "/grpc.health.v1.Health/Check", "OK", "", "direct"),
		row("a peer that is on no list", "dns:stranger.internal", "", service+"TrackOrder", denied, caller.ReasonNotAllowed, ""),
	}
}

func TestPolicyVectors(t *testing.T) {
	for _, row := range readTokens(t).Policies {
		t.Run(row.Name, func(t *testing.T) {
			methods, err := caller.ParseMethods(row.Policy)
			if err != nil {
				t.Fatal(err)
			}
			md := metadata.MD{}
			if row.Caller != nil {
				who := &intentgatev1.Caller{}
				if err := protojson.Unmarshal(row.Caller, who); err != nil {
					t.Fatal(err)
				}
				if md, err = (caller.Outgoing{Caller: who, Ref: &intentgatev1.CallRef{RequestId: "1.x"}}).Metadata(); err != nil {
					t.Fatal(err)
				}
			}
			policy := caller.Policy{Allowed: parse(t, row.Allowed), Asserting: parse(t, row.Asserting), Methods: methods}
			play(t, policy, connected(t, row.Peer, md), row.Method, row.Code, row.Reason, row.Call)
		})
	}
}

// What is seen is how the project is known, and not which one it is.
func TestMissingProof(t *testing.T) {
	who := &intentgatev1.Caller{Platform: intentgatev1.Platform_PLATFORM_ES, ProjectId: &intentgatev1.Caller_Value{Value: "shop", Proof: intentgatev1.Caller_PROOF_STATED}}
	md, err := caller.Outgoing{Caller: who, Ref: &intentgatev1.CallRef{RequestId: "1.x"}}.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	policy := caller.Policy{Asserting: parse(t, []string{gateway}), Methods: caller.Methods{orders + "/*": {Asserted: &caller.Proofs{Project: []string{"ID_TOKEN"}}}}}
	_, err = policy.UnaryInterceptor()(connected(t, []string{gateway}, md), nil, &grpc.UnaryServerInfo{FullMethod: "/" + orders + "/TrackOrder"}, nil)
	var refusal *caller.Refusal
	if !errors.As(err, &refusal) || refusal.Saw != `a project by ["STATED"]` || refusal.Wanted != `one by one of ["ID_TOKEN"]` {
		t.Errorf("refused with %v", err)
	}
}

func TestPolicyTooLarge(t *testing.T) {
	if _, err := caller.ParseMethods([]byte(`{"methods": {}}` + strings.Repeat(" ", 1<<20))); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("error %v", err)
	}
}

// policyFile is a policy as somebody writes it.
type policyFile struct {
	Name       string              `json:"name"`
	Text       string              `json:"text"`
	Registered map[string][]string `json:"registered"`
	Peers      []string            `json:"peers"`
	Good       bool                `json:"good"`
}

func policyFiles() (files []policyFile) {
	add := func(name, text string, good bool) {
		files = append(files, policyFile{
			Name: name, Text: text, Good: good, Peers: []string{gateway, "dns:crm.internal"},
			Registered: map[string][]string{orders: {"TrackOrder", "CancelOrder"}},
		})
	}
	const method = `"shop.orders.v1.OrderService/TrackOrder"`
	add("nothing may be called", `{"methods": {}}`, true)
	add("all of a service", `{"methods": {"shop.orders.v1.OrderService/*": {"callers": ["dns:crm.internal"], "asserted": {}}}}`, true)
	add("a method", `{"methods": {`+method+`: {"asserted": {"project": ["STATED", "CERTIFICATE", "ID_TOKEN", "SECRET"]}}}}`, true)
	add("a method for nobody", `{"methods": {`+method+`: {}}}`, true)
	add("no methods", `{}`, false)
	add("no JSON", `methods:`, false)
	add("a member that nobody knows", `{"methods": {`+method+`: {"allowed": []}}}`, false)
	add("a part that nobody knows", `{"methods": {`+method+`: {"asserted": {"session": ["STATED"]}}}}`, false)
	add("a method twice", `{"methods": {`+method+`: {}, `+method+`: {"asserted": {}}}}`, false)
	add("a member twice", `{"methods": {`+method+`: {"asserted": {}, "asserted": {"project": ["ID_TOKEN"]}}}}`, false)
	add("a method that is not there", `{"methods": {"shop.orders.v1.OrderService/TrackOrders": {}}}`, false)
	add("a service that is not there", `{"methods": {"shop.orders.v1.Orders/*": {}}}`, false)
	add("a service without a method", `{"methods": {"shop.orders.v1.OrderService": {}}}`, false)
	add("a method with a slash before it", `{"methods": {"/shop.orders.v1.OrderService/TrackOrder": {}}}`, false)
	add("health", `{"methods": {"grpc.health.v1.Health/Check": {}}}`, false)
	add("a peer that is on no list", `{"methods": {`+method+`: {"callers": ["dns:other.internal"]}}}`, false)
	add("a peer without a kind", `{"methods": {`+method+`: {"callers": ["crm.internal"]}}}`, false)
	add("a proof that is none", `{"methods": {`+method+`: {"asserted": {"project": ["PASSWORD"]}}}}`, false)
	add("a proof that is not specified", `{"methods": {`+method+`: {"asserted": {"project": ["UNSPECIFIED"]}}}}`, false)
	add("no proof", `{"methods": {`+method+`: {"asserted": {"project": []}}}}`, false)
	add("no proof, as null", `{"methods": {`+method+`: {"asserted": {"project": null}}}}`, false)
	add("no callers, as null", `{"methods": {`+method+`: {"callers": null, "asserted": {}}}}`, false)
	add("nobody asserted, as null", `{"methods": {`+method+`: {"asserted": null}}}`, false)
	add("a rule that is null", `{"methods": {`+method+`: null}}`, false)
	return files
}

func TestPolicyFiles(t *testing.T) {
	for _, row := range readTokens(t).PolicyFiles {
		t.Run(row.Name, func(t *testing.T) {
			methods, err := caller.ParseMethods([]byte(row.Text))
			if err == nil {
				err = methods.Check(parse(t, row.Peers), row.Registered)
			}
			if (err == nil) != row.Good {
				t.Errorf("error %v, good should be %t", err, row.Good)
			}
		})
	}
}
