// Package rules checks requests by the rules that their protos give, those of buf.validate.
//
// The rules come from services, and what they are applied to from users: neither may keep the gateway busy. CEL can compute for
// years, and a pattern stand for a million states. So what a rule can cost is estimated before it is compiled, as a function of
// the size of a request, and refused where it is too much for the largest one that is checked. Requests that are larger are not.
//
// The estimate is our own. That of cel-go takes each element of a list to be as large as the list, and would refuse most loops; it
// takes a text that is doubled twenty times for a short one, a pattern for as many states as a quarter of its letters, and a function
// that it does not know for free. While a rule runs nothing can stop it: protovalidate hands no limit and no context to CEL.
package rules
