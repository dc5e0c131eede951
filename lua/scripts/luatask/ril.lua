-- ril: one AT command after the other over uart.ATC, and what the modem
-- reports by itself.
require "sys"
module(..., package.seeall)

local TIMEOUT = 180000 -- ms without an answer, then the module restarts

local queue = {}     -- commands to send: { cmd, arg, fn }
local current        -- the one that waits for its answer, with its lines
local ready          -- the modem said RDY
local responses = {} -- command head -> function
local reports = {}   -- prefix -> function

local function head(cmd) return cmd:match("^AT([%+%*%^]*%u*)") end

function regRsp(name, fn) responses[name] = fn return true end
function regUrc(prefix, fn) reports[prefix] = fn end
function deRegUrc(prefix) reports[prefix] = nil end

local function silent() sys.restart("ril: no answer to " .. (current and current.cmd or "")) end

local function send()
  if not ready or current or #queue == 0 then return end
  current = table.remove(queue, 1)
  current.head, current.lines = head(current.cmd), {}
  sys.timerStart(silent, TIMEOUT)
  uart.write(uart.ATC, current.cmd .. "\r")
end

-- request sends a command. fn(cmd, success, result, lines) gets the answer;
-- lines is what stood before the result, as one string, or nil.
function request(cmd, arg, fn, delay)
  local entry = { cmd = cmd, arg = arg, fn = fn }
  if delay then
    sys.timerStart(function() queue[#queue + 1] = entry send() end, delay)
    return
  end
  queue[#queue + 1] = entry
  send()
end

local function done(result)
  local c, lines = current, #current.lines > 0 and table.concat(current.lines, "\r\n") or nil
  current = nil
  sys.timerStop(silent)
  local fn = c.fn or responses[c.head]
  if fn then fn(c.cmd, result == "OK", result, lines) end
end

-- Lines that belong to a command begin with its name, or with none if it
-- answers bare values. SMS READY is a report without a sign.
local function belongs(line)
  local name = line:match("^([%+%*%^][%u%d]+)")
  return name == current.head or name == nil and line ~= "SMS READY"
end

local function take(line)
  if line == "RDY" then
    ready = true
  elseif line == "> " then
    if current then uart.write(uart.ATC, current.arg or "", "\026") end
  elseif current and (line == "OK" or line == "ERROR" or line:match("^%+CM[ES] ERROR")) then
    done(line == "OK" and "OK" or "ERROR")
  elseif current and belongs(line) then
    current.lines[#current.lines + 1] = line
  else
    local fn = reports[line:match("^[%+%*%^]?[%u%d]+") or ""]
    if fn then fn(line) end
  end
end

uart.on(uart.ATC, "receive", function()
  while true do
    local line = uart.read(uart.ATC, "*l", 0)
    if line == "" then break end
    line = line:gsub("[\r\n]+$", "")
    if line ~= "" then take(line) end
  end
  send()
end)

request("ATE0")
request("AT+CMEE=0")
