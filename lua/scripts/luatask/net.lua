-- net: registration, cell and signal.
require "sim"
module(..., package.seeall)

NetMode_noNet, NetMode_GSM, NetMode_EDGE, NetMode_TD, NetMode_LTE, NetMode_WCDMA = 0, 1, 2, 3, 4, 5
flyMode = false

local state, mode, lac, ci = "INIT", NetMode_noNet, "", ""
local rssi, rsrp = 0, 0

function getState() return state end
function getNetMode() return mode end
function getLac() return lac end
function getCi() return ci end
function getRssi() return rssi end
function getRsrp() return rsrp end
function getMcc() return sim.getMcc() end
function getMnc() return sim.getMnc() end

local modes = { ["0"] = NetMode_GSM, ["1"] = NetMode_GSM, ["3"] = NetMode_EDGE, ["2"] = NetMode_WCDMA, ["7"] = NetMode_LTE }

-- registration takes "+CEREG: n,state,..." of an answer and "+CEREG: state,..."
-- of a report.
local function registration(line)
  local fields = line:match(": (.*)"):gsub('"', "")
  local list = fields:split(",")
  if #list > 4 or #list == 2 then table.remove(list, 1) end
  local now = (list[1] == "1" or list[1] == "5") and "REGISTERED" or "UNREGISTER"
  if list[4] and modes[list[4]] and mode ~= modes[list[4]] then
    mode = modes[list[4]]
    sys.publish("NET_UPD_NET_MODE", mode)
  end
  if now ~= state then
    state = now
    sys.publish("NET_STATE_" .. state)
  end
  if state == "REGISTERED" and list[2] and (lac ~= list[2] or ci ~= list[3]) then
    lac, ci = list[2], list[3]
    sys.publish("NET_CELL_CHANGED")
  end
end

function csqQueryPoll(period)
  if not flyMode then
    ril.request("AT+CSQ", nil, function(_, ok, _, text)
      local n = ok and text and tonumber(text:match("%+CSQ: (%d+)"))
      if n then rssi = n == 99 and 0 or n end
      sys.publish("GSM_SIGNAL_REPORT_IND", ok, rssi)
    end)
    ril.request("AT+CESQ", nil, function(_, ok, _, text)
      rsrp = ok and text and tonumber(text:match("(%d+)$")) or 0
    end)
  end
  if period then sys.timerStart(csqQueryPoll, period, period) end
  return not flyMode
end

function startQueryAll(period)
  csqQueryPoll(period)
  return true
end

function stopQueryAll() sys.timerStopAll(csqQueryPoll) end

function switchFly(on)
  if flyMode == on then return end
  flyMode = on
  ril.request("AT+CFUN=" .. (on and 0 or 1), nil, function(_, ok)
    if ok then sys.publish("FLYMODE", flyMode) end
  end)
end

sys.subscribe("SIM_IND", function(what)
  if what == "RDY" then
    state = "INIT"
  else
    state = "UNREGISTER"
    sys.publish("NET_STATE_UNREGISTER")
  end
end)

ril.regUrc("+CEREG", registration)
ril.request("AT+CEREG=2")
ril.request("AT+CEREG?", nil, function(_, ok, _, text)
  if ok and text then registration(text) end
end)
