-- libnet: the socket functions for tasks that wait (sys.taskInitEx). Each
-- starts what a function of socket starts and waits for its event.

local libnet = {}

-- finished waits for an event of the task: nil after the time, else whether
-- it went well.
local function finished(task, event, ms)
  local message = sys.waitMsg(task, event, ms)
  if type(message) ~= "table" then return nil end
  return message[2] == 0
end

-- blocking makes a waiting function of one that returns (ok, done).
local function blocking(start, event)
  return function(task, ms, ...)
    local ok, done = start(...)
    if not ok then return false end
    return done or finished(task, event, ms) == true
  end
end

libnet.waitLink = blocking(socket.linkup, socket.LINK)
libnet.connect = blocking(socket.connect, socket.ON_LINE)
libnet.listen = blocking(socket.listen, socket.ON_LINE)

-- tx returns whether it went well, and whether the buffer was full.
function libnet.tx(task, ms, ...)
  local ok, full, done = socket.tx(...)
  if not ok then return false, full end
  if full then return true, true end
  if done or finished(task, socket.TX_OK, ms) then return true, false end
  return false, full
end

-- wait returns whether the connection is there, and whether something came.
function libnet.wait(task, ms, netc)
  local ok, already = socket.wait(netc)
  if not ok then return false, false end
  if already then return true, true end
  local fine = finished(task, socket.EVENT, ms)
  if fine == nil then return true, false end
  return fine, fine
end

function libnet.close(task, ms, netc)
  local ok, done = socket.discon(netc)
  if ok and not done then finished(task, socket.CLOSED, ms) end
  socket.close(netc)
end

-- ping returns whether an address answers; it needs netdrv.
function libnet.ping(adapter, ip, ms, bytes)
  if not adapter or not ip then
    log.error("libnet.ping", "adapter and address are needed")
    return false
  end
  if not netdrv.ping(adapter, ip, bytes or 128) then return false end
  local answered, _, took = sys.waitUntil("PING_RESULT", ms or 5000)
  return answered and took ~= nil and took > 0
end

function libnet.version() return "202607021200" end

return libnet
