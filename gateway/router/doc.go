// Package router finds the service that answers a turn: the first declared route whose match takes it.
//
// What a route can never do is found when the routes are loaded, not when a turn goes astray: a route that asks for
// what its platform does not have, and a route of which earlier ones take everything, are errors.
package router
