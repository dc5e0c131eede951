-- sys: tasks, timers and messages on top of rtos.receive.
--
-- A task is a coroutine that waits for a timer or a message. Everything
-- happens on one loop, sys.run: first all published messages are delivered,
-- then one event of the firmware is taken.

local sys = {}

SCRIPT_LIB_VER = "2.3.2"
COROUTINE_ERROR_ROLL_BACK = true
COROUTINE_ERROR_RESTART = true

-- Timer ids say who owns a timer: small ones wake tasks, big ones call
-- functions.
local TASK_LAST = 0x1FFFFE
local CALL_FIRST, CALL_LAST = 0x200000, 0x7FFFFF
local taskId, callId = 0, CALL_FIRST - 1

local owners = {}      -- timer id -> coroutine or function
local arguments = {}   -- timer id -> arguments of the function
local subscribers = {} -- topic -> set of functions and coroutines
local published = {}   -- messages to deliver, oldest at `first`
local first, last = 1, 0
local named = {}       -- task name -> { queue, callback }

local unpack = table.unpack or unpack

local function pack(...)
  return { n = select("#", ...), ... }
end

-- Errors of tasks.

function sys.coresume(co, ...)
  local r = pack(coroutine.resume(co, ...))
  if r[1] then
    return unpack(r, 1, r.n)
  end
  local text = tostring(r[2]) .. "\r\n" .. debug.traceback(co)
  log.error("coroutine.resume", text)
  if COROUTINE_ERROR_ROLL_BACK then
    sys.timerStart(function() assert(false, text) end, 500)
  elseif COROUTINE_ERROR_RESTART then
    rtos.reboot()
  end
  return unpack(r, 1, r.n)
end

function sys.check_task()
  local co, main = coroutine.running()
  if main or co == nil then
    error(debug.traceback("attempt to yield from outside a coroutine"))
  end
  return co
end

-- Waiting.

local function freeTaskId()
  repeat
    if taskId >= TASK_LAST then taskId = 0 else taskId = taskId + 1 end
  until owners[taskId] == nil
  return taskId
end

function sys.wait(ms)
  local co = sys.check_task()
  local id = freeTaskId()
  owners[id] = co
  if rtos.timer_start(id, ms) ~= 1 then
    log.debug("rtos.timer_start error")
    return
  end
  local woken = pack(coroutine.yield())
  if woken.n > 0 then
    rtos.timer_stop(id)
    owners[id] = nil
    return unpack(woken, 1, woken.n)
  end
end

-- await waits for topic, or ms milliseconds if given, and returns what the
-- task was woken with.
local function await(topic, ms)
  local co = sys.check_task()
  sys.subscribe(topic, co)
  local woken
  if ms then woken = pack(sys.wait(ms)) else woken = pack(coroutine.yield()) end
  sys.unsubscribe(topic, co)
  return woken
end

