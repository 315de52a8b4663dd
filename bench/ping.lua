-- wrk: pings of several agents in turn, each by its address, as a cron line sends them.
-- Told by the environment: CC_BENCH_PINGS, a list of paths with spaces between.

dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "") .. "result.lua")

function init(args)
  requests, turn = {}, 0
  for path in os.getenv("CC_BENCH_PINGS"):gmatch("%S+") do
    table.insert(requests, "GET " .. path .. " HTTP/1.1\r\nHost: " .. wrk.host .. "\r\n\r\n")
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

-- No response(): as in heartbeat.lua.
function done(summary, latency, requests)
  write_result(summary, latency, summary.requests - summary.errors.status, summary.errors.status, "")
end
