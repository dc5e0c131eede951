-- socket: TCP, TLS and UDP for tasks, on top of socketcore.
require "link"
module(..., package.seeall)

local TCP, UDP, TLS = 0, 1, 2
local SEND_MOST = 11200 -- bytes that the core takes at once

local sockets = {} -- by number
local active = 0   -- connected ones

local methods = {}
methods.__index = methods

isReady = link.isReady

local function new(kind, cert)
  local co = coroutine.running()
  if not co then
    log.warn("socket", "sockets belong to tasks")
    return nil
  end
  return setmetatable({ kind = kind, cert = cert, co = co, input = {}, connected = false }, methods)
end

function tcp(ssl, cert) return new(ssl and TLS or TCP, ssl and cert or nil) end
function udp() return new(UDP) end

-- await waits for a message to the socket: true and a value, or false and why.
local function await(self, what, ms)
  self.waits = what
  local timer = ms and sys.timerStart(sys.resumeTask, ms, self.co, false, "timeout")
  local ok, value = coroutine.yield()
  self.waits = nil
  if timer then sys.timerStop(timer) end
  return ok, value
end

local function file(name)
  if not name then return nil end
  return io.readFile(name:sub(1, 1) == "/" and name or "/lua/" .. name)
end

local function certificates(self, host)
  if self.kind ~= TLS then return nil end
  local c = self.cert or {}
  return { hostName = host, caCert = file(c.caCert), clientCert = file(c.clientCert), clientKey = file(c.clientKey) }
end

local function setConnected(self, on)
  if self.connected == on then return end
  self.connected = on
  active = active + (on and 1 or -1)
  sys.publish("SOCKET_ACTIVE", active > 0)
end

function methods:connect(host, port, seconds)
  if not isReady() then return false end
  local id = socketcore.sock_conn_ext(self.kind, host, tonumber(port), certificates(self, host))
  if id < 0 then
    log.info("socket.connect", "failed", host, port, id)
    return false
  end
  self.id = id
  sockets[id] = self
  if not await(self, rtos.MSG_SOCK_CONN_CNF, (seconds or 120) * 1000) then return false end
  setConnected(self, true)
  return true, id
end

function methods:send(data, seconds)
  for from = 1, #data, SEND_MOST do
    if self.error then return false end
    socketcore.sock_send(self.id, data:sub(from, from + SEND_MOST - 1))
    if not await(self, rtos.MSG_SOCK_SEND_CNF, (seconds or 120) * 1000) then return false end
  end
  return true
end

-- recv returns true and data, or false and "timeout", "CLOSED" or
-- "IP_ERROR_IND".
function methods:recv(ms)
  if #self.input == 0 then
    if self.error then return false, self.error end
    local ok, why = await(self, rtos.MSG_SOCK_RECV_IND, ms and ms > 0 and ms or nil)
    if not ok then return false, why end
  end
  if self.kind == UDP then return true, table.remove(self.input, 1) end
  local data = table.concat(self.input)
  self.input = {}
  return true, data
end

function methods:close()
  if self.id then
    socketcore.sock_close(self.id)
    repeat
      local _, why = await(self, rtos.MSG_SOCK_CLOSE_CNF)
    until why == "closed"
    sockets[self.id] = nil
    socketcore.sock_destroy(self.id)
    self.id = nil
  end
  setConnected(self, false)
  self.input = {}
end

local function answered(m)
  local s = sockets[m.socket_index]
  if s and s.waits == m.id then
    sys.resumeTask(s.co, m.result == 0, m.id == rtos.MSG_SOCK_CLOSE_CNF and "closed" or nil)
  end
end

rtos.on(rtos.MSG_SOCK_CONN_CNF, answered)
rtos.on(rtos.MSG_SOCK_SEND_CNF, answered)
rtos.on(rtos.MSG_SOCK_CLOSE_CNF, answered)

rtos.on(rtos.MSG_SOCK_RECV_IND, function(m)
  local s = sockets[m.socket_index]
  if not s then return end
  table.insert(s.input, socketcore.sock_recv(m.socket_index, m.recv_len))
  if s.waits == m.id then sys.resumeTask(s.co, true) end
end)

local function broken(s, why)
  s.error = why
  setConnected(s, false)
  if s.waits and s.waits ~= rtos.MSG_SOCK_CLOSE_CNF then sys.resumeTask(s.co, false, why) end
end

rtos.on(rtos.MSG_SOCK_CLOSE_IND, function(m)
  if sockets[m.socket_index] then broken(sockets[m.socket_index], "CLOSED") end
end)

sys.subscribe("IP_ERROR_IND", function()
  local list = {}
  for _, s in pairs(sockets) do list[#list + 1] = s end
  for _, s in ipairs(list) do broken(s, "IP_ERROR_IND") end
end)
