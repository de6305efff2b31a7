package io.github.intentgate.service;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/**
 * The signals of the operating system. Java has them in the module jdk.unsupported alone, of which javac allows no mention; a shutdown
 * hook cannot choose the exit status, nor would a second signal end the process at once.
 */
final class Signals {
  private Signals() {}

  /** Returns a latch that the first signal to end opens. The second one ends the process at once. */
  static CountDownLatch end() {
    CountDownLatch told = new CountDownLatch(1);
    try {
      Class<?> kind = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Method handle = kind.getMethod("handle", kind, handler);
      Object byDefault = handler.getField("SIG_DFL").get(null);
      List<Object> signals = new ArrayList<>();
      for (String name : List.of("INT", "TERM")) {
        signals.add(kind.getConstructor(String.class).newInstance(name));
      }
      Object first = Proxy.newProxyInstance(Signals.class.getClassLoader(), new Class<?>[] {handler}, (proxy, method, arguments) -> {
        for (Object signal : signals) {
          handle.invoke(null, signal, byDefault);
        }
        told.countDown();
        return null;
      });
      for (Object signal : signals) {
        handle.invoke(null, signal, first);
      }
      return told;
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("no signals here, so that nothing would end this service gracefully: it needs jdk.unsupported", e);
    }
  }
}
