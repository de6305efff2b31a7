// Package idtoken verifies the ID tokens that Dialogflow sends with a webhook request to prove whose agent calls: Google
// signs in them the webhook's URL and the e-mail of the project's service agent, which carries the project's number.
//
// What costs little comes first, since anybody may send anything: a token is read, its claims are judged, and only one
// that would do reaches the keys, and only one whose key is known an RSA operation. Nothing counts before the signature
// does. No token is ever logged or returned; a Refusal names claims, escaped.
package idtoken
