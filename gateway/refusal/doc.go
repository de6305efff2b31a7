// Package refusal makes an answer of what a service, or a rule of its contract, says against a turn: a status whose details speak
// to the user, and values that do not fit a request. It knows the conversation, and neither HTTP nor gRPC.
//
// Texts for developers, which are a status's message and the descriptions of violations, and the names of fields never become
// part of an answer.
package refusal
