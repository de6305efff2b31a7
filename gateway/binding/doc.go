// Package binding makes a turn of a conversation into the request of a gRPC method, and what the method answers into a
// reply or an HTTP status.
//
// There is one way in so far: the method that takes every turn whole, IntentService.Fulfill.
package binding
