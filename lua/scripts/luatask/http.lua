-- http: one request on one connection.
require "socket"
require "utils"
module(..., package.seeall)

-- parse takes a URL apart: protocol, user, host, port, path with query.
local function parse(url)
  local protocol, rest = url:match("^(%a+)://(.*)$")
  protocol, rest = protocol or "http", rest or url
  local place, path = rest:match("^([^/]*)(.*)$")
  local user, host = place:match("^(.-:.-)@(.*)$")
  host = host or place
  local name, port = host:match("^(.-):(%d+)$")
  return protocol, user, name or host, tonumber(port) or (protocol == "https" and 443 or 80), path == "" and "/" or path
end

local function headText(method, path, head)
  local text = method .. " " .. path .. " HTTP/1.1\r\n"
  for name, value in pairs(head) do text = text .. name .. ": " .. value .. "\r\n" end
  return text .. "\r\n"
end

-- readHead returns the status, the fields and what came behind them.
local function readHead(client, timeout)
  local text = ""
  while true do
    local at, stop = text:find("\r\n\r\n", 1, true)
    if at then
      local status = text:match("^%S+ (%d+)")
      local head = {}
      for name, value in text:sub(1, at + 1):gmatch("\r\n([^:\r\n]+):%s*([^\r\n]*)") do head[name] = value end
      return status, head, text:sub(stop + 1)
    end
    local ok, data = client:recv(timeout)
    if not ok then return nil end
    text = text .. data
  end
end

-- sink says where a body goes: a file, a function, or a string.
local function sink(target, head, status)
  if type(target) == "function" then
    local total = tonumber((head["Content-Range"] or ""):match("/(%d+)") or head["Content-Length"]) or 0x7FFFFFFF
    return function(data) return target(data, total, status) end, function() end
  elseif target then
    return function(data)
      if not io.writeFile(target, data, "a+b") then return false end
    end, function() return target end
  end
  local parts = {}
  return function(data) parts[#parts + 1] = data end, function() return table.concat(parts) end
end

-- chunks hands the pieces of a chunked body out.
local function chunks(client, rest, timeout, put)
  local function more()
    local ok, data = client:recv(timeout)
    rest = rest .. (ok and data or "")
    return ok
  end
  while true do
    local at, stop, size = rest:find("^(%x+)[^\r\n]*\r\n")
    if size then
      size = tonumber(size, 16)
      if size == 0 then return true end
      while #rest < stop + size + 2 do
        if not more() then return nil end
      end
      local verdict = put(rest:sub(stop + 1, stop + size))
      if verdict ~= nil then return verdict, true end
      rest = rest:sub(stop + size + 3)
    elseif not more() then
      return nil
    end
  end
end

-- plain hands a body out as it comes. Without a length it ends with the
-- connection.
local function plain(client, rest, length, timeout, put)
  local left, data = length or 0x7FFFFFFF, rest
  while true do
    data = data:sub(1, left)
    local verdict = put(data)
    if verdict ~= nil then return verdict, true end
    left = left - #data
    if left == 0 then return true end
    local ok
    ok, data = client:recv(timeout)
    if not ok then return length == nil or nil end
  end
end

local function exchange(client, r)
  if not client:connect(r.host, r.port) then return false, "connect fail" end
  if not client:send(headText(r.method, r.path, r.head) .. r.body) then return false, "send head fail" end
  local status, head, rest = readHead(client, r.timeout)
  if not status then return false, "receive timeout" end
  local put, result = sink(r.target, head, status)
  local ok, decided
  local chunked = false
  for name, value in pairs(head) do
    chunked = chunked or name:lower() == "transfer-encoding" and value:lower() == "chunked"
  end
  if r.method == "HEAD" then
    ok = true
  elseif chunked then
    ok, decided = chunks(client, rest, r.timeout, put)
  else
    ok, decided = plain(client, rest, tonumber(head["Content-Length"]), r.timeout, put)
  end
  if ok == nil then return false, "receive timeout", head, result() end
  return ok, ok and status or "receive: user process error", head, not decided and result() or nil
end

local function task(r)
  while not socket.isReady() do
    if not sys.waitUntil("IP_READY_IND", r.timeout) then
      if r.callback then r.callback(false, "network not ready") end
      return
    end
  end
  local client = socket.tcp(r.protocol == "https", r.cert)
  local ok, status, head, body = exchange(client, r)
  if r.callback then r.callback(ok, status, head, body) end
  client:close()
end

-- request(method, url, certificates, head, body, timeout in ms, callback,
-- target): callback(ok, status or error, head, body). target is a file, or
-- function(data, total, status) that ends the request by returning true or
-- false.
function request(method, url, cert, head, body, timeout, callback, target)
  local r = { method = method, cert = cert, body = body or "", timeout = timeout or 30000, callback = callback, target = target }
  local user
  r.protocol, user, r.host, r.port, r.path = parse(url)
  r.head = head or {}
  r.head.Host = r.head.Host or r.host
  r.head.Connection = r.head.Connection or "short"
  if #r.body > 0 then r.head["Content-Length"] = #r.body end
  if user then r.head.Authorization = "Basic " .. crypto.base64_encode(user, #user) end
  sys.taskInit(task, r)
end
