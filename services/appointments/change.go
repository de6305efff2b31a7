package appointments

import (
	"cmp"
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	appointmentsv1 "github.com/intentgate/intentgate/gen/go/shop/appointments/v1"
	"github.com/intentgate/intentgate/services/refuse"
	"github.com/intentgate/intentgate/services/speech"
)

// FindAppointment tells when somebody is expected.
func (s *Service) FindAppointment(_ context.Context, req *appointmentsv1.FindAppointmentRequest) (*appointmentsv1.FindAppointmentResponse, error) {
	lang := speech.Of(req)
	return read(s, func(p page) (*appointmentsv1.FindAppointmentResponse, error) {
		a, v, err := s.find(p, lang, "appointment_id", req.GetAppointmentId())
		if err != nil {
			return nil, err
		}
		return &appointmentsv1.FindAppointmentResponse{Text: v.say(expected, lang, "{number}", a.GetAppointmentId()), Appointment: a}, nil
	})
}

// RescheduleAppointment moves an appointment.
func (s *Service) RescheduleAppointment(ctx context.Context, req *appointmentsv1.RescheduleAppointmentRequest) (*appointmentsv1.RescheduleAppointmentResponse, error) {
	lang := speech.Of(req)
	return write(ctx, s, func(p page) (*appointmentsv1.RescheduleAppointmentResponse, error) {
		a, old, err := s.find(p, lang, "appointment_id", req.GetAppointmentId())
		if err != nil {
			return nil, err
		}
		if req.GetNewDate() == nil && req.GetNewTime() == nil {
			return nil, refuse.With(codes.InvalidArgument, "neither a new day nor a new time",
				refuse.Saying(lang.String(), whenInstead[lang]), refuse.Field("new_date", "missing"), refuse.Field("new_time", "missing"))
		}
		a.Date, a.Time = cmp.Or(req.GetNewDate(), a.GetDate()), cmp.Or(req.GetNewTime(), a.GetTime())
		v, f := s.visit(a.GetBranch(), a.GetDate(), a.GetTime(), a.GetPeople())
		w := wish{lang: lang, date: "new_date", time: "new_time", context: "reschedule-offer", said: map[string]any{
			"new_date": v.at.Format(time.DateOnly), "new_time": v.at.Format(time.TimeOnly),
		}}
		if err := p.strike(a, old); err != nil { // its own seats are no obstacle
			return nil, err
		}
		if f == nil {
			f = p.judge(v)
		}
		if f != nil {
			return nil, w.refuse(ctx, v, f)
		}
		return &appointmentsv1.RescheduleAppointmentResponse{
			Text: v.say(moved, lang), Appointment: a, Reply: w.settled(ctx),
		}, p.enter(a, v)
	})
}

// CancelAppointment asks whether an appointment is really to be cancelled.
func (s *Service) CancelAppointment(ctx context.Context, req *appointmentsv1.CancelAppointmentRequest) (*appointmentsv1.CancelAppointmentResponse, error) {
	lang := speech.Of(req)
	return read(s, func(p page) (*appointmentsv1.CancelAppointmentResponse, error) {
		a, v, err := s.find(p, lang, "appointment_id", req.GetAppointmentId(), decided(ctx))
		if err != nil {
			return nil, err
		}
		return &appointmentsv1.CancelAppointmentResponse{
			Text:                v.say(reallyCancel, lang),
			AppointmentToCancel: a.GetAppointmentId(),
			Reply:               &intentgatev1.Reply{Contexts: esContext(ctx, yesOrNo, 2, nil)},
		}, nil
	})
}

// ConfirmCancellation cancels the appointment that CancelAppointment asked about.
func (s *Service) ConfirmCancellation(ctx context.Context, req *appointmentsv1.ConfirmCancellationRequest) (*appointmentsv1.ConfirmCancellationResponse, error) {
	lang := speech.Of(req)
	return write(ctx, s, func(p page) (*appointmentsv1.ConfirmCancellationResponse, error) {
		a, v, err := s.find(p, lang, toCancel, req.GetAppointmentToCancel(), decided(ctx))
		if err != nil {
			return nil, err
		}
		return &appointmentsv1.ConfirmCancellationResponse{
			Text: v.say(cancelled, lang), Reply: decided(ctx, "appointment_id"),
		}, p.strike(a, v)
	})
}

// KeepAppointment leaves the appointment that CancelAppointment asked about alone.
func (s *Service) KeepAppointment(ctx context.Context, req *appointmentsv1.KeepAppointmentRequest) (*appointmentsv1.KeepAppointmentResponse, error) {
	lang := speech.Of(req)
	return read(s, func(p page) (*appointmentsv1.KeepAppointmentResponse, error) {
		_, v, err := s.find(p, lang, toCancel, req.GetAppointmentToCancel(), decided(ctx))
		if err != nil {
			return nil, err
		}
		return &appointmentsv1.KeepAppointmentResponse{Text: v.say(kept, lang), Reply: decided(ctx)}, nil
	})
}

const (
	// toCancel is the field, and the parameter, of what CancelAppointment asked about.
	toCancel = "appointment_to_cancel"
	// yesOrNo is the context of ES in which a yes or a no to its question matches.
	yesOrNo = "appointment-cancel-confirm"
)

// decided has the conversation forget what CancelAppointment asked, and more.
func decided(ctx context.Context, more ...string) *intentgatev1.Reply {
	forgotten := map[string]any{toCancel: nil}
	for _, name := range more {
		forgotten[name] = nil
	}
	return &intentgatev1.Reply{SessionParameters: object(forgotten), Contexts: esContext(ctx, yesOrNo, 0, nil)}
}

// find returns the appointment whose number stands in a field of the request, if it is still to come; or the status to answer
// with, and more details of that.
func (s *Service) find(p page, lang speech.Language, field, number string, more ...proto.Message) (*appointmentsv1.Appointment, visit, error) {
	refused := func(code codes.Code, problem string, words text) (*appointmentsv1.Appointment, visit, error) {
		details := append(more, refuse.Saying(lang.String(), words[lang]), refuse.Field(field, problem))
		return nil, visit{}, refuse.With(code, field+": "+problem, details...)
	}
	switch {
	case number == "" && field == toCancel:
		return refused(codes.InvalidArgument, "missing", nothingAsked)
	case number == "":
		return refused(codes.InvalidArgument, "missing", which)
	}
	a, err := p.appointment(number)
	if err != nil {
		return nil, visit{}, err
	}
	if a == nil {
		return refused(codes.NotFound, "unknown", unknown)
	}
	v, _ := s.visit(a.GetBranch(), a.GetDate(), a.GetTime(), a.GetPeople())
	if v.at.Before(p.now) {
		return refused(codes.FailedPrecondition, "has gone by", gone)
	}
	return a, v, nil
}
