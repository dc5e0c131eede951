-- sim: the SIM card.
require "ril"
module(..., package.seeall)

local iccid, imsi, number, status

function getIccid() return iccid end
function getImsi() return imsi end
function getStatus() return status end
function getNumber() return number or "" end
function getMcc() return imsi and imsi:sub(1, 3) or "" end
function getMnc() return imsi and imsi:sub(4, 5) or "" end

ril.regUrc("+CPIN", function(line)
  local state = line:match("%+CPIN: (.+)")
  status = state == "READY"
  if status then
    ril.request("AT+ICCID", nil, function(_, ok, _, text) iccid = ok and text and text:match("%+ICCID: (.+)") end)
    ril.request("AT+CIMI", nil, function(_, ok, _, text)
      if not ok then return end
      imsi = text
      sys.publish("IMSI_READY")
    end)
    ril.request("AT+CNUM", nil, function(_, ok, _, text) number = ok and text and text:match('"[^"]*","%+?(%d+)"') end)
    sys.publish("SIM_IND", "RDY")
  elseif state == "NOT INSERTED" then
    sys.publish("SIM_IND", "NIST")
  else
    if state == "SIM PIN" then sys.publish("SIM_IND", "SIM_PIN") end
    sys.publish("SIM_IND", "NORDY")
  end
end)
