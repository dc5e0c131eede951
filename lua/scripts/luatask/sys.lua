-- sys: tasks, timers and messages on top of rtos.receive.
--
-- A task is a coroutine that waits for a timer or a message. Everything
-- happens on one loop, run: first all published messages are delivered, then
-- one message of the core is taken.
require "utils"
require "log"
require "pm"
module(..., package.seeall)

SCRIPT_LIB_VER = "airlift"

-- Timer ids say who owns a timer: small ones wake tasks, big ones call
-- functions.
local TASK_LAST, CALL_LAST = 0x1FFFFFFF, 0x7FFFFFFF
local taskId, callId = 0, TASK_LAST

local tasks = {}       -- timer id -> coroutine
local calls = {}       -- timer id -> { fn, n, arguments, period }
local subscribers = {} -- topic -> list of functions and coroutines
local published = {}

local function pack(...)
  return { n = select("#", ...), ... }
end

-- resume runs a task and reports what it died of.
local function resume(co, ...)
  local r = pack(coroutine.resume(co, ...))
  if not r[1] then
    log.error("coroutine.resume", tostring(r[2]) .. "\r\n" .. debug.traceback(co))
    if _G.COROUTINE_ERROR_RESTART then rtos.restart() end
  end
  return unpack(r, 1, r.n)
end

function taskInit(fn, ...)
  local co = coroutine.create(fn)
  resume(co, ...)
  return co
end

local function atLeast5(ms)
  assert(ms > 0, "a time to wait must be positive")
  return ms < 5 and 5 or ms
end

-- wait returns nothing after ms, or what somebody resumed the task with.
function wait(ms)
  ms = atLeast5(ms)
  taskId = taskId % TASK_LAST + 1
  local id = taskId
  if rtos.timer_start(id, ms) ~= 1 then
    log.debug("sys.wait", "no timer")
    return
  end
  tasks[id] = coroutine.running()
  local r = pack(coroutine.yield())
  if r.n > 0 then
    rtos.timer_stop(id)
    tasks[id] = nil
    return unpack(r, 1, r.n)
  end
end

local function waitFor(topic, ms)
  local co = coroutine.running()
  subscribe(topic, co)
  local r = ms and pack(wait(ms)) or pack(coroutine.yield())
  unsubscribe(topic, co)
  return r
end

function waitUntil(topic, ms)
  local r = waitFor(topic, ms)
  return r[1] ~= nil, unpack(r, 2, r.n)
end

function waitUntilExt(topic, ms)
  local r = waitFor(topic, ms)
  if r[1] == nil then return false end
  return unpack(r, 1, r.n)
end

-- Timers.

local function same(call, fn, args)
  if call.fn ~= fn or call.n ~= args.n then return false end
  for i = 1, args.n do
    if call.args[i] ~= args[i] then return false end
  end
  return true
end

local function stop(id)
  rtos.timer_stop(id)
  calls[id] = nil
end

function timerStop(which, ...)
  if type(which) == "number" then return stop(which) end
  local args = pack(...)
  for id, call in pairs(calls) do
    if same(call, which, args) then return stop(id) end
  end
end

function timerStopAll(fn)
  local ids = {}
  for id, call in pairs(calls) do
    if call.fn == fn then ids[#ids + 1] = id end
  end
  for _, id in ipairs(ids) do stop(id) end
end

local function start(period, fn, ms, ...)
  assert(fn, "a timer needs a function")
  ms = atLeast5(ms)
  timerStop(fn, ...)
  repeat
    callId = callId < CALL_LAST and callId + 1 or TASK_LAST + 1
  until not calls[callId]
  if rtos.timer_start(callId, ms) ~= 1 then
    log.debug("sys.timerStart", "no timer")
    return
  end
  local args = pack(...)
  calls[callId] = { fn = fn, n = args.n, args = args, period = period and ms }
  return callId
end

function timerStart(fn, ms, ...) return start(false, fn, ms, ...) end
function timerLoopStart(fn, ms, ...) return start(true, fn, ms, ...) end

function timerIsActive(which, ...)
  if type(which) == "number" then return calls[which] and calls[which].fn end
  local args = pack(...)
  for _, call in pairs(calls) do
    if same(call, which, args) then return true end
  end
end

local function fired(id)
  local co, call = tasks[id], calls[id]
  if co then
    tasks[id] = nil
    resume(co)
  elseif call then
    if call.period then rtos.timer_start(id, call.period) else calls[id] = nil end
    call.fn(unpack(call.args, 1, call.n))
  end
end

-- Messages.

local function valid(topic, receiver)
  if type(topic) == "string" and (type(receiver) == "function" or type(receiver) == "thread") then return true end
  log.warn("sys.subscribe", "a topic and a function, please", topic, receiver)
end

function subscribe(topic, receiver)
  if not valid(topic, receiver) then return end
  local list = subscribers[topic] or {}
  subscribers[topic] = list
  for _, r in ipairs(list) do
    if r == receiver then return end
  end
  list[#list + 1] = receiver
end

function unsubscribe(topic, receiver)
  if not valid(topic, receiver) then return end
  for i, r in ipairs(subscribers[topic] or {}) do
    if r == receiver then
      table.remove(subscribers[topic], i)
      break
    end
  end
  if subscribers[topic] and #subscribers[topic] == 0 then subscribers[topic] = nil end
end

function publish(...)
  published[#published + 1] = pack(...)
end

local function deliver()
  while #published > 0 do
    local message = table.remove(published, 1)
    local list = {}
    for i, r in ipairs(subscribers[message[1]] or {}) do list[i] = r end
    for _, r in ipairs(list) do
      if type(r) == "function" then
        r(unpack(message, 2, message.n))
      else
        resume(r, unpack(message, 1, message.n))
      end
    end
  end
end

-- What the core reports.

local handlers = {}

function rtos.on(id, handler)
  handlers[id] = handler
end

local received, sent = {}, {}

function uart.on(port, event, callback)
  if event == "receive" then received[port] = callback end
  if event == "sent" then sent[port] = callback end
end

rtos.on(rtos.MSG_UART_RXDATA, function(port) if received[port] then received[port](port) end end)
rtos.on(rtos.MSG_UART_TX_DONE, function(port) if sent[port] then sent[port](port) end end)

function init()
  assert((_G.PROJECT or "") ~= "" and (_G.VERSION or "") ~= "", "main.lua must set PROJECT and VERSION")
  collectgarbage("setpause", 80)
  uart.setup(uart.ATC, 0, 0, uart.PAR_NONE, uart.STOP_1)
  log.info("poweron reason:", rtos.poweron_reason(), _G.PROJECT, _G.VERSION, SCRIPT_LIB_VER, rtos.get_version())
end

function powerOn() rtos.poweron(1) end

function restart(why)
  assert((why or "") ~= "", "sys.restart needs a reason")
  log.warn("sys.restart", why)
  rtos.restart()
end

function run()
  while true do
    deliver()
    local message, value = rtos.receive(rtos.INF_TIMEOUT)
    if message == rtos.MSG_TIMER then
      fired(value)
    else
      local id = type(message) == "table" and message.id or message
      if handlers[id] then handlers[id](type(message) == "table" and message or value) end
    end
  end
end

-- resumeTask resumes a task that waits without a timer, for libraries.
resumeTask = resume
