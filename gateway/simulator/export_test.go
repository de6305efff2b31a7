package simulator

import (
	betapb "cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// Canonical spells an answer as protobuf's own writer does, with the names of the proto.
func Canonical(api dialogflow.API, body []byte) ([]byte, error) {
	var message proto.Message = new(betapb.WebhookResponse)
	if api == dialogflow.V3 {
		message = new(cxpb.WebhookResponse)
	}
	if err := protojson.Unmarshal(body, message); err != nil {
		return nil, err
	}
	return protojson.MarshalOptions{UseProtoNames: true, UseEnumNumbers: true}.Marshal(message)
}

// Express sets what gives values the agent's form.
func (c *Conversation) Express(express func(Utterance, string, any) any) { c.agent.Express = express }
