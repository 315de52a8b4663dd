-- wrk: as put_secret.lua, with a pause of CC_BENCH_PAUSE_MS before each request of a connection, so that requests come at a
-- rate and not as fast as they are answered.

dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "") .. "put_secret.lua")

local pause = tonumber(os.getenv("CC_BENCH_PAUSE_MS"))

function delay()
  return pause
end
