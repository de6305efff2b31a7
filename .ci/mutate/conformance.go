package main

const (
	kitTokens   = "gateway/conformance/signed.go"
	kitRotation = "gateway/conformance/tokens.go"
	kitPolicies = "gateway/conformance/policies.go"
)

// judging is what the conformance kit notices of services that judge callers' tokens and have a policy.
var judging = []mutation{
	kit("conformance: how a token is judged", kitTokens, `told != f.want {`, `told != f.want && f.want != "TOKEN_TURN" {`),
	kit("conformance: that it says why", kitTokens, `&& s.Code() == codes.PermissionDenied {`, `&& false {`),
	kit("conformance: a token that is remembered", kitTokens, `for range 2 {`, `for range 1 {`),
	kit("conformance: a token that ends", kitRotation, `if reason(err) == string(token.Expired) {`, `if true {`),
	kit("conformance: a key that is added", kitRotation, `if err := b.until(ctx, say); err != nil {`, `if err := say(); false {`),
	kit("conformance: a key that is removed", kitRotation, `if told := reason(stale()); told != string(token.Key) {`, `if told := reason(stale()); false {`),
	kit("conformance: how a method is judged", kitPolicies, `told != r.want {`, `told != r.want && r.want != "PROOF_MISSING" {`),
	kit("conformance: a policy that is refused", kitPolicies, `return "", errors.New("it has started by`, `return "", skip("it has started by`),
	kit("conformance: why it is refused", kitPolicies, `case !strings.Contains(err.Error(), "Ecko") || !strings.Contains(err.Error(), "Echo"):`, `case false:`),
}

// kit is a mutation that lets a broken service pass.
func kit(name, file, old, changed string) mutation {
	return mutation{name: name, edits: []edit{{file, old, changed}}, red: []check{{"gateway/conformance", `TestFaultsOfTokens`}}}
}
