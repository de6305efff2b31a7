package io.github.intentgate.service;

import io.grpc.BindableService;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.logging.ConsoleHandler;
import java.util.logging.Handler;
import java.util.logging.LogManager;
import java.util.logging.Logger;

/**
 * The command line of a service. Its main is one call:
 *
 * <pre>{@code
 * public static void main(String[] arguments) {
 *   System.exit(Command.run("payments", arguments, new Payments()));
 * }
 * }</pre>
 */
public final class Command {
  private static final String HELP = """
      %1$s answers intents over gRPC and mutual TLS. It talks to the callers that it is told of, and to nobody else.

      Usage:
        %1$s --cert FILE --key FILE --ca FILE --assert NAME [--allow NAME]... [flags]
        %1$s --descriptors FILE

      Example:
        %1$s --cert %1$s.pem --key %1$s.key --ca internal-ca.pem --assert dns:gateway.internal

        Now whoever shows a certificate of internal-ca.pem for gateway.internal may call, and is believed when it says which
        Dialogflow agent it calls for. Everybody else is refused, health checks included.

      Flags:
        --listen ADDRESS      where to listen; port 0 takes any free one, and the log says which (default :8443)
        --cert FILE           the service's certificate, its intermediates after it
        --key FILE            the certificate's private key
        --ca FILE             the authorities that issue the callers' certificates
        --assert NAME         a caller that may say for whom it calls: the gateway; may be given more than once
        --allow NAME          a caller that calls for itself: another program of yours; may be given more than once
        --jwks SOURCE         ask for the gateway's signature with each caller, and verify it by the keys of this file or https URL,
                              which the gateway's caller_tokens make; --trust-domain says whom they are for
        --jwks-ca FILE        the authorities by which that URL's server is judged (default those of --ca)
        --trust-domain NAME   the trust_domain of the gateway's caller_tokens
        --issuer NAME         their issuer (default any)
        --forward NAME=SERVICE
                              a service that may pass on callers, and the gRPC service that the gateway calls it by, such as
                              dns:orders.internal=shop.orders.v1.OrderService; may be given more than once
        --policy FILE         which methods may be called by whom, and for whom; what it does not name nobody may call
        --log-format FORMAT   text or json (default text)
        --descriptors FILE    write the descriptors of the service's methods there, and exit: with them the gateway knows the
                              service's intents (intents.descriptor_set in intentgate.yaml)
        --probe               serve intentgate.conformance.v1.ProbeService besides, for `intentgate conformance`; not in production

      A NAME is dns:<name> or uri:<id>, exactly as it stands among the subject alternative names of the caller's certificate.
      Files are PEM, and are read again when they change.
      """;

  private final IntentServer.Builder server;
  private final List<String> missing = new ArrayList<>(List.of("--cert", "--key", "--ca"));
  private Path cert;
  private Path key;
  private Path ca;
  private Path descriptors;
  private Tokens tokens;
  private boolean help;
  private boolean json;
  private boolean probe;

  private Command(IntentServer.Builder server) {
    this.server = server;
  }

  /** A mistake in the command line. */
  @SuppressWarnings("serial") // nobody writes it anywhere
  private static final class UsageException extends Exception {
    UsageException(String problem) {
      super(problem);
    }
  }

  /** Runs services as {@link #run(String, String[], Consumer)} does. */
  public static int run(String name, String[] arguments, BindableService... services) {
    return run(name, arguments, server -> Arrays.stream(services).forEach(server::service));
  }

