# The Java part of the Makefile.
MVN ?= mvn
# Only what went wrong, and how many tests there were.
MAVEN := $(MVN) -B -ntp -q -Dstyle.color=never -Dorg.slf4j.simpleLogger.log.org.apache.maven.plugin.surefire.SurefirePlugin=info

.PHONY: test-java
test-java: build ## Build and test the Java library and its example.
	@$(MAVEN) verify
	$(call conform,java -jar services/payments/target/payments.jar)
