/** The payments of the example shop: an intent service in Java, and a program that calls another one. */
package io.github.intentgate.shop.payments;