  /**
   * Runs a service until it is interrupted or told to terminate, and returns the exit status of the process: 0 when all went well, 1
   * when it did not, 2 when the command line is wrong. The log goes to stderr.
   *
   * @param name the service's name in the log and in messages
   * @param arguments of the command line; see {@code --help}
   * @param configure adds the services, and what the command line does not say
   */
  public static int run(String name, String[] arguments, Consumer<IntentServer.Builder> configure) {
    PrintStream err = System.err;
    try {
      return new Command(IntentServer.builder(name)).execute(name, arguments, configure);
    } catch (UsageException e) {
      err.println(name + ": " + e.getMessage() + "\nTry: " + name + " --help");
      return 2;
    } catch (IOException | IllegalArgumentException e) {
      err.println(name + ": " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      err.println(name + ": interrupted");
    }
    return 1;
  }

  private int execute(String name, String[] arguments, Consumer<IntentServer.Builder> configure)
      throws UsageException, IOException, InterruptedException {
    parse(arguments);
    if (help) {
      System.out.printf(HELP, name);
      return 0;
    }
    configure.accept(server);
    if (probe) {
      server.service(new Probe());
    }
    if (descriptors != null) {
      byte[] set = Descriptors.of(server.services()).toByteArray();
      try {
        java.nio.file.Files.write(descriptors, set);
      } catch (IOException e) {
        throw new IOException("cannot write the descriptors: " + e, e);
      }
      return 0;
    }
    if (!missing.isEmpty()) {
      throw new UsageException(
          String.join(", ", missing) + " is missing: want PEM files of the certificate, its key, and the callers' authorities");
    }
    server.files(new Files(cert, key, ca));
    try {
      server.check();
    } catch (IllegalArgumentException e) {
      throw new UsageException(e.getMessage());
    }
    logToStderr(json);
    CountDownLatch told = Signals.end();
    IntentServer running = server.start();
    told.await();
    if (!running.stop()) {
      System.err.println(name + ": calls in flight were cut off");
      return 1;
    }
    return 0;
  }

  private void parse(String[] arguments) throws UsageException {
    List<String> rest = new ArrayList<>(List.of(arguments));
    while (!rest.isEmpty()) {
      String flag = rest.remove(0);
      int equals = flag.indexOf('=');
      if (flag.startsWith("--") && equals > 0) {
        rest.add(0, flag.substring(equals + 1));
        flag = flag.substring(0, equals);
      }
      switch (flag) {
        case "--help", "-h" -> help = true;
        case "--probe" -> probe = true;
        case "--listen" -> server.listen(value(flag, rest));
        case "--cert" -> cert = file(flag, rest);
        case "--key" -> key = file(flag, rest);
        case "--ca" -> ca = file(flag, rest);
        case "--descriptors" -> descriptors = file(flag, rest);
        case "--assert" -> server.asserting(name(flag, rest));
        case "--allow" -> server.allowed(name(flag, rest));
        case "--jwks" -> tokens().keys(value(flag, rest));
        case "--jwks-ca" -> tokens().ca(Path.of(value(flag, rest)));
        case "--trust-domain" -> tokens().trustDomain(value(flag, rest));
        case "--issuer" -> tokens().issuer(value(flag, rest));
        case "--forward" -> forward(flag, value(flag, rest));
        case "--policy" -> policy(flag, value(flag, rest));
        case "--log-format" -> {
          String format = value(flag, rest);
          json = format.equals("json");
          if (!json && !format.equals("text")) {
            throw new UsageException("--log-format is \"" + format + "\": want text or json");
          }
        }
        default -> throw new UsageException(
            flag.startsWith("-") ? "unknown flag " + flag : "unexpected argument \"" + flag + "\": want flags only");
      }
    }
  }

  /** Returns what is said of tokens, from the first flag about them on. */
  private Tokens tokens() {
    if (tokens == null) {
      tokens = new Tokens();
      server.tokens(tokens);
    }
    return tokens;
  }

  private void forward(String flag, String service) throws UsageException {
    try {
      tokens().forwarding(service);
    } catch (IllegalArgumentException e) {
      throw new UsageException(flag + ": " + e.getMessage());
    }
  }

  private void policy(String flag, String file) throws UsageException {
    try {
      server.methods(Methods.read(Path.of(file)));
    } catch (IOException e) {
      throw new UsageException(flag + ": cannot read " + file + ": " + e);
    } catch (IllegalArgumentException e) {
      throw new UsageException(flag + ": " + file + ": " + e.getMessage());
    }
  }

  private static String value(String flag, List<String> rest) throws UsageException {
    if (rest.isEmpty()) {
      throw new UsageException(flag + " needs a value");
    }
    return rest.remove(0);
  }

  private Path file(String flag, List<String> rest) throws UsageException {
    missing.remove(flag);
    return Path.of(value(flag, rest));
  }

  private static String name(String flag, List<String> rest) throws UsageException {
    String name = value(flag, rest);
    try {
      return Names.parse(name);
    } catch (IllegalArgumentException e) {
      throw new UsageException(flag + ": " + e.getMessage());
    }
  }

  /** Makes java.util.logging write lines of this library's form, unless somebody has configured it, such as jul-to-slf4j. */
  static void logToStderr(boolean json) {
    Logger root = Logger.getLogger("");
    Handler[] handlers = root.getHandlers();
    if (System.getProperty("java.util.logging.config.file") == null && System.getProperty("java.util.logging.config.class") == null
        && handlers.length == 1 && handlers[0] instanceof ConsoleHandler) { // as Java begins
      LogManager.getLogManager().reset();
      Handler stderr = new ConsoleHandler();
      stderr.setFormatter(new LineFormatter(json));
      root.addHandler(stderr);
    }
  }
}
