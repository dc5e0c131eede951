-- The demo project of airlift: it connects, asks the platform for an upgrade,
-- and restarts into it. The same text, with another VERSION, is the upgrade.
PROJECT = "fotademo"
VERSION = "1.0.0"
PRODUCT_KEY = "airliftDemoProjectKey00000000000"

sys = require("sys")
updater = require("libfota2")

log.info("main", PROJECT, VERSION, "on core", rtos.version(), rtos.bsp())

-- Who we are. Wi-Fi modules go by their MAC address; libfota2 does not know
-- the others of this family.
local function identity()
    if mobile then
        return mobile.imei()
    end
    if wlan and wlan.getMac then
        return wlan.getMac()
    end
    return (mcu.unique_id():toHex())
end

local function done(result)
    log.info("demo", "upgrade result", result)
    if result == 0 then
        log.info("demo", "the package is stored, restarting into upgrade mode")
        rtos.reboot()
    else
        log.info("demo", "nothing to do, running on")
    end
end

sys.taskInit(function()
    if wlan and wlan.connect then
        wlan.init()
        wlan.connect("airlift", "12345678")
    end
    sys.waitUntil("IP_READY", 30000)
    updater.request(done, {imei = identity()})
end)

sys.run()
