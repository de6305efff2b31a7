// Package gateway is the handler of a webhook: it strings together the rooms that a turn passes through.
//
// The life of a turn, one package a step:
//
//	edge        has accepted the connection, finished its handshake and read the request's headers
//	authn       judges the connection's certificate as trust stands now, before any of the body is read
//	idtoken     verifies the ID token, which proves whose agent calls; or
//	secret      verifies the credential that an agent sends instead
//	edge        admits the request by method and content type, and reads the body up to its limit
//	dialogflow  reads the webhook's JSON into a Turn
//	authn       joins certificate, webhook and session into the Caller, or refuses
//	router      finds the route that takes the turn
//	binding     turns the Turn into the request message of the route's method, and checks its rules
//	caller      writes who is calling into the outgoing metadata, and the request's id
//	joins       has the call of a turn made once, however often Dialogflow tries, or fetches the answer of an earlier turn
//	backend     calls the service over gRPC, with what is left of Dialogflow's time as the deadline
//	binding     reads the response message, or maps the status
//	refusal     makes a Reply of a status that has words, or of a value that breaks a rule
//	fallback    has one where nobody has an answer
//	dialogflow  writes the Reply as webhook JSON
//
// A turn that does not get that far ends in one [Error], which one function writes. Whatever happened, one line in the
// log says so.
//
// Package process builds all of it from a configuration file, and runs it.
package gateway
