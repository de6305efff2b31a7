package io.github.intentgate.shop.payments;

import build.buf.protovalidate.ValidationResult;
import build.buf.protovalidate.Validator;
import build.buf.protovalidate.ValidatorFactory;
import build.buf.protovalidate.exceptions.ValidationException;
import com.google.protobuf.Message;
import io.github.intentgate.service.Call;
import io.github.intentgate.service.OncePerKey;
import io.github.intentgate.service.Refuse;
import io.github.intentgate.service.Texts;
import io.github.intentgate.shop.payments.Ledger.Payment;
import io.github.intentgate.shop.payments.Ledger.Refund;
import io.github.intentgate.shop.payments.v1.GetRefundRequest;
import io.github.intentgate.shop.payments.v1.GetRefundResponse;
import io.github.intentgate.shop.payments.v1.ListPaymentsRequest;
import io.github.intentgate.shop.payments.v1.ListPaymentsResponse;
import io.github.intentgate.shop.payments.v1.PaymentServiceGrpc;
import io.github.intentgate.shop.payments.v1.RefundStatus;
import io.github.intentgate.shop.payments.v1.RequestRefundRequest;
import io.github.intentgate.shop.payments.v1.RequestRefundResponse;
import io.github.intentgate.v1.Reply;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/** Implements shop.payments.v1.PaymentService, whose comments say what its methods do. */
final class PaymentService extends PaymentServiceGrpc.PaymentServiceImplBase {
  private static final List<Locale> LANGUAGES = List.of(Locale.ENGLISH, Locale.GERMAN, Locale.FRENCH);

  private final Validator rules = ValidatorFactory.newBuilder().build();
  private final OncePerKey once = new OncePerKey(); // each try is answered the same; that it is done once is the ledger's affair
  private final Ledger ledger;

  PaymentService(Ledger ledger) {
    this.ledger = ledger;
  }

  @Override
  public void getRefund(GetRefundRequest request, StreamObserver<GetRefundResponse> responses) {
    check(request);
    Payment payment = payment(request.getPaymentId());
    Refund refund = ledger.refund(payment.paymentId()).orElseThrow(() -> all(
        Refuse.with(Status.Code.FAILED_PRECONDITION), language -> Words.NO_REFUND.in(language.getLanguage()))
        .reply(Reply.newBuilder().addMessages(Reply.Message.newBuilder().setQuickReplies(
            Reply.QuickReplies.newBuilder().addReplies(Words.ASK_FOR_ONE.in(request.getLanguage())))).build())
        .exception());
    Texts words = refund.sent() ? Words.SENT : Words.REQUESTED;
    Locale language = language(request.getLanguage());
    responses.onNext(GetRefundResponse.newBuilder()
        .setText(words.in(language.getLanguage())
            .formatted(Amounts.say(refund.amount(), language), Amounts.say(refund.requestedOn(), language)))
        .setPaymentId(payment.paymentId())
        .setStatus(refund.sent() ? RefundStatus.REFUND_STATUS_SENT : RefundStatus.REFUND_STATUS_REQUESTED)
        .setAmount(Amounts.money(refund.amount()))
        .setRequestedOn(Amounts.date(refund.requestedOn()))
        .setNote(refund.note())
        .build());
    responses.onCompleted();
  }

  @Override
  public void requestRefund(RequestRefundRequest request, StreamObserver<RequestRefundResponse> responses) {
    check(request);
    responses.onNext(once.answer(RequestRefundResponse.parser(), () -> request(request)));
    responses.onCompleted();
  }

  private RequestRefundResponse request(RequestRefundRequest request) {
    Payment payment = payment(request.getPaymentId());
    Optional<BigDecimal> amount = request.hasAmount() ? Optional.of(Amounts.euros(request.getAmount())) : Optional.empty();
    if (amount.isPresent() && amount.get().scale() > 2) {
      throw all(Refuse.with(Status.Code.INVALID_ARGUMENT), language -> Words.CENTS.in(language.getLanguage()))
          .field("amount", "more than two decimals").exception();
    }
    Refund refund;
    try {
      refund = ledger.request(Call.current().requestId(), payment, amount);
    } catch (Ledger.TooMuchException e) {
      throw all(Refuse.with(Status.Code.OUT_OF_RANGE),
          language -> Words.TOO_MUCH.in(language.getLanguage()).formatted(Amounts.say(payment.left(), language)))
          .field("amount", "more than is left of the payment").exception();
    }
    Locale language = language(request.getLanguage());
    return RequestRefundResponse.newBuilder()
        .setText(Words.TAKEN.in(language.getLanguage()).formatted(Amounts.say(refund.amount(), language)))
        .setRefundId(refund.refundId())
        .setAmount(Amounts.money(refund.amount()))
        .setLeft(Amounts.money(payment(request.getPaymentId()).left()))
        .build();
  }

  @Override
  public void listPayments(ListPaymentsRequest request, StreamObserver<ListPaymentsResponse> responses) {
    ListPaymentsResponse.Builder response = ListPaymentsResponse.newBuilder();
    for (Payment payment : ledger.payments(request.getOrderId())) {
      response.addPaymentsBuilder().setPaymentId(payment.paymentId()).setAmount(Amounts.money(payment.amount()))
          .setLeft(Amounts.money(payment.left())).setPaidOn(Amounts.date(payment.paidOn()));
    }
    responses.onNext(response.build());
    responses.onCompleted();
  }

  private Payment payment(long paymentId) {
    return ledger.payment(paymentId).orElseThrow(() -> all(
        Refuse.with(Status.Code.NOT_FOUND), language -> Words.NO_PAYMENT.in(language.getLanguage()).formatted(paymentId))
        .field("payment_id", "no payment that is known").exception());
  }

  /** Says something in each language: the gateway chooses that of the turn. */
  private static Refuse all(Refuse refusal, Function<Locale, String> words) {
    LANGUAGES.forEach(language -> refusal.saying(language.getLanguage(), words.apply(language)));
    return refusal;
  }

  private static Locale language(String turn) {
    return Locale.forLanguageTag(Words.LANGUAGE.in(turn));
  }

  /** Judges a request by the rules of its proto. The gateway has done so for agents; programs call directly. */
  private void check(Message request) {
    ValidationResult result;
    try {
      result = rules.validate(request);
    } catch (ValidationException e) { // the rules are no good
      throw new IllegalStateException(e);
    }
    if (!result.isSuccess()) {
      Refuse refusal = Refuse.with(Status.Code.INVALID_ARGUMENT).message("the request breaks rules of its proto");
      result.toProto().getViolationsList().forEach(violation ->
          refusal.field(violation.getField().getElements(0).getFieldName(), violation.getMessage()));
      throw refusal.exception();
    }
  }
}
