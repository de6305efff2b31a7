# The Java part of the Makefile.
MVN ?= mvn
# Only what went wrong, and how many tests there were.
MAVEN := $(MVN) -B -ntp -q -Dstyle.color=never -Dorg.slf4j.simpleLogger.log.org.apache.maven.plugin.surefire.SurefirePlugin=info

.PHONY: test-java
test-java: build ## Build and test the Java library and its example.
	@$(MAVEN) verify
	$(call conform,java -jar services/payments/target/payments.jar)

# The example, without tests.
PAYMENTS := services/payments/target/payments.jar
$(PAYMENTS): pom.xml services/java/pom.xml services/payments/pom.xml \
    $(shell find proto services/java/src/main services/payments/src/main -type f)
	@$(MAVEN) -pl services/payments -am -Dmaven.test.skip package
	@touch $@

.PHONY: java
java: $(PAYMENTS)
