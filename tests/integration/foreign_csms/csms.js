// A CSMS of foreign make: npm `ocpp-rpc`, which checks every message against its schema, both ways.
//
// It is driven by JSON lines. Orders come in on stdin, each with an id:
//   {"id": 1, "op": "call", "action": "Reset", "payload": {...}}     send a CALL to the station
//   {"id": 2, "op": "answers", "action": "Authorize", "payload": {}} answer that action so from now on
// Lines of these kinds go out on stdout:
//   {"kind": "listening", "port": 41234}
//   {"kind": "connected", "identity": "CS001", "version": "ocpp2.1"}   and "disconnected"
//   {"kind": "call", "action": "Heartbeat", "payload": {}}             the station sent it
//   {"kind": "reply", "id": 1, "payload": {}}                          or "error": a CALLERROR's code
//   {"kind": "fault", "what": "...", "frame": "..."}                   somebody broke the rules
// It ends with its stdin. Schemas for 2.1 are read from the folder in the first argument.
'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { RPCServer, createRPCError, createValidator } = require('ocpp-rpc');

const VERSIONS = ['ocpp2.1', 'ocpp2.0.1', 'ocpp1.6'];
const ACCEPTED = { status: 'Accepted' };
const CALL_TIMEOUT_MS = 15_000;

// The schemas that the library brings for 2.1 are named so that it cannot find them itself.
function schemasOf21(folder) {
  const schemas = [];
  for (const file of fs.readdirSync(folder)) {
    const [, action, half] = /^(.+?)(Request|Response)\.json$/.exec(file) ?? [];
    if (action === undefined) continue;
    const { $schema, ...schema } = JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8').replace(/^\uFEFF/, ''));
    schemas.push({ ...schema, $id: `urn:${action}.${half === 'Request' ? 'req' : 'conf'}` });
  }
  return schemas;
}

function tell(line) {
  process.stdout.write(JSON.stringify(line) + '\n');
}

const now = () => new Date().toISOString();
let transactions = 0;

const CONTRACT = { ...ACCEPTED, exiResponse: 'gJkCresponse' };

const ANSWERS = {
  BootNotification: () => ({ ...ACCEPTED, interval: 300, currentTime: now() }),
  Heartbeat: () => ({ currentTime: now() }),
  DataTransfer: () => ACCEPTED,
  LogStatusNotification: () => ({}),
  FirmwareStatusNotification: () => ({}),
  DiagnosticsStatusNotification: () => ({}),
  SecurityEventNotification: () => ({}),
  StatusNotification: () => ({}),
  MeterValues: () => ({}),
  SignCertificate: () => ACCEPTED,
};
const ANSWERS_16 = {
  ...ANSWERS,
  Authorize: () => ({ idTagInfo: ACCEPTED }),
  DataTransfer: ({ messageId }) => (
    messageId === 'Get15118EVCertificate' ? { ...ACCEPTED, data: JSON.stringify(CONTRACT) } : ACCEPTED
  ),
  StartTransaction: () => ({ transactionId: ++transactions, idTagInfo: ACCEPTED }),
  StopTransaction: () => ({}),
};
const ANSWERS_2X = {
  ...ANSWERS,
  Authorize: () => ({ idTokenInfo: ACCEPTED }),
  Get15118EVCertificate: () => CONTRACT,
  TransactionEvent: ({ idToken }) => (idToken ? { idTokenInfo: ACCEPTED } : {}),
  NotifyReport: () => ({}),
  NotifyEvent: () => ({}),
  NotifyChargingLimit: () => ({}),
  ClearedChargingLimit: () => ({}),
  NotifyEVChargingNeeds: () => ACCEPTED,
  NotifyEVChargingSchedule: () => ACCEPTED,
  NotifyPriorityCharging: () => ({}),
  PullDynamicScheduleUpdate: () => ({ status: 'Rejected' }),
  NotifyCustomerInformation: () => ({}),
  ReportChargingProfiles: () => ({}),
  ReservationStatusUpdate: () => ({}),
};

const scripted = new Map();
let station;

function answer(version, action, payload) {
  if (scripted.has(action)) return scripted.get(action);
  const known = (version === 'ocpp1.6' ? ANSWERS_16 : ANSWERS_2X)[action];
  if (known === undefined) {
    tell({ kind: 'fault', what: `${action} is not for a CSMS to receive`, frame: JSON.stringify(payload) });
    throw createRPCError('NotImplemented', action);
  }
  return known(payload);
}

function attend(client) {
  station = client;
  tell({ kind: 'connected', identity: client.identity, version: client.protocol });
  client.on('strictValidationFailure', ({ method, params, result, error, outbound, isCall }) => tell({
    kind: 'fault',
    what: `${outbound ? 'our' : "the station's"} ${isCall ? 'CALL' : 'answer to'} ${method}: ${error.message}`,
    frame: JSON.stringify(isCall ? params : result),
  }));
  client.on('badMessage', ({ buffer, error }) => tell({ kind: 'fault', what: `bad message: ${error.message}`, frame: String(buffer) }));
  client.on('callError', ({ outbound, method, params, error }) => {
    if (!outbound) tell({ kind: 'fault', what: `${method} got a CALLERROR: ${error.message}`, frame: JSON.stringify(params) });
  });
  client.on('close', () => tell({ kind: 'disconnected', identity: client.identity }));
  client.handle(({ method, params }) => {
    const payload = answer(client.protocol, method, params);
    tell({ kind: 'call', action: method, payload: params });
    return payload;
  });
}

async function call({ id, action, payload }) {
  try {
    tell({ kind: 'reply', id, payload: await station.call(action, payload) });
  } catch (error) {
    tell({ kind: 'reply', id, error: error.rpcErrorCode ?? error.name, words: error.message });
  }
}

function order(line) {
  const { op, id, action, payload } = JSON.parse(line);
  if (op === 'call') return call({ id, action, payload });
  if (op !== 'answers') throw new Error(`no such op: ${op}`);
  if (payload === null) scripted.delete(action);
  else scripted.set(action, payload);
  return tell({ kind: 'reply', id, payload: {} });
}

async function main() {
  const server = new RPCServer({
    protocols: VERSIONS,
    strictMode: true,
    strictModeValidators: [createValidator('ocpp2.1', schemasOf21(process.argv[2]))],
    callTimeoutMs: CALL_TIMEOUT_MS,
    pingIntervalMs: 2_000,
  });
  server.auth((accept, reject, { protocols }) => accept({}, VERSIONS.find((v) => protocols.has(v))));
  server.on('client', attend);
  const http = await server.listen(0, '127.0.0.1');
  tell({ kind: 'listening', port: http.address().port });
  const orders = readline.createInterface({ input: process.stdin });
  orders.on('line', order);
  orders.on('close', () => process.exit(0));
}

main();
