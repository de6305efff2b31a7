package admin

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/intentgate/intentgate/gateway/intents"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// Route is a route in force, in words.
type Route struct {
	Match   string // such as `platform=ES intent=order.*`, or `any`
	Service string
	Method  string // such as `/intentgate.v1.IntentService/Fulfill`
	Claimed bool   // by the service, and not declared
}

// Service is an intent service.
type Service struct {
	Name     string
	Target   string
	Required bool // the gateway is not ready without it
	// State tells the state of the connection and, where it cannot be reached, why. It is safe for concurrent use.
	State func() (connectivity.State, string)
	// Intents tells what is known of its own methods. Nil: it may claim nothing.
	Intents func() intents.Report
}

// ErrStopping says that a gateway which stops takes no other configuration.
var ErrStopping = errors.New("the gateway is stopping")

// ConfigState is which configuration is in force, and what came of the last attempt to change it.
type ConfigState struct {
	File   string    `json:"file"`
	Loaded time.Time `json:"loaded"`
	SHA256 string    `json:"sha256"`          // of the file when it was last found good, in hex
	Since  time.Time `json:"since,omitzero"`  // since when it is no good; zero: it is good
	Error  string    `json:"error,omitempty"` // what is wrong with it
}

func (s *ConfigState) proto() *gatewayv1.ConfigState {
	message := &gatewayv1.ConfigState{File: s.File, LoadTime: timestamppb.New(s.Loaded), Sha256: s.SHA256, Error: s.Error}
	if !s.Since.IsZero() {
		message.FailTime = timestamppb.New(s.Since)
	}
	return message
}

// service implements AdminService.
type service struct {
	gatewayv1.UnimplementedAdminServiceServer

	config Config
}

// GetVersion tells which build runs, since when.
func (s *service) GetVersion(context.Context, *gatewayv1.GetVersionRequest) (*gatewayv1.GetVersionResponse, error) {
	return s.config.Version, nil
}

// Reload puts the configuration file in force, and tells which one is then.
func (s *service) Reload(context.Context, *gatewayv1.ReloadRequest) (*gatewayv1.ReloadResponse, error) {
	err := s.config.Reload()
	switch {
	case errors.Is(err, ErrStopping):
		return nil, status.Error(codes.Unavailable, err.Error())
	case err != nil:
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	state := s.config.State()
	return &gatewayv1.ReloadResponse{Config: state.proto()}, nil
}

// GetConfig returns the configuration that is in force.
func (s *service) GetConfig(context.Context, *gatewayv1.GetConfigRequest) (*gatewayv1.GetConfigResponse, error) {
	text, err := s.config.Settings()
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	state := s.config.State()
	return &gatewayv1.GetConfigResponse{Config: state.proto(), Yaml: string(text)}, nil
}

// ListRoutes lists the routes in the order in which they are tried.
func (s *service) ListRoutes(context.Context, *gatewayv1.ListRoutesRequest) (*gatewayv1.ListRoutesResponse, error) {
	response := &gatewayv1.ListRoutesResponse{}
	for _, route := range s.config.Routes() {
		response.Routes = append(response.Routes, &gatewayv1.ActiveRoute{Match: route.Match, Service: route.Service, Method: route.Method, Claimed: route.Claimed})
	}
	return response, nil
}

// ListServices lists the services and their state.
func (s *service) ListServices(context.Context, *gatewayv1.ListServicesRequest) (*gatewayv1.ListServicesResponse, error) {
	response := &gatewayv1.ListServicesResponse{}
	for _, service := range s.config.Services() {
		state, detail := service.State()
		response.Services = append(response.Services, &gatewayv1.ServiceState{
			Name: service.Name, Target: service.Target, Required: service.Required, State: states[state], Detail: detail,
			Intents: learnt(service.Intents),
		})
	}
	return response, nil
}

func learnt(report func() intents.Report) *gatewayv1.LearntIntents {
	if report == nil {
		return nil
	}
	known := report()
	message := &gatewayv1.LearntIntents{Source: known.Source, Methods: int32(len(known.Methods))} //nolint:gosec // it is bounded
	if !known.Loaded.IsZero() {
		message.LearnTime, message.ReadTime = timestamppb.New(known.Loaded), timestamppb.New(known.Read)
	}
	if known.Err != nil {
		message.Error = known.Err.Error()
	}
	for _, problem := range known.Problems {
		message.Problems = append(message.Problems, &gatewayv1.LearntIntents_Problem{
			Kind: string(problem.Kind), Element: problem.Element, Problem: problem.Text,
		})
	}
	return message
}

// states translates gRPC's names of a connection's states.
var states = map[connectivity.State]gatewayv1.ServiceState_State{
	connectivity.Idle:             gatewayv1.ServiceState_STATE_IDLE,
	connectivity.Connecting:       gatewayv1.ServiceState_STATE_CONNECTING,
	connectivity.Ready:            gatewayv1.ServiceState_STATE_READY,
	connectivity.TransientFailure: gatewayv1.ServiceState_STATE_TRANSIENT_FAILURE,
	connectivity.Shutdown:         gatewayv1.ServiceState_STATE_SHUTDOWN,
}
