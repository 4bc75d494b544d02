"""The words that nearly every stored body has in common, known to compressor and decompressor.

A body of a kilobyte has no room to repeat itself, so most of what a compressor finds in it is
here. What is stored names the dictionary by its checksum: this text must never change, or no body
that was written with it could be read again.
"""

from typing import Final

# The most frequent words come last: they then lie nearest to the body.
WORDS: Final = (
    '{"id":"","evse":1,"started_at":"2026-","ended_at":"","energy_wh":,"stopped_reason":"Local",'
    '"records":["OCMF|{\\"FV\\":\\"1.3\\",\\"GI\\":\\"\\",\\"GS\\":\\"'
    '"event":"SecurityEvent","kind":"StartupOfTheDevice","critical":true'
    '"event":"MeterValuesEvent","context":"Sample.Clock"'
    '"cable_max_a":32,"remote_start_id":,"reservation_id":,"group":{"value":"","type":"Central"}'
    '{"evse":1,"snapshot":{"operative":true,"faults":[],"reserved":false,"plugged_in":false,'
    '"ev_ready":false,"authorized":false,"awaiting_ev":false,"offered":false,'
    '"power_path_closed":false,"in_transaction":false,"transaction_ended":false},'
    '"plugged_in":true,"ev_ready":true,"authorized":true,"awaiting_ev":false,"offered":true,'
    '"power_path_closed":true,"in_transaction":true,"transaction_ended":false},'
    '"authorization":{"token":{"value":"04","type":"ISO14443"},"by":"Csms"},"by":"Offline"},'
    '"transaction":{"id":"","started_at":"2026-","register_at_start_wh":"","next_seq_no":,'
    '"holder":{"token":{"value":"04","type":"ISO14443"},"by":"Csms"},"told_token":true,'
    '"told_evse":true,"told_remote_start":false,"told_state":"Charging","told_at":"2026-",'
    '"told_register_wh":"","charging_since_s":,"charged_s":0.0,"energy_cut":false,'
    '"begin":{"at":"2026-","series":[]},"limit_a":"32","rest":{"register_wh":"","power_w":"0.0",'
    '"voltage_v":["230.0","230.0","230.0"],"current_a":["0.00","0.00","0.00"],'
    '"frequency_hz":"50.00","fresh":true},"connection":,"deadlines":{}}'
    '"phase":"Started","trigger":"Authorized","trigger":"CablePluggedIn",'
    '"trigger":"ChargingStateChanged","charging_state":"SuspendedEV",'
    '"charging_state":"EVConnected","id_token":{"value":"04","type":"ISO14443"},'
    '"names_evse":true,"starts_billing":true,"time_spent_charging_s":0,'
    '"phase":"Ended","trigger":"EVCommunicationLost","charging_state":"Idle",'
    '"trigger":"StopAuthorized","stopped_reason":"Local","stopped_reason":"EVDisconnected",'
    '"context":"Transaction.Begin","context":"Transaction.End","signed":{"record":"OCMF|'
    '{\\"FV\\":\\"1.3\\",\\"GI\\":\\"\\",\\"GS\\":\\"\\",\\"GV\\":\\"0.1.0\\",\\"PG\\":\\"T1\\",'
    '\\"MV\\":\\"\\",\\"MM\\":\\"\\",\\"MS\\":\\"\\",\\"MF\\":\\"1\\",\\"IS\\":true,'
    '\\"IL\\":\\"HEARSAY\\",\\"IF\\":[\\"RFID_PLAIN\\",\\"OCPP_AUTH\\",\\"OCPP_NONE\\"],'
    '\\"IT\\":\\"ISO14443\\",\\"ID\\":\\"04\\",\\"CF\\":\\"stationd \\",\\"RD\\":[{\\"TM\\":'
    '\\"2026-,000+0000 S\\",\\"TX\\":\\"E\\",\\"TX\\":\\"B\\",\\"RV\\":,\\"RI\\":\\"1-b:1.8.0\\",'
    '\\"RU\\":\\"kWh\\",\\"RT\\":\\"AC\\",\\"EF\\":\\"\\",\\"ST\\":\\"G\\"}]}|{\\"SA\\":'
    '\\"ECDSA-secp256r1-SHA256\\",\\"SE\\":\\"hex\\",\\"SM\\":\\"application/x-der\\",'
    '\\"SD\\":\\"304502210304502200304602210304402200221000220\\"}","signing_method":"",'
    '"encoding_method":"OCMF","public_key":"'
    '3059301306072a8648ce3d020106082a8648ce3d030107034200040"}}]}'
    '{"event":"TransactionEvent","phase":"Updated","at":"2026-T00:00:00.000000+00:00",'
    '"seq_no":,"transaction_id":"","trigger":"MeterValuePeriodic","evse":1,"connector":1,'
    '"register_wh":"","offline":false,"charging_state":"Charging","names_evse":false,'
    '"starts_billing":false,"time_spent_charging_s":,"phases_used":3,"meter_values":[{"at":"2026-'
    'T00:00:00.000000+00:00","samples":[{"value":"","measurand":"Energy.Active.Import.Register",'
    '"context":"Sample.Periodic"},{"value":"0.0","measurand":"Power.Active.Import",'
    '"context":"Sample.Periodic"},{"value":"0.00","measurand":"Current.Import",'
    '"context":"Sample.Periodic","phase":"L1"},{"value":"0.00","measurand":"Current.Import",'
    '"context":"Sample.Periodic","phase":"L2"},{"value":"0.00","measurand":"Current.Import",'
    '"context":"Sample.Periodic","phase":"L3"},{"value":"230.0","measurand":"Voltage",'
    '"context":"Sample.Periodic","phase":"L1-N"},{"value":"230.0","measurand":"Voltage",'
    '"context":"Sample.Periodic","phase":"L2-N"},{"value":"230.0","measurand":"Voltage",'
    '"context":"Sample.Periodic","phase":"L3-N"}]}]}'
).encode("ascii")
