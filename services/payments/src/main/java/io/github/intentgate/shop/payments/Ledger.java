package io.github.intentgate.shop.payments;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.h2.jdbcx.JdbcConnectionPool;

/** What was paid and what is paid back, in an embedded database. It may be used by several threads. */
final class Ledger {
  private static final String SCHEMA = """
      CREATE TABLE IF NOT EXISTS payments (
        payment_id BIGINT PRIMARY KEY,
        order_id VARCHAR NOT NULL,
        amount DECIMAL(18, 2) NOT NULL,
        paid_on DATE NOT NULL
      );
      CREATE TABLE IF NOT EXISTS refunds (
        refund_id BIGINT GENERATED ALWAYS AS IDENTITY (START WITH 9007199254740993) PRIMARY KEY,
        payment_id BIGINT NOT NULL REFERENCES payments,
        amount DECIMAL(18, 2) NOT NULL,
        requested_on DATE NOT NULL,
        sent BOOLEAN NOT NULL DEFAULT FALSE,
        note VARCHAR NOT NULL DEFAULT '',
        request_id VARCHAR UNIQUE
      );
      """;

  private final JdbcConnectionPool pool;
  private final Clock clock;

  /** A payment, and how much of it is not paid back. */
  record Payment(long paymentId, String orderId, BigDecimal amount, BigDecimal left, LocalDate paidOn) {}

  /** A refund. */
  record Refund(long refundId, BigDecimal amount, LocalDate requestedOn, boolean sent, String note) {}

  /** More is asked for than is left of a payment. */
  static final class TooMuchException extends Exception {
    private static final long serialVersionUID = 1;
  }

  /** Opens the database, and fills a new one with the shop's payments. */
  Ledger(String url, Clock clock) {
    this.clock = clock;
    pool = JdbcConnectionPool.create(url, "", "");
    in(connection -> {
      try (Statement statement = connection.createStatement()) {
        statement.execute(SCHEMA);
        try (ResultSet count = statement.executeQuery("SELECT COUNT(*) FROM payments")) {
          count.next();
          if (count.getInt(1) == 0) {
            fill(connection);
          }
        }
      }
      return null;
    });
  }

  private void fill(Connection connection) throws SQLException {
    LocalDate today = LocalDate.now(clock);
    String payment = "INSERT INTO payments VALUES (?, ?, ?, ?)";
    String refund = "INSERT INTO refunds (payment_id, amount, requested_on, sent, note) VALUES (?, ?, ?, ?, ?)";
    update(connection, payment, 9007199254740993L, "A-1042", new BigDecimal("25.80"), today.minusDays(1));
    update(connection, payment, 9007199254740995L, "A-1044", new BigDecimal("59.50"), today.minusDays(6));
    update(connection, payment, 9007199254740997L, "A-1045", new BigDecimal("53.40"), today.minusDays(7));
    update(connection, payment, 9223372036854775807L, "C-3100", new BigDecimal("109.00"), today.minusDays(14));
    update(connection, refund, 9007199254740997L, new BigDecimal("53.40"), today.minusDays(5), true, "order was cancelled");
    update(connection, refund, 9223372036854775807L, new BigDecimal("29.00"), today.minusDays(2), false, "two bowls, ask the warehouse");
  }

  Optional<Payment> payment(long paymentId) {
    return in(connection -> payment(connection, paymentId));
  }

  private static Optional<Payment> payment(Connection connection, long paymentId) throws SQLException {
    return payments(connection, "payment_id = ?", paymentId).stream().findFirst();
  }

  List<Payment> payments(String orderId) {
    return in(connection -> payments(connection, "order_id = ?", orderId));
  }

  private static List<Payment> payments(Connection connection, String where, Object value) throws SQLException {
    String query = "SELECT payment_id, order_id, amount, "
        + "amount - (SELECT COALESCE(SUM(r.amount), 0) FROM refunds r WHERE r.payment_id = p.payment_id), paid_on "
        + "FROM payments p WHERE " + where + " ORDER BY paid_on, payment_id";
    List<Payment> payments = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(query)) {
      statement.setObject(1, value);
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          payments.add(new Payment(row.getLong(1), row.getString(2), row.getBigDecimal(3), row.getBigDecimal(4),
              row.getObject(5, LocalDate.class)));
        }
      }
    }
    return payments;
  }

  /** Returns the latest refund of a payment. */
  Optional<Refund> refund(long paymentId) {
    return in(connection -> refund(connection, "payment_id = ?", paymentId));
  }

  private static Optional<Refund> refund(Connection connection, String where, Object value) throws SQLException {
    String query =
        "SELECT refund_id, amount, requested_on, sent, note FROM refunds WHERE " + where + " ORDER BY refund_id DESC LIMIT 1";
    try (PreparedStatement statement = connection.prepareStatement(query)) {
      statement.setObject(1, value);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() ? Optional.of(new Refund(row.getLong(1), row.getBigDecimal(2), row.getObject(3, LocalDate.class),
            row.getBoolean(4), row.getString(5))) : Optional.empty();
      }
    }
  }

  /**
   * Notes that a payment, or a part of it, is to be paid back, once for each idempotency key: the key is in the same transaction, so that
   * neither a second process nor a crash makes it two.
   *
   * @param requestId the idempotency key; empty: there is none
   * @param amount empty: all that is left
   */
  Refund request(String requestId, Payment payment, Optional<BigDecimal> amount) throws TooMuchException {
    Optional<Refund> refund = in(connection -> {
      try (PreparedStatement lock = connection.prepareStatement("SELECT 1 FROM payments WHERE payment_id = ? FOR UPDATE")) {
        lock.setLong(1, payment.paymentId());
        lock.execute(); // one request at a time for each payment
      }
      Optional<Refund> earlier = requestId.isEmpty() ? Optional.empty() : refund(connection, "request_id = ?", requestId);
      if (earlier.isPresent()) {
        return earlier;
      }
      BigDecimal left = payment(connection, payment.paymentId()).orElseThrow().left();
      BigDecimal wanted = amount.orElse(left);
      if (wanted.signum() <= 0 || wanted.compareTo(left) > 0) {
        return Optional.empty();
      }
      update(connection, "INSERT INTO refunds (payment_id, amount, requested_on, request_id) VALUES (?, ?, ?, ?)",
          payment.paymentId(), wanted, LocalDate.now(clock), requestId.isEmpty() ? null : requestId);
      return refund(connection, "payment_id = ?", payment.paymentId());
    });
    return refund.orElseThrow(TooMuchException::new);
  }

  private static void update(Connection connection, String sql, Object... values) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) {
        statement.setObject(i + 1, values[i]);
      }
      statement.executeUpdate();
    }
  }

  /** Work within a transaction. */
  private interface Work<T> {
    T with(Connection connection) throws SQLException;
  }

  private <T> T in(Work<T> work) {
    try (Connection connection = pool.getConnection()) {
      connection.setAutoCommit(false);
      try {
        T result = work.with(connection);
        connection.commit();
        return result;
      } finally {
        connection.rollback(); // of nothing, if it was committed
      }
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }
}
