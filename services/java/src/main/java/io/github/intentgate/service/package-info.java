/**
 * What an intent service needs around its methods: a gRPC server that speaks mutual TLS and nothing else, answers only the callers it
 * was told of, reloads its certificates, and stops without cutting off a call; who calls, and on whose behalf; statuses that a user
 * hears; things that are done once.
 *
 * <p>The main of a service is one call of {@link io.github.intentgate.service.Command#run}.
 */
package io.github.intentgate.service;
