package io.github.intentgate.service;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.interfaces.ECPublicKey;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;

/** Keys from a URL. They are fetched every five minutes, and for a token of a key that is not known. */
final class FetchedKeys extends Keys {
  private static final Duration REFRESH = Duration.ofMinutes(5);
  /** How often they are fetched for a key that is not known, at most: anybody could name one. */
  private static final Duration AGAIN = Duration.ofSeconds(10);
  static final Duration LIMIT = Duration.ofSeconds(5);
  /** How long a call waits for a fetch, whose limit is no concern of its own. */
  static final Duration PATIENCE = Duration.ofSeconds(2);

  private final URI url;
  private final Trust trust;
  private final Clock clock;
  private final Duration limit;
  private final Duration patience;
  private Instant last = Instant.MIN; // when a fetch ended
  private CompletableFuture<Void> running = CompletableFuture.completedFuture(null);

  /** Fetches keys from a server that is judged by authorities, those of each time. */
  FetchedKeys(String url, Trust trust, Log log, Clock clock, Duration limit, Duration patience) {
    super(url, log);
    this.url = parse(url);
    this.trust = trust;
    this.clock = clock;
    this.limit = limit;
    this.patience = patience;
  }

  private static URI parse(String text) {
    try {
      URI url = URI.create(text);
      if ("https".equalsIgnoreCase(url.getScheme()) && url.getHost() != null && url.getRawUserInfo() == null) {
        return url;
      }
    } catch (IllegalArgumentException e) {
      // It is told below.
    }
    throw new IllegalArgumentException("keys of callers' tokens: \"" + text
        + "\": want a file, or a URL such as https://gateway.internal:9900/.well-known/jwks.json");
  }

  /** Fetches them if the last time was long ago. It does not wait. */
  void refresh() {
    fetchAfter(REFRESH);
  }

  @Override
  ECPublicKey find(String id) {
    ECPublicKey key = get(id);
    if (key != null) {
      return key;
    }
    try {
      fetchAfter(AGAIN).get(patience.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException | ExecutionException e) {
      // The last ones stay.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return get(id);
  }

  /** Begins to fetch the keys, unless they are being fetched, or were a while ago. */
  private synchronized CompletableFuture<Void> fetchAfter(Duration pause) {
    if (running.isDone() && (last.equals(Instant.MIN) || !clock.instant().isBefore(last.plus(pause)))) {
      running = CompletableFuture.runAsync(this::fetch, task -> {
        Thread thread = new Thread(task, "intentgate-jwks");
        thread.setDaemon(true);
        thread.start();
      });
    }
    return running;
  }

  private void fetch() {
    try {
      set(read());
    } catch (Json.Bad | IOException | GeneralSecurityException | RuntimeException e) {
      complain(e.getMessage() == null ? e.toString() : e.getMessage());
    } catch (InterruptedException e) { // nobody does
      Thread.currentThread().interrupt();
    }
    synchronized (this) {
      last = clock.instant();
    }
  }

  private byte[] read() throws IOException, GeneralSecurityException, InterruptedException {
    // The next fetch is minutes away, and may need other authorities: it has a connection of its own, and no session is resumed.
    SSLContext tls = SSLContext.getInstance("TLS");
    tls.init(null, new TrustManager[] {trust}, null);
    HttpClient client = HttpClient.newBuilder().sslContext(tls).version(HttpClient.Version.HTTP_1_1)
        .followRedirects(HttpClient.Redirect.NEVER).build();
    CompletableFuture<HttpResponse<byte[]>> answer =
        client.sendAsync(HttpRequest.newBuilder(url).timeout(limit).build(), head -> new Bounded());
    try {
      HttpResponse<byte[]> response = answer.get(limit.toNanos(), TimeUnit.NANOSECONDS);
      if (response.statusCode() != 200) {
        throw new IOException("HTTP status " + response.statusCode() + "; want 200");
      }
      return response.body();
    } catch (ExecutionException e) {
      throw new IOException(e.getCause().toString(), e.getCause());
    } catch (TimeoutException e) {
      throw new IOException("no answer within " + limit.toMillis() + " ms", e);
    } finally {
      answer.cancel(true);
    }
  }

  /** Takes a body as long as it is no longer than it may be. */
  private static final class Bounded implements HttpResponse.BodySubscriber<byte[]> {
    private final CompletableFuture<byte[]> body = new CompletableFuture<>();
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private Flow.Subscription subscription;

    @Override
    public CompletionStage<byte[]> getBody() {
      return body;
    }

    @Override
    public void onSubscribe(Flow.Subscription theSubscription) {
      subscription = theSubscription;
      subscription.request(Long.MAX_VALUE);
    }

    @Override
    public void onNext(List<ByteBuffer> parts) {
      for (ByteBuffer part : parts) {
        if (bytes.size() + part.remaining() > Jwks.MAX_DOCUMENT) {
          subscription.cancel();
          body.completeExceptionally(new IOException("more than 64 KiB; want a JWK set"));
          return;
        }
        byte[] some = new byte[part.remaining()];
        part.get(some);
        bytes.writeBytes(some);
      }
    }

    @Override
    public void onError(Throwable error) {
      body.completeExceptionally(error);
    }

    @Override
    public void onComplete() {
      body.complete(bytes.toByteArray());
    }
  }
}
