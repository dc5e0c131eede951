-- link: the data connection. On LTE the network gives an address with the
-- registration: it only has to be asked for.
require "net"
module(..., package.seeall)

local ready = false

function isReady() return ready end

local function ask()
  if net.getState() ~= "REGISTERED" or ready then return end
  ril.request("AT+CGDCONT?", nil, function(_, ok, _, text)
    if ok and text and text:match('"%d+%.%d+%.%d+%.%d+"') then
      ready = true
      sys.publish("IP_READY_IND")
    else
      sys.timerStart(ask, 1000)
    end
  end)
end

local function lost()
  if not ready then return end
  ready = false
  sys.publish("IP_ERROR_IND")
end

-- shut gives the connection up and takes it again.
function shut()
  lost()
  sys.timerStart(ask, 2000)
end

-- An APN of a private network is kept by the modem.
function setAPN(apn) ril.request('AT*CGDFLT=1,"IP","' .. apn .. '"') end

sys.subscribe("NET_STATE_REGISTERED", ask)
sys.subscribe("NET_STATE_UNREGISTER", lost)
rtos.on(rtos.MSG_PDP_DEACT_IND, shut)
