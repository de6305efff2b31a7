package io.github.intentgate.service;

import io.github.intentgate.v1.Caller;
import io.grpc.ServiceDescriptor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Says who may call what. What is not there nobody may call; health and reflection obey the lists of callers alone.
 *
 * <pre>{@code
 * new Methods()
 *     .rule("shop.orders.v1.OrderService/CancelOrder", new Methods.Rule().asserted(Methods.Part.PROJECT, PROOF_ID_TOKEN))
 *     .rule("shop.orders.v1.OrderService/*", new Methods.Rule().callers("uri:spiffe://shop.internal/crm").asserted())
 * }</pre>
 */
public final class Methods {
  private static final int MAX_DOCUMENT = 1 << 20; // bytes
  private static final String PROOFS = "one of STATED, CERTIFICATE, ID_TOKEN, SECRET";

  private final Map<String, Rule> rules = new TreeMap<>();

  /** A part of a caller. */
  public enum Part {
    /** The project's ID, or its number. */
    PROJECT,
    /** The location. */
    LOCATION,
    /** The agent. */
    AGENT,
    /** The environment. */
    ENVIRONMENT;

    private Stream<Caller.Value> of(Caller caller) {
      return switch (this) {
        case PROJECT -> Stream.concat(
            present(caller.hasProjectId(), caller.getProjectId()), present(caller.hasProjectNumber(), caller.getProjectNumber()));
        case LOCATION -> present(caller.hasLocation(), caller.getLocation());
        case AGENT -> present(caller.hasAgent(), caller.getAgent());
        case ENVIRONMENT -> present(caller.hasEnvironment(), caller.getEnvironment());
      };
    }

    private static Stream<Caller.Value> present(boolean there, Caller.Value value) {
      return there ? Stream.of(value) : Stream.empty();
    }

    private String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Says who may call a method: without more, nobody. */
  public static final class Rule {
    private final Set<String> callers = new TreeSet<>();
    private Map<Part, Set<Caller.Proof>> asserted; // null: for nobody

    /** Lets peers call for themselves, as they stand among those that are allowed or asserting. */
    public Rule callers(String... names) {
      callers.addAll(List.of(names));
      return this;
    }

    /** Lets the method be called for agents: for any, unless proofs are asked for besides. */
    public Rule asserted() {
      asserted = asserted == null ? new EnumMap<>(Part.class) : asserted;
      return this;
    }

    /** Lets the method be called for agents of which a part is known in one of these ways, and all other parts as they ask. */
    public Rule asserted(Part part, Caller.Proof... oneOf) {
      Set<Caller.Proof> proofs = EnumSet.noneOf(Caller.Proof.class);
      proofs.addAll(List.of(oneOf));
      asserted().asserted.put(part, proofs);
      return this;
    }
  }

  /** Begins with nothing, by which nobody may call anything. */
  public Methods() {}

  /** Adds a method, such as {@code shop.orders.v1.OrderService/CancelOrder}, or {@code …/*} for all of a service that are not named. */
  public Methods rule(String method, Rule rule) {
    rules.put(method, rule);
    return this;
  }

  /**
   * Reads a file of JSON.
   *
   * @throws IOException if it cannot be read
   * @throws IllegalArgumentException if it is no policy, saying why
   */
  public static Methods read(Path file) throws IOException {
    try (InputStream in = java.nio.file.Files.newInputStream(file)) {
      return parse(in.readNBytes(MAX_DOCUMENT + 1));
    }
  }

  /**
   * Reads JSON such as {@code {"methods": {"shop.orders.v1.OrderService/TrackOrder": {"callers": ["uri:spiffe://shop.internal/crm"],
   * "asserted": {"project": ["ID_TOKEN", "SECRET"]}}}}}.
   *
   * @throws IllegalArgumentException if it is no policy, saying why
   */
  public static Methods parse(byte[] document) {
    if (document.length > MAX_DOCUMENT) {
      throw new IllegalArgumentException("policy: more than " + MAX_DOCUMENT + " bytes");
    }
    try {
      Map<String, Object> file = members("the policy", Json.object(document), Set.of("methods"));
      if (file.get("methods") == null) {
        throw new Json.Bad("\"methods\" is missing");
      }
      Methods methods = new Methods();
      for (Map.Entry<String, Object> each : Json.object("methods", file.get("methods")).entrySet()) {
        methods.rule(each.getKey(), rule(each.getKey(), each.getValue()));
      }
      return methods;
    } catch (Json.Bad e) {
      throw new IllegalArgumentException("policy: " + e.getMessage()
          + "; want such as {\"methods\": {\"shop.orders.v1.OrderService/*\": {\"asserted\": {}}}}", e);
    }
  }