function sys.waitUntil(topic, ms)
  local woken = await(topic, ms)
  if #woken == 0 then return false end
  return true, unpack(woken, 2, #woken)
end

function sys.waitUntilExt(topic, ms)
  local woken = await(topic, ms)
  if #woken == 0 then return false end
  return unpack(woken, 1, #woken)
end

function sys.waitUntilMsg(topic)
  local woken = await(topic)
  return unpack(woken, 2, #woken)
end

function sys.taskInit(fn, ...)
  local co = coroutine.create(fn)
  sys.coresume(co, ...)
  return co
end

-- Timers.

local function sameArguments(a, b)
  if a.n ~= b.n then return false end
  for i = 1, a.n do
    if a[i] ~= b[i] then return false end
  end
  return true
end

-- findTimer returns the id of the timer that calls fn with these arguments.
local function findTimer(fn, args)
  for id, owner in pairs(owners) do
    if owner == fn and sameArguments(arguments[id] or { n = 0 }, args) then
      return id
    end
  end
end

local function forget(id)
  rtos.timer_stop(id)
  owners[id], arguments[id] = nil, nil
end

function sys.timerAdvStart(fn, ms, repeats, ...)
  local args = pack(...)
  local old = findTimer(fn, args)
  if old then forget(old) end
  repeat
    if callId >= CALL_LAST then callId = CALL_FIRST else callId = callId + 1 end
  until owners[callId] == nil
  if rtos.timer_start(callId, ms, repeats) ~= 1 then
    log.error("rtos.timer_start", "create fail!!!")
    return
  end
  owners[callId] = fn
  if args.n > 0 then arguments[callId] = args end
  return callId
end

function sys.timerStart(fn, ms, ...) return sys.timerAdvStart(fn, ms, 0, ...) end

function sys.timerLoopStart(fn, ms, ...) return sys.timerAdvStart(fn, ms, -1, ...) end

function sys.timerStop(what, ...)
  if type(what) ~= "number" then
    what = findTimer(what, pack(...))
    if what == nil then return end
  end
  forget(what)
end

function sys.timerStopAll(fn)
  local ids = {}
  for id, owner in pairs(owners) do
    if owner == fn then ids[#ids + 1] = id end
  end
  for _, id in ipairs(ids) do forget(id) end
end

function sys.timerIsActive(what, ...)
  if type(what) == "number" then return owners[what] end
  if findTimer(what, pack(...)) then return true end
end

-- Messages.

local function eachTopic(topic, fn)
  if type(topic) ~= "table" then return fn(topic) end
  for _, one in ipairs(topic) do fn(one) end
end

function sys.subscribe(topic, callback)
  eachTopic(topic, function(one)
    subscribers[one] = subscribers[one] or {}
    subscribers[one][callback] = true
  end)
end

function sys.unsubscribe(topic, callback)
  eachTopic(topic, function(one)
    local set = subscribers[one]
    if not set then return end
    set[callback] = nil
    if next(set) == nil then subscribers[one] = nil end
  end)
end

function sys.publish(...)
  last = last + 1
  published[last] = { ... }
end

local function deliver(message)
  local set = subscribers[message[1]]
  if not set then return end
  local list = {}
  for callback in pairs(set) do list[#list + 1] = callback end
  for _, callback in ipairs(list) do
    if type(callback) == "function" then
      callback(unpack(message, 2, #message))
    elseif type(callback) == "thread" then
      sys.coresume(callback, unpack(message, 1, #message))
    end
  end
end

local function dispatch()
  while first <= last do
    local message = published[first]
    published[first] = nil
    first = first + 1
    if first > last then first, last = 1, 0 end
    deliver(message)
  end
end

-- The loop.

function sys.safeRun()
  dispatch()
  local kind, id, repeats = rtos.receive(rtos.INF_TIMEOUT)
  local owner = kind == rtos.MSG_TIMER and owners[id]
  if not owner then return end
  if id <= TASK_LAST then
    owners[id] = nil
    if type(owner) == "thread" then sys.coresume(owner) end
    return
  end
  local args = arguments[id]
  if repeats == 0 then owners[id] = nil end
  if args then owner(unpack(args, 1, args.n)) else owner() end
  if repeats == 0 and owners[id] == nil then arguments[id] = nil end
end

function sys.run()
  if SYSP then return end
  while true do sys.safeRun() end
end

-- Tasks with a name and a queue of their own.

function sys.taskInitEx(fn, name, callback, ...)
  named[name] = { queue = {}, callback = callback }
  return sys.taskInit(fn, ...)
end

function sys.taskDel(name) named[name] = nil end

function sys.sendMsg(name, p1, p2, p3, p4)
  local task = named[name]
  if not task then return false end
  table.insert(task.queue, { p1, p2, p3, p4 })
  sys.publish(name)
  return true
end

function sys.cleanMsg(name)
  local task = named[name]
  if not task then return false end
  task.queue = {}
  return true
end

function sys.taskCB(name, message)
  local task = named[name]
  if task and task.callback then task.callback(message) end
end

function sys.waitMsg(name, target, ms)
  local task = named[name]
  if not task then
    log.error("sys", "sys.taskInitEx启动的task才能使用waitMsg")
    return false
  end
  -- match takes one message; it returns it if it is what was asked for.
  local function match()
    local message = table.remove(task.queue, 1)
    if target == nil or message[1] == target then return message end
    sys.taskCB(name, message)
  end
  while #task.queue > 0 do
    local message = match()
    if message then return message end
  end
  if ms == 0 then ms = nil end
  while true do
    if not sys.waitUntil(name, ms) then return nil end
    if #task.queue > 0 then
      local message = match()
      if message then return message end
    end
  end
end

-- What the firmware calls by name: publish, send, and the object that a
-- firmware function returns when its result comes later.

local function later(topic)
  return {
    wait = function() return sys.waitUntilMsg(topic) end,
    cb = function(fn)
      sys.taskInit(function() fn(sys.waitUntilMsg(topic)) end)
    end,
  }
end

local function already(values)
  return {
    wait = function() return unpack(values, 1, values.n) end,
    cb = function(fn)
      sys.taskInit(function() fn(unpack(values, 1, values.n)) end)
    end,
  }
end

function sys_cw(topic, ...)
  if topic == nil then return already(pack(...)) end
  return later(topic)
end

function sys.cwaitMt(topic, ...) return sys_cw(topic, ...) end

sys_pub = sys.publish
sys_send = sys.sendMsg
sys_wait = sys.waitMsg

_G.sys = sys
return sys
