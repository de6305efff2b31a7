// A webhook as tutorials write it for Node.js: express reads the JSON, @grpc/grpc-js calls the service, the answer is put together by hand.
'use strict'

const fs = require('node:fs')
const https = require('node:https')
const path = require('node:path')
const express = require('express')
const grpc = require('@grpc/grpc-js')
const protoLoader = require('@grpc/proto-loader')

const [certs, service, ...includeDirs] = process.argv.slice(2)
const read = (name) => fs.readFileSync(path.join(certs, name))

const definition = protoLoader.loadSync('shop/orders/v1/order_service.proto', { includeDirs, keepCase: true, enums: String, defaults: true, oneofs: true })
const { OrderService } = grpc.loadPackageDefinition(definition).shop.orders.v1
const client = new OrderService(
  service,
  grpc.credentials.createSsl(read('internal-ca.pem'), read('gateway.key'), read('gateway.pem')),
  { 'grpc.ssl_target_name_override': 'orders.internal', 'grpc.default_authority': 'orders.internal' },
)

const app = express()
app.disable('x-powered-by')
app.use(express.json({ limit: '1mb' }))

const webhook = (ask, answer) => (req, res, next) => {
  client.TrackOrder(ask(req.body), (err, response) => (err ? next(err) : res.json(answer(response))))
}
app.post('/es', webhook(
  (body) => ({ order_id: body.queryResult.parameters.order_id, language: body.queryResult.languageCode }),
  (response) => ({ fulfillmentText: response.text, fulfillmentMessages: [{ text: { text: [response.text] } }] }),
))
app.post('/cx', webhook(
  (body) => ({ order_id: body.sessionInfo.parameters.order_id, language: body.languageCode }),
  (response) => ({
    fulfillmentResponse: { messages: [{ text: { text: [response.text] } }] },
    sessionInfo: { parameters: { order_status: response.status } },
  }),
))

const server = https.createServer({
  cert: read('edge.pem'), key: read('edge.key'), ca: [read('ssl-com-root.pem'), read('ecdsa-root.pem')],
  requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3',
}, app)
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ msg: 'Serving', edge: `https://127.0.0.1:${server.address().port}` })}\n`)
})
