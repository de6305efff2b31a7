// Package process is a gateway that runs: it builds the boxes of package gateway from a configuration file, opens the listeners,
// and replaces what it has built when the file changes, without a turn lost.
//
// It is a room of its own because three commands run a gateway (serve, demo and test), and because what may change while turns are
// in work is a subject by itself:
//
//	process     what lives as long as the program does: listeners, telemetry, the places of turns
//	generation  what one configuration makes: routes, services, trust, webhooks. A turn belongs to one from beginning to end
//	replace     puts another generation in force, once its services can be called, and ends the one before when its calls are done
//	reload      decides when: the file has changed, or somebody said so
//
// Commands that only look at a configuration, such as check, take from here what the gateway would make of it.
package process
