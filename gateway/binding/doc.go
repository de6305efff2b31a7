// Package binding makes a turn of a conversation into the request of a gRPC method, and what the method answers into a
// reply or an HTTP status.
//
// There are two ways in: IntentService.Fulfill, which takes every turn whole, and a method of a service's own, whose
// fields are parameters of Dialogflow's. A method's descriptor is compiled once, for one webhook, into plans that write
// the wire bytes of its request straight from the raw JSON values, and that read of its response's what is to be said and
// remembered, without a message in between. Only for a method that takes or gives Dialogflow's own messages there is one.
package binding
