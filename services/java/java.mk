# The Java part of the Makefile.
MVN ?= mvn
# What runs for a minute is not worth compiling well.
QUICK := -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
MAVEN := MAVEN_OPTS="$(QUICK) $${MAVEN_OPTS-}" $(MVN) -B -ntp -Dstyle.color=never
# Of what Maven tells, how many tests there were and what went wrong.
MAVEN_TOLD := sed -n '/^\[INFO\] Tests run:/p; /^\[INFO\]/!{/^$$/!p}'

# What Maven downloads has the hashes that were noted, as far as it is there: elsewhere the compilers are other files.
CHECKSUMS := services/java/checksums.txt
MAVEN_REPOSITORY ?= $(HOME)/.m2/repository
MAVEN_CHECKED := cd $(MAVEN_REPOSITORY) && sha256sum --check --quiet --ignore-missing $(CURDIR)/$(CHECKSUMS)

.PHONY: test-java
test-java: build ## Build and test the Java library and its example, the latter behind a gateway.
	@$(MAVEN) verify | $(MAVEN_TOLD)
	@$(MAVEN_CHECKED)
	$(call conform,java $(QUICK) -jar services/payments/target/payments.jar)

# The example, without tests.
PAYMENTS := services/payments/target/payments.jar
$(PAYMENTS): pom.xml services/java/pom.xml services/payments/pom.xml \
    $(shell find proto services/java/src/main services/payments/src/main -type f)
	@$(MAVEN) -q -pl services/payments -am -Dmaven.test.skip package
	@touch $@

.PHONY: java
java: $(PAYMENTS)

.PHONY: lock-java
lock-java: build ## Write services/java/checksums.txt anew: download all that Maven needs.
	@rm -rf .m2
	@$(MAVEN) -Dmaven.repo.local=$(CURDIR)/.m2 verify | $(MAVEN_TOLD)
	@cd .m2 && find . -name '*.jar' -o -name '*.exe' -o -name '*.pom' | sort | xargs sha256sum >../$(CHECKSUMS)
	@rm -rf .m2
