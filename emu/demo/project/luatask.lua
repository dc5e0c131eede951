-- The demo project of airlift for the Luat script core: it connects, asks the
-- platform for an upgrade, and restarts into it. The same text, with another
-- VERSION, is the upgrade.
PROJECT = "fotademo"
VERSION = "1.0.0"
PRODUCT_KEY = "airliftDemoProjectKey00000000000"

require "log"
require "sys"
require "net"
require "update"

log.info("main", PROJECT, VERSION, "on core", rtos.get_version())

update.request(function(ok)
    log.info("demo", "upgrade result", ok)
    if ok then
        log.info("demo", "the package is stored, restarting into upgrade mode")
        sys.restart("upgrade")
    else
        log.info("demo", "nothing to do, running on")
    end
end)

sys.init(0, 0)
sys.run()
