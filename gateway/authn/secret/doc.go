// Package secret verifies what an agent sends that cannot send an ID token: the password of Basic authentication, or a
// header with a fixed value. Each proves the projects that it is bound to in the configuration. It does not prove an agent,
// even where it is bound to one: whoever configures one agent of a project may configure another.
//
// Secrets are compared as hashes, each with all that the request presents and without a way out ahead of the end, so that
// the time says nothing of what would have been right. None is kept, logged or returned.
package secret