  private static Rule rule(String name, Object value) throws Json.Bad {
    Rule rule = new Rule();
    Map<String, Object> written = members(name, value, Set.of("callers", "asserted"));
    if (written.get("callers") != null) {
      rule.callers(Json.strings(name + ": callers", written.get("callers")).toArray(String[]::new));
    }
    if (written.get("asserted") != null) {
      rule.asserted();
      Set<String> parts = Stream.of(Part.values()).map(Part::text).collect(Collectors.toSet());
      for (Map.Entry<String, Object> part : members(name + ": asserted", written.get("asserted"), parts).entrySet()) {
        List<Caller.Proof> proofs = new ArrayList<>();
        for (String proof : Json.strings(name + ": " + part.getKey(), part.getValue())) {
          try {
            proofs.add(Caller.Proof.valueOf("PROOF_" + proof));
          } catch (IllegalArgumentException e) {
            throw new Json.Bad(name + ": " + part.getKey() + ": \"" + proof + "\"; want " + PROOFS);
          }
        }
        rule.asserted(Part.valueOf(part.getKey().toUpperCase(Locale.ROOT)), proofs.toArray(Caller.Proof[]::new));
      }
    }
    return rule;
  }

  private static Map<String, Object> members(String name, Object value, Set<String> known) throws Json.Bad {
    Map<String, Object> members = Json.object(name, value);
    for (String member : members.keySet()) {
      if (!known.contains(member)) {
        throw new Json.Bad(name + ": \"" + member + "\" is nothing that is known; there are " + new TreeSet<>(known));
      }
      if (members.get(member) == null) {
        throw new Json.Bad(name + ": \"" + member + "\" is null, which says neither none nor any; leave it out");
      }
    }
    return members;
  }

  /**
   * Refuses names that are no peer's of the lists, ways of proof that are none, and methods that are not there.
   *
   * @throws IllegalArgumentException with all that is wrong
   */
  void check(Set<String> peers, Collection<ServiceDescriptor> services) {
    Map<String, Set<String>> registered = new TreeMap<>();
    services.forEach(service -> registered.put(service.getName(),
        service.getMethods().stream().map(method -> method.getBareMethodName()).collect(Collectors.toCollection(TreeSet::new))));
    List<String> problems = new ArrayList<>();
    rules.forEach((name, rule) -> {
      String service = service(name);
      String method = name.substring(Math.min(service.length() + 1, name.length()));
      if (!registered.containsKey(service)) {
        problems.add("\"" + name + "\": no such service is registered; there are " + registered.keySet());
      } else if (!method.equals("*") && !registered.get(service).contains(method)) {
        problems.add("\"" + name + "\": " + service + " has no such method; want * or one of " + registered.get(service));
      }
      for (String caller : rule.callers) {
        try {
          if (!peers.contains(Names.parse(caller))) {
            problems.add("\"" + name + "\": \"" + caller + "\" may not call at all; name it in --allow, too");
          }
        } catch (IllegalArgumentException e) {
          problems.add("\"" + name + "\": " + e.getMessage());
        }
      }
      parts(rule).forEach((part, proofs) -> {
        if (proofs.isEmpty() || proofs.contains(Caller.Proof.PROOF_UNSPECIFIED) || proofs.contains(Caller.Proof.UNRECOGNIZED)) {
          problems.add("\"" + name + "\": " + part.text() + " lists " + proofs + "; want " + PROOFS + ", or no such member");
        }
      });
    });
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException("policy: " + String.join("; ", problems));
    }
  }

  private static Map<Part, Set<Caller.Proof>> parts(Rule rule) {
    return rule.asserted == null ? Map.of() : rule.asserted;
  }

  /** Returns the service of a full name of a method, {@code service/method}. */
  static String service(String method) {
    return method.substring(0, method.indexOf('/') < 0 ? method.length() : method.indexOf('/'));
  }

  /** Judges a call of a method, such as shop.orders.v1.OrderService/TrackOrder, that is accepted otherwise. */
  void judge(String method, Call call) throws NotAccepted {
    Rule rule = rules.getOrDefault(method, rules.get(service(method) + "/*"));
    if (rule == null) {
      throw NotAccepted.denied("METHOD_NOT_LISTED", NotAccepted.quoted(method, 256), "one that the policy names");
    }
    if (call.direct()) {
      Set<String> callers = rule.callers.stream().map(Names::parse).collect(Collectors.toSet());
      if (!Names.listed(call.peer().names(), callers)) {
        throw NotAccepted.denied("CALLER_NOT_LISTED", call.peer().names() + ", for itself", "one of " + rule.callers);
      }
      return;
    } else if (rule.asserted == null) {
      throw NotAccepted.denied("CALLER_NOT_LISTED", "a call for an agent", "one of " + rule.callers + ", for itself");
    }
    for (Map.Entry<Part, Set<Caller.Proof>> part : rule.asserted.entrySet()) {
      List<Caller.Value> values = part.getKey().of(call.caller()).toList();
      if (values.stream().noneMatch(value -> part.getValue().contains(value.getProof()))) {
        throw NotAccepted.denied("PROOF_MISSING",
            "a " + part.getKey().text() + " by " + values.stream().map(value -> value.getProof().name()).toList(),
            "one by one of " + part.getValue());
      }
    }
  }
}
