package idtoken_test

import (
	"testing"
)

// Cached is what all turns but a token's first pay.
func BenchmarkVerify(b *testing.B) {
	now := (&clock{now: start}).Now
	values, rules := bearer(token(b, claims(b))), rules()
	b.Run("cached", func(b *testing.B) {
		v, _, _ := verifier(b, now)
		b.ReportAllocs()
		for b.Loop() {
			if _, refusal := v.Verify(b.Context(), values, rules); refusal != nil {
				b.Fatal(refusal)
			}
		}
	})
	b.Run("fresh", func(b *testing.B) {
		v, _, _ := verifier(b, now)
		b.ReportAllocs()
		for b.Loop() {
			v.Forget()
			if _, refusal := v.Verify(b.Context(), values, rules); refusal != nil {
				b.Fatal(refusal)
			}
		}
	})
	b.Run("refused", func(b *testing.B) {
		v, _, _ := verifier(b, now)
		claims := claims(b)
		claims["aud"] = "https://other.example/"
		values := bearer(token(b, claims))
		b.ReportAllocs()
		for b.Loop() {
			if _, refusal := v.Verify(b.Context(), values, rules); refusal == nil {
				b.Fatal("accepted")
			}
		}
	})
}
