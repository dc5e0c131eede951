-- misc: who the module is, and its clock.
require "ril"
module(..., package.seeall)

local imei, sn, muid, model

function getImei() return imei or "" end
function getSn() return sn or "" end
function getMuid() return muid or "" end
function getModelType() return model or "" end
function getVersion() return rtos.get_version() end
function getClock() return os.date("*t") end
function getVbatt() return select(2, pmd.param_get()) end

function getWeek()
  local day = os.date("*t").wday - 1
  return day == 0 and 7 or day
end

function setClock(t, fn)
  local cmd = ('AT+CCLK="%02d/%02d/%02d,%02d:%02d:%02d+32"'):format(t.year % 100, t.month, t.day, t.hour, t.min, t.sec)
  ril.request(cmd, nil, function(_, ok)
    if ok then sys.publish("TIME_UPDATE_IND") end
    if fn then fn(getClock(), ok) end
  end)
end

local function askSn(fn)
  ril.request("AT+WISN?", nil, function(_, ok, _, text)
    if ok and text and not text:match("ERROR") then
      sn = text
      sys.publish("SN_READY_IND")
    end
    if fn then fn(ok) end
  end)
end

function setSn(s, fn)
  ril.request('AT+WISN="' .. s .. '"', nil, function(_, ok)
    if ok then askSn(fn) elseif fn then fn(false) end
  end)
end

askSn()
ril.request("AT+CGSN", nil, function(_, ok, _, text)
  if not ok then return end
  imei = text
  sys.publish("IMEI_READY_IND")
end)
ril.request("AT+MUID?", nil, function(_, ok, _, text) muid = ok and text and text:match("%+MUID: *(.+)") end)
ril.request("AT+CGMM", nil, function(_, ok, _, text) model = ok and text and text:match('"(.+)"') end)
