package io.github.intentgate.shop.payments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.rpc.BadRequest;
import com.google.rpc.LocalizedMessage;
import com.google.type.Money;
import io.github.intentgate.service.Call;
import io.github.intentgate.service.Peer;
import io.github.intentgate.shop.payments.v1.GetRefundRequest;
import io.github.intentgate.shop.payments.v1.GetRefundResponse;
import io.github.intentgate.shop.payments.v1.ListPaymentsRequest;
import io.github.intentgate.shop.payments.v1.ListPaymentsResponse;
import io.github.intentgate.shop.payments.v1.RefundStatus;
import io.github.intentgate.shop.payments.v1.RequestRefundRequest;
import io.github.intentgate.shop.payments.v1.RequestRefundResponse;
import io.github.intentgate.v1.CallRef;
import io.github.intentgate.v1.Caller;
import io.github.intentgate.v1.Reply;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PaymentServiceTest {
  private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-11-20T12:00:00Z"), ZoneOffset.UTC);
  private static final long NEW = 9007199254740993L;
  private static final long SENT = 9007199254740997L;
  private static final long REQUESTED = Long.MAX_VALUE;

  @TempDir
  Path folder;

  private PaymentService payments;

  @BeforeEach
  void open() {
    payments = new PaymentService(new Ledger("jdbc:h2:" + folder.resolve("payments"), CLOCK));
  }

  /** Calls a method, as a call with an idempotency key or, where that is empty, as a direct one. */
  private static <Q, R> R call(BiConsumer<Q, StreamObserver<R>> method, Q request, String requestId) {
    Peer peer = new Peer(List.of("dns:gateway.internal"), null);
    AtomicReference<R> answer = new AtomicReference<>();
    new Call(peer, Caller.getDefaultInstance(), CallRef.getDefaultInstance(), requestId).in(Context.ROOT).run(() ->
        method.accept(request, new StreamObserver<>() {
          @Override
          public void onNext(R response) {
            answer.set(response);
          }

          @Override
          public void onError(Throwable error) {
            throw new AssertionError(error);
          }

          @Override
          public void onCompleted() {}
        }));
    return answer.get();
  }

  private GetRefundResponse get(long paymentId, String language) {
    return call(payments::getRefund, GetRefundRequest.newBuilder().setPaymentId(paymentId).setLanguage(language).build(), "");
  }

  private RequestRefundResponse request(long paymentId, String euros, String requestId) {
    RequestRefundRequest.Builder request = RequestRefundRequest.newBuilder().setPaymentId(paymentId);
    if (!euros.isEmpty()) {
      request.setAmount(Amounts.money(new java.math.BigDecimal(euros)));
    }
    return call(payments::requestRefund, request.build(), requestId);
  }

  private static Money money(long units, int nanos) {
    return Money.newBuilder().setCurrencyCode("EUR").setUnits(units).setNanos(nanos).build();
  }

  private static com.google.rpc.Status refused(Status.Code code, Runnable call) {
    com.google.rpc.Status status = StatusProto.fromThrowable(assertThrows(StatusRuntimeException.class, call::run));
    assertEquals(code.value(), status.getCode(), status.toString());
    return status;
  }

  private static String field(com.google.rpc.Status status) throws Exception {
    for (Any detail : status.getDetailsList()) {
      if (detail.is(BadRequest.class)) {
        return detail.unpack(BadRequest.class).getFieldViolations(0).getField();
      }
    }
    throw new AssertionError(status);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "en | We have sent you €53.40. You asked for it on November 15, 2026; your bank takes two days.",
      "de-AT | Wir haben Ihnen 53,40 € überwiesen. Sie haben am 15. November 2026 darum gebeten; Ihre Bank braucht zwei Tage.",
      "frFR | Nous vous avons envoyé 53,40 €. Vous l'avez demandé le 15 novembre 2026 ; votre banque met deux jours.",
      "it | We have sent you €53.40. You asked for it on November 15, 2026; your bank takes two days.",
  })
  void refundThatWasSent(String language, String text) {
    GetRefundResponse response = get(SENT, language);
    assertEquals(text, response.getText().replace('\u00a0', ' '));
    assertEquals(RefundStatus.REFUND_STATUS_SENT, response.getStatus());
    assertEquals(money(53, 400_000_000), response.getAmount());
    assertEquals(SENT, response.getPaymentId());
    assertEquals(15, response.getRequestedOn().getDay());
  }

  @Test
  void refundThatSomebodyLooksAt() {
    GetRefundResponse response = get(REQUESTED, "en");
    assertEquals("You asked for €29.00 on November 18, 2026. A colleague is looking at it.", response.getText());
    assertEquals(RefundStatus.REFUND_STATUS_REQUESTED, response.getStatus());
    assertEquals("two bowls, ask the warehouse", response.getNote());
  }

  @Test
  void unknownPayment() throws Exception {
    com.google.rpc.Status status = refused(Status.Code.NOT_FOUND, () -> get(7, "de"));
    assertEquals("I can't find a payment 7.", status.getMessage());
    assertEquals("payment_id", field(status));
    Set<String> languages = status.getDetailsList().stream().filter(each -> each.is(LocalizedMessage.class)).map(each -> {
      try {
        return each.unpack(LocalizedMessage.class).getLocale();
      } catch (com.google.protobuf.InvalidProtocolBufferException e) {
        throw new AssertionError(e);
      }
    }).collect(Collectors.toSet());
    assertEquals(Set.of("de", "en", "fr"), languages);
  }

  @Test
  void noRefundYet() throws Exception {
    com.google.rpc.Status status = refused(Status.Code.FAILED_PRECONDITION, () -> get(NEW, "de"));
    Reply reply = status.getDetails(status.getDetailsCount() - 1).unpack(Reply.class);
    assertEquals("Ich möchte mein Geld zurück", reply.getMessages(0).getQuickReplies().getReplies(0));
    assertEquals("Nobody has asked for a refund of this payment yet.", status.getMessage());
  }

  @Test
  void rulesHoldForProgramsToo() throws Exception {
    assertEquals("payment_id", field(refused(Status.Code.INVALID_ARGUMENT, () -> get(0, "en"))));
    RequestRefundRequest dollars = RequestRefundRequest.newBuilder().setPaymentId(NEW)
        .setAmount(Money.newBuilder().setCurrencyCode("USD").setUnits(1)).build();
    assertEquals("amount",
        field(refused(Status.Code.INVALID_ARGUMENT, () -> call(payments::requestRefund, dollars, ""))));
    assertEquals("amount", field(refused(Status.Code.INVALID_ARGUMENT, () -> request(NEW, "0", ""))));
    assertEquals("amount", field(refused(Status.Code.INVALID_ARGUMENT, () -> request(NEW, "0.001", ""))));
  }

  @Test
  void refundIsMadeOnceForAKey() throws Exception {
    RequestRefundResponse first = request(NEW, "5.80", "1.a");
    assertEquals(money(5, 800_000_000), first.getAmount());
    assertEquals(money(20, 0), first.getLeft());
    assertTrue(first.getRefundId() > 1L << 53);
    assertEquals("You will get €5.80 back. A colleague looks at it first.", first.getText());
    assertEquals(first, request(NEW, "5.80", "1.a"));
    // Another process knows the key, too.
    payments = new PaymentService(new Ledger("jdbc:h2:" + folder.resolve("payments"), CLOCK));
    assertEquals(first.getRefundId(), request(NEW, "5.80", "1.a").getRefundId());
    assertFalse(first.getRefundId() == request(NEW, "5.80", "1.b").getRefundId());

    com.google.rpc.Status status = refused(Status.Code.OUT_OF_RANGE, () -> request(NEW, "14.21", "1.c"));
    assertEquals("That is more than is left of the payment: €14.20.", status.getMessage());
    assertEquals("amount", field(status));
    assertEquals(money(14, 200_000_000), request(NEW, "", "1.d").getAmount());
    refused(Status.Code.OUT_OF_RANGE, () -> request(NEW, "", "1.e"));
    assertEquals(RefundStatus.REFUND_STATUS_REQUESTED, get(NEW, "en").getStatus());
  }

  @Test
  void manyAtOneTime() {
    long granted = IntStream.range(0, 16).parallel().filter(i -> {
      try {
        request(NEW, "5.00", "1." + i);
        return true;
      } catch (StatusRuntimeException e) {
        return false;
      }
    }).count();
    assertEquals(5, granted); // of 25.80
  }

  @Test
  void paymentsOfAnOrder() {
    ListPaymentsRequest request = ListPaymentsRequest.newBuilder().setOrderId("C-3100").build();
    ListPaymentsResponse response = call(payments::listPayments, request, "");
    assertEquals(1, response.getPaymentsCount());
    assertEquals(Long.MAX_VALUE, response.getPayments(0).getPaymentId());
    assertEquals(money(109, 0), response.getPayments(0).getAmount());
    assertEquals(money(80, 0), response.getPayments(0).getLeft());
    assertEquals(0, call(payments::listPayments, ListPaymentsRequest.getDefaultInstance(), "").getPaymentsCount());
  }
}
